"""Callbacks: `report` tells engagement of each step of an attempt, `book` promises one to a caller in line,
`preview` asks a reserved agent.

Events: `callback.report.done` with the `state` reported, and `go_on`; false ends the attempt;
`callback.book.done` with the `id` of the callback, `error.callback.book` (`reason`);
`callback.preview.done` with the `answer` (accept or reject) of the `agent`, `error.callback.preview`.

Of a caller for whom a callback waits: `waiting` finds it, `takeover` gives its place to the call, `cancel`
gives it up. Of one who dials in after a request: `match` finds the request.
"""

from __future__ import annotations

from ringback.scxml import ActionContext, ActionHandler, Element, EvaluationError
from ringback.services.orchestration.modules.reading import emit, needed, number, text

NAMESPACE = "urn:ringback:callback"


def report(element: Element, context: ActionContext) -> None:
    """`<report state reason dialresult agent connid position ewt>`."""
    payload = {
        "state": needed(context, element, "state"),
        "reason": text(context, element, "reason"),
        "dial_result": text(context, element, "dialresult"),
        "agent_id": text(context, element, "agent"),
        "conn_id": text(context, element, "connid"),
        "position": int(number(context, element, "position")),
        "ewt": number(context, element, "ewt", -1.0),
    }
    emit(context, element, payload)


def book(element: Element, context: ActionContext) -> None:
    """`<book service number arrivaltime after interactionid priority data>`.

    `arrivaltime` is the place that the callback keeps; `after`: seconds for which the caller may still be on
    the line, and is not dialled.
    """
    data = context.attribute(element, "data", {})
    if not isinstance(data, dict):
        raise EvaluationError("<book> 'data' is not an object")
    payload = {
        "service": needed(context, element, "service"),
        "number": needed(context, element, "number"),
        "arrival_time": number(context, element, "arrivaltime"),
        "after_s": number(context, element, "after"),
        "interaction_id": text(context, element, "interactionid"),
        "priority": int(number(context, element, "priority")),
        "user_data": data,
    }
    emit(context, element, payload)


def preview(element: Element, context: ActionContext) -> None:
    """`<preview agent timeout allowreject data>`: the agent's desktop shows `data` and answers in seconds."""
    data = context.attribute(element, "data", {})
    if not isinstance(data, dict):
        raise EvaluationError("<preview> 'data' is not an object")
    payload = {
        "agent_id": needed(context, element, "agent"),
        "timeout": number(context, element, "timeout", 30.0),
        "allow_reject": bool(context.attribute(element, "allowreject", True)),
        "user_data": data,
    }
    emit(context, element, payload)


def waiting(element: Element, context: ActionContext) -> None:
    """`<waiting number service>`: the callback that waits for a number, of this service first."""
    payload = {"number": needed(context, element, "number"), "service": text(context, element, "service")}
    emit(context, element, payload)


def takeover(element: Element, context: ActionContext) -> None:
    """`<takeover callback>`: the call gets the place (`arrivaltime`) of the callback, which completes."""
    emit(context, element, {"callback": needed(context, element, "callback")})


def cancel(element: Element, context: ActionContext) -> None:
    """`<cancel callback>`: as the customer would."""
    emit(context, element, {"callback": needed(context, element, "callback")})


def match(element: Element, context: ActionContext) -> None:
    """`<match to number code>`: the call-in request that the call belongs to; it is used up."""
    payload = {
        "to": needed(context, element, "to"),
        "number": text(context, element, "number"),
        "code": text(context, element, "code"),
    }
    emit(context, element, payload)


ELEMENTS: dict[tuple[str, str], ActionHandler] = {
    (NAMESPACE, "book"): book,
    (NAMESPACE, "cancel"): cancel,
    (NAMESPACE, "match"): match,
    (NAMESPACE, "preview"): preview,
    (NAMESPACE, "report"): report,
    (NAMESPACE, "takeover"): takeover,
    (NAMESPACE, "waiting"): waiting,
}
