"""Real-time figures: `subscribe` and `unsubscribe`, and `sdata`, which reads one once.

Events: `statistic.subscribe.done` and `statistic.sdata.done` with `object`, `statistic`, `value`;
`statistic.update` with the same whenever the figure has changed; `statistic.unsubscribe.done`;
`error.statistic.subscribe` and so on (`reason`: unknown_statistic, too_many, unavailable, refused).
"""

from __future__ import annotations

from ringback.scxml import ActionContext, ActionHandler, Element, EvaluationError
from ringback.services.orchestration.modules.reading import VENDOR, emit, needed, number, text

NAMESPACE = f"{VENDOR}/statistic"
TYPES = ("agent", "group", "queue", "vq", "campaign")
SUFFIXES = {"A": "agent", "GA": "group", "Q": "vq", "RP": "queue"}
"""Of an object that is named as a routing target is: `Name@StatServer.Type`."""


def subscribe(element: Element, context: ActionContext) -> None:
    """`<subscribe requestid object type statistic window interval insensitivity>`; `interval` in seconds."""
    emit(context, element, _wish(element, context))


def sdata(element: Element, context: ActionContext) -> None:
    """`<sdata object type statistic window>`: the value now."""
    emit(context, element, _wish(element, context))


def unsubscribe(element: Element, context: ActionContext) -> None:
    """`<unsubscribe requestid>`: the location that `<subscribe>` has filled; without one all."""
    request = element.get("requestid")
    payload = {"request_id": str(context.evaluate(request)) if request else ""}
    context.emit(NAMESPACE, "unsubscribe", payload)


def plain_wish(name: str, statistic: str) -> dict[str, object]:
    """What `_genesys.statistic.sData(name, statistic)` asks for; the value is refreshed every two seconds."""
    bare, kind = object_of(name, "")
    return {
        "object": bare,
        "object_type": kind,
        "statistic": statistic,
        "window": "growing",
        "interval_s": 2.0,
        "insensitivity": 0.0,
    }


def _wish(element: Element, context: ActionContext) -> dict[str, object]:
    name, kind = object_of(needed(context, element, "object"), text(context, element, "type"))
    if kind not in TYPES:
        raise EvaluationError(f"<{element.name}> 'type' is one of {', '.join(TYPES)}")
    return {
        **plain_wish(name, needed(context, element, "statistic")),
        "object": name,
        "object_type": kind,
        "window": text(context, element, "window", "growing"),
        "interval_s": number(context, element, "interval", 2.0),
        "insensitivity": number(context, element, "insensitivity"),
    }


def object_of(name: str, kind: str) -> tuple[str, str]:
    """Name and type of what is named as a target is (`Name@StatServer.Type`) or plainly (a virtual queue)."""
    bare, at, place = name.rpartition("@")
    suffix = place.rpartition(".")[2]
    if at and suffix in SUFFIXES:
        return bare, kind or SUFFIXES[suffix]
    return name, kind or "vq"


ELEMENTS: dict[tuple[str, str], ActionHandler] = {
    (NAMESPACE, "subscribe"): subscribe,
    (NAMESPACE, "unsubscribe"): unsubscribe,
    (NAMESPACE, "sdata"): sdata,
}
