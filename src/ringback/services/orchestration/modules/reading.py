"""How elements are read: `name` is literal, `nameexpr` an expression."""

from __future__ import annotations

from ringback.scxml import ActionContext, Element, EvaluationError, Json

VENDOR = "www.genesyslab.com/modules"


def text(context: ActionContext, element: Element, name: str, default: str = "") -> str:
    """An attribute as text."""
    value = context.attribute(element, name)
    return default if value is None else str(value)


def needed(context: ActionContext, element: Element, name: str) -> str:
    """An attribute that must not be empty. Raises EvaluationError."""
    value = text(context, element, name)
    if not value:
        raise EvaluationError(f"<{element.name}> needs {name!r}")
    return value


def number(context: ActionContext, element: Element, name: str, default: float = 0.0) -> float:
    """An attribute as a number. Raises EvaluationError."""
    value = context.attribute(element, name)
    if value is None:
        return default
    try:
        return float(value)
    except (TypeError, ValueError):
        raise EvaluationError(f"<{element.name}> {name!r} is not a number: {value!r}") from None


def prompts(context: ActionContext, element: Element) -> list[str]:
    """Names of prompts: the attribute `prompts`, then children `<prompt name>`; empty names are left out."""
    value = context.attribute(element, "prompts", "")
    names = value.split() if isinstance(value, str) else list(value)
    for child in element.elements():
        if child.name == "prompt":
            names.append(text(context, child, "name"))
    return [str(name) for name in names if name]


def params(context: ActionContext, element: Element) -> dict[str, Json]:
    """The children `<param name expr>` with their values."""
    return {
        needed(context, child, "name"): context.evaluate(child.get("expr") or "undefined")
        for child in element.elements()
        if child.name == "param"
    }


def emit(context: ActionContext, element: Element, payload: dict[str, Json]) -> str:
    """Queue the action and put its id where `requestid` says; the id."""
    request_id = f"{context.root_id}:{context.emit(element.namespace, element.name, payload)}"
    location = element.get("requestid")
    if location is not None:
        context.assign(location, request_id)
    return request_id
