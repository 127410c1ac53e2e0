"""Executable content and payloads, from elements to the model (SCXML 4, 5.4 to 5.8, 6.2, 6.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ringback.sandbox import Element

from .errors import DocumentError
from .model import (
    Assign,
    Block,
    Cancel,
    Content,
    Custom,
    Executable,
    Foreach,
    If,
    LogContent,
    Param,
    Payload,
    Raise,
    Script,
    Send,
    Value,
)

SCXML_NAMESPACE = "http://www.w3.org/2005/07/scxml"


def scxml_children(element: Element) -> Iterator[Element]:
    """The child elements that belong to SCXML itself."""
    return (child for child in element.elements() if child.namespace == SCXML_NAMESPACE)


def required(element: Element, name: str) -> str:
    """The attribute, or DocumentError."""
    value = element.get(name)
    if value is None:
        raise DocumentError(f"<{element.name}> needs {name!r}", element.line)
    return value


def value_of(element: Element, name: str) -> Value:
    """`name` or `nameexpr`; both is an error (SCXML 6.2.2)."""
    literal, expr = element.get(name), element.get(f"{name}expr")
    if literal is not None and expr is not None:
        raise DocumentError(f"<{element.name}> has both {name!r} and '{name}expr'", element.line)
    return Value(literal, expr)


def flag(element: Element, name: str) -> bool:
    """A boolean attribute; absent is false."""
    return element.get(name, "false") == "true"


def inline_content(element: Element) -> Content | None:
    """What stands inside `<data>`, `<assign>` or `<content>`, or None when that is nothing."""
    child = next(element.elements(), None)
    text = element.text()
    if child is None and not text.strip():
        return None
    return Content(text=text, element=child)


def compile_payload(element: Element) -> Payload:
    """`<param>`, `namelist` and `<content>` of an element."""
    params: list[Param] = []
    content: Content | None = None
    for child in scxml_children(element):
        if child.name == "param":
            params.append(Param(required(child, "name"), child.get("expr"), child.get("location")))
        elif child.name == "content":
            expr = child.get("expr")
            content = Content(expr=expr) if expr is not None else inline_content(child) or Content()
    names = tuple((element.get("namelist") or "").split())
    if element.name == "send" and content is not None and (params or names):
        raise DocumentError("<send> has both <content> and parameters", element.line)
    return Payload(tuple(params), names, content)


def compile_block(element: Element) -> Block:
    """The executable content inside `element`."""
    return tuple(_compile(child) for child in element.elements())


def _compile(element: Element) -> Executable:
    if element.namespace != SCXML_NAMESPACE:
        return Custom(element)
    reader = _READERS.get(element.name)
    if reader is None:
        raise DocumentError(f"<{element.name}> is not executable content", element.line)
    return reader(element)


def _raise(element: Element) -> Raise:
    return Raise(required(element, "event"))


def _log(element: Element) -> LogContent:
    return LogContent(element.get("label") or "", element.get("expr"))


def _assign(element: Element) -> Assign:
    return Assign(required(element, "location"), element.get("expr"), inline_content(element))


def _script(element: Element) -> Script:
    return Script(element.text())


def _if(element: Element) -> If:
    branches: list[tuple[str | None, list[Executable]]] = [(required(element, "cond"), [])]
    for child in element.elements():
        if child.namespace == SCXML_NAMESPACE and child.name in ("elseif", "else"):
            if branches[-1][0] is None:
                raise DocumentError(f"<{child.name}> after <else>", child.line)
            branches.append((required(child, "cond") if child.name == "elseif" else None, []))
        else:
            branches[-1][1].append(_compile(child))
    return If(tuple((cond, tuple(block)) for cond, block in branches))


def _foreach(element: Element) -> Foreach:
    return Foreach(
        required(element, "array"), required(element, "item"), element.get("index"), compile_block(element)
    )


def _send(element: Element) -> Send:
    return Send(
        event=value_of(element, "event"),
        target=value_of(element, "target"),
        type=value_of(element, "type"),
        delay=value_of(element, "delay"),
        id=element.get("id"),
        idlocation=element.get("idlocation"),
        payload=compile_payload(element),
    )


def _cancel(element: Element) -> Cancel:
    return Cancel(value_of(element, "sendid"))


_READERS: dict[str, Callable[[Element], Executable]] = {
    "raise": _raise,
    "log": _log,
    "assign": _assign,
    "script": _script,
    "if": _if,
    "foreach": _foreach,
    "send": _send,
    "cancel": _cancel,
}
