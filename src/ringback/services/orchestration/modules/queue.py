"""Virtual queues: `submit`, `update`, `query`, and what answers a reservation: `confirm`, `return`, `cancel`.

Events: `queue.submit.requestid` (where `<submit>` names no location for it), `queue.submit.done` (an agent
is reserved), `queue.position`, `error.queue.submit` (timeout, rejected, cancelled), `queue.query.done`.
"""

from __future__ import annotations

from typing import Any

from ringback.scxml import ActionContext, ActionHandler, Element, EvaluationError, Json
from ringback.services.orchestration.modules.dialog import runtreatments
from ringback.services.orchestration.modules.reading import VENDOR, emit, needed, number, text

NAMESPACE = f"{VENDOR}/queue"


def submit(element: Element, context: ActionContext) -> None:
    """`<submit requestid queue target priority growth timeout arrivaltime interactionid ordertype orderstat
    preferredagent preferredtimeout lease route>`; times in seconds.

    `growth` points are gained per second; or `priorityincrement` points every `priorityinterval` seconds from
    the arrival on, up to `prioritylimit`. `lease`: how long a reserved agent is held. With
    `route` the platform itself gives the call to whom it has reserved; `queue.submit.done` says who answered.

    Each child `<targets timeout clear queue priority ordertype orderstat>` is a step: its `<target name type
    statserver weight threshold>` are added to those of the steps before, once these have waited so long.
    """
    steps = [_step(group, element, context) for group in element.elements() if group.name == "targets"]
    target = text(context, element, "target")
    if not target and len(steps) == 1 and steps[0].keys() == {"targets"} and len(steps[0]["targets"]) == 1:
        target, steps = steps[0]["targets"][0], []
    payload: dict[str, Json] = {
        "vq": needed(context, element, "queue"),
        "target": target,
        "priority": int(number(context, element, "priority")),
        "timeout_s": number(context, element, "timeout"),
        "arrival_time": number(context, element, "arrivaltime"),
        "interaction_id": text(context, element, "interactionid"),
        **_wishes(context, element),
    }
    if steps:
        payload["steps"] = [*steps]
    for child in element.elements():
        if child.name == "runtreatments":
            runtreatments(child, context)
    request_id = emit(context, element, payload)
    if element.get("requestid") is None:
        context.raise_event("queue.submit.requestid", {"requestid": request_id})


def _wishes(context: ActionContext, element: Element) -> dict[str, Json]:
    """What need not be said."""
    said: dict[str, Json] = {}
    if lease := number(context, element, "lease"):
        said["lease_s"] = lease
    if increment := int(number(context, element, "priorityincrement")):
        said["priority_increment"] = increment
        said["priority_interval_s"] = number(context, element, "priorityinterval", 60.0)
        said["priority_limit"] = int(number(context, element, "prioritylimit"))
    if text(context, element, "route").lower() == "true":
        said["route"] = True
    if preferred := text(context, element, "preferredagent"):
        said["preferred_agent"] = preferred
        said["preferred_s"] = number(context, element, "preferredtimeout")
    if context.attribute(element, "growth") is not None:
        said["growth"] = number(context, element, "growth")
    return said


def _step(group: Element, submit: Element, context: ActionContext) -> dict[str, Any]:
    """A step as the router's contract has it; what is not said is not there."""
    children = [child for child in group.elements() if child.name in ("target", "targetid")]
    kind, server = text(context, group, "type"), text(context, group, "statserver")
    said = {
        "timeout_s": number(context, group, "timeout"),
        "clear": text(context, group, "clear").lower() == "true",
        "vq": text(context, group, "queue"),
        "order": _order(group, context) or _order(submit, context),
    }
    step: dict[str, Any] = {"targets": [_target(child, kind, server, context) for child in children]}
    step.update((name, value) for name, value in said.items() if value)
    if context.attribute(group, "priority") is not None:
        step["priority"] = int(number(context, group, "priority"))
    return step


def _target(child: Element, kind: str, server: str, context: ActionContext) -> str:
    """A target as it is written: `{threshold}[weight]Name@Server.Type`; without a type the name says all."""
    name = text(context, child, "name") or text(context, child, "id")
    if child.name == "targetid" and not name:
        name = str(context.evaluate(child.get("expr") or "''"))
    kind = (text(context, child, "type") or kind).lower()
    if kind and kind not in _TYPES:
        raise EvaluationError(f"<target> of type {kind!r}: {', '.join(_TYPES)}")
    if kind:
        server = text(context, child, "statserver") or server or "ringback"
        name = f"{'?:' if kind == 'skill' else ''}{name}@{server}.{_TYPES[kind]}"
    weight, threshold = text(context, child, "weight"), text(context, child, "threshold")
    return ("{" + threshold + "}" if threshold else "") + (f"[{weight}]" if weight else "") + name


def _order(element: Element, context: ActionContext) -> str:
    """`ordertype` min, max with `orderstat`, or percentage; any: the longest ready."""
    kind, statistic = text(context, element, "ordertype"), text(context, element, "orderstat")
    if kind in ("", "any"):
        return ""
    return f"{kind} {statistic}" if kind in ("min", "max") else kind


_TYPES = {
    "agent": "A",
    "place": "AP",
    "agentgroup": "GA",
    "placegroup": "GP",
    "skill": "GA",
    "queue": "Q",
    "queuegroup": "GQ",
    "routepoint": "RP",
    "dn": "DN",
}


def update(element: Element, context: ActionContext) -> None:
    """`<update requestid priority growth>`: the priority changes, the place in line with it."""
    payload: dict[str, Json] = {
        "request_id": _request(element, context),
        "priority": int(number(context, element, "priority")),
    }
    if context.attribute(element, "growth") is not None:
        payload["growth"] = number(context, element, "growth")
    context.emit(NAMESPACE, "update", payload)


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
    (NAMESPACE, "update"): update,
    (NAMESPACE, "cancel"): cancel,
    (NAMESPACE, "confirm"): confirm,
    (NAMESPACE, "return"): return_,
    (NAMESPACE, "query"): query,
}
