"""Virtual queues: `submit`, `query`, and what answers a reservation: `confirm`, `return`, `cancel`.

Events: `queue.submit.done` (an agent is reserved), `queue.position`, `error.queue.submit` (timeout, rejected,
cancelled), `queue.query.done`.
"""

from __future__ import annotations

from ringback.scxml import ActionContext, ActionHandler, Element
from ringback.services.orchestration.modules.reading import VENDOR, emit, needed, number, text

NAMESPACE = f"{VENDOR}/queue"


def submit(element: Element, context: ActionContext) -> None:
    """`<submit requestid queue target priority timeout arrivaltime interactionid lease>`; times in seconds.

    `priorityincrement` points are gained every `priorityinterval` seconds from the arrival on, up to
    `prioritylimit`. `lease`: how long a reserved agent is held.
    """
    payload = {
        "vq": needed(context, element, "queue"),
        "target": text(context, element, "target") or _first_target(element, context),
        "priority": int(number(context, element, "priority")),
        "timeout_s": number(context, element, "timeout"),
        "arrival_time": number(context, element, "arrivaltime"),
        "interaction_id": text(context, element, "interactionid"),
    }
    if lease := number(context, element, "lease"):
        payload["lease_s"] = lease
    if increment := int(number(context, element, "priorityincrement")):
        payload["priority_increment"] = increment
        payload["priority_interval_s"] = number(context, element, "priorityinterval", 60.0)
        payload["priority_limit"] = int(number(context, element, "prioritylimit"))
    emit(context, element, payload)


def _first_target(element: Element, context: ActionContext) -> str:
    for group in element.elements():
        for target in group.elements():
            if target.name == "target":
                return text(context, target, "name")
    return ""


def cancel(element: Element, context: ActionContext) -> None:
    """`<cancel requestid reason>`: leave the queue; a reserved agent is let go."""
    payload = {"request_id": _request(element, context), "reason": text(context, element, "reason")}
    context.emit(NAMESPACE, "cancel", payload)


def confirm(element: Element, context: ActionContext) -> None:
    """`<confirm requestid agent>`: the agent is connected."""
    payload = {"request_id": _request(element, context), "agent_id": needed(context, element, "agent")}
    context.emit(NAMESPACE, "confirm", payload)


def return_(element: Element, context: ActionContext) -> None:
    """`<return requestid agent reason>`: back to the same place, this agent last."""
    payload = {
        "request_id": _request(element, context),
        "agent_id": needed(context, element, "agent"),
        "reason": needed(context, element, "reason"),
    }
    context.emit(NAMESPACE, "return", payload)


def query(element: Element, context: ActionContext) -> None:
    """`<query queue>`: how the queue stands."""
    emit(context, element, {"vq": needed(context, element, "queue")})


def _request(element: Element, context: ActionContext) -> str:
    """Here `requestid` is read, not written: the location that `<submit>` filled."""
    return str(context.evaluate(element.get("requestid") or "''"))


ELEMENTS: dict[tuple[str, str], ActionHandler] = {
    (NAMESPACE, "submit"): submit,
    (NAMESPACE, "cancel"): cancel,
    (NAMESPACE, "confirm"): confirm,
    (NAMESPACE, "return"): return_,
    (NAMESPACE, "query"): query,
}
