"""The callback that a session makes: `report` tells engagement of each step.

Event: `callback.report.done` with the `state` reported, and `go_on`; false ends the attempt.
"""

from __future__ import annotations

from ringback.scxml import ActionContext, ActionHandler, Element
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


ELEMENTS: dict[tuple[str, str], ActionHandler] = {(NAMESPACE, "report"): report}
