"""From events of calls and results of the router to the events that an application sees. Pure."""

from __future__ import annotations

from ringback.contracts.events import AgentEvent, CallEvent
from ringback.contracts.routing import RouteResult
from ringback.scxml import Event
from ringback.services.orchestration.records import Asked, Json

SILENT_ENDS = frozenset({"superseded", "routed", "call_ended", "cancelled"})
"""Ends of a treatment that nobody waits for: something else has taken its place."""


def session_of(reference: str) -> str:
    """The session that made a request, by the request's id; empty when none of ours did."""
    session, colon, number = reference.rpartition(":")
    return session if colon and number.isdigit() else ""


def from_call(event: CallEvent, asked: Asked | None) -> Event:
    """The event of a call's event; `asked` is the action that its reference names."""
    return _answer(event, asked) or Event(_name(event), data=_fields(event))


def _name(event: CallEvent) -> str:
    if event.id == "EventCallDeleted":
        return "interaction.deleted"
    if event.id == "EventAbandoned" and not event.agent_id:
        return "interaction.abandoned"
    return "voice." + event.id.removeprefix("Event").lower()


def _fields(event: CallEvent) -> dict[str, Json]:
    """What applications read: lower-case names without underscores."""
    fields = {
        "connid": event.conn_id,
        "dn": event.this_dn,
        "otherdn": event.other_dn,
        "agent": event.agent_id,
        "reason": event.reason,
        "resultclass": event.result_class,
        "dialresult": event.dial_result,
        "requestid": event.reference_id,
        "callstate": int(event.call_state),
        "udata": event.user_data,
    }
    return {name: value for name, value in fields.items() if value not in ("", {})}


def _answer(event: CallEvent, asked: Asked | None) -> Event | None:
    """The event that answers an action, if this is one."""
    if asked is None:
        return None
    element, fields = asked.element, _fields(event)
    if asked.module == "dialog":
        return _treatment(event, element, fields)
    if element == "redirect" and event.id == "EventRouteUsed":
        return Event("interaction.redirect.done", data={**fields, "dn": event.third_party_dn})
    if element == "redirect" and event.id == "EventError":
        return Event("error.interaction.redirect", data=fields)
    if element == "createcall" and event.id == "EventEstablished":
        return Event("voice.createcall.done", data=fields)
    if element == "createcall" and event.id == "EventError":
        return Event("error.voice.createcall", data=fields)
    return None


def _treatment(event: CallEvent, element: str, fields: dict[str, Json]) -> Event | None:
    fields["digits"] = event.digits
    if event.id == "EventTreatmentEnd" and event.reason not in SILENT_ENDS:
        return Event(f"dialog.{element}.done", data=fields)
    if event.id == "EventTreatmentNotApplied":
        return Event(f"error.dialog.{element}", data=fields)
    return None


def from_agent(event: AgentEvent) -> Event:
    """The event of an agent's answer."""
    more = {name.lower(): value for name, value in event.extensions.items()}
    fields = {**more, "agent": event.agent_id, "requestid": event.reference_id}
    name = "callback.preview.done" if more.get("service") == "callback.preview" else "agent.answer"
    return Event(name, data=fields)


def from_result(result: RouteResult) -> Event:
    """The event of a decision of the router."""
    fields: dict[str, Json] = {
        "requestid": result.request_id,
        "queue": result.vq,
        "agent": result.agent_id,
        "dn": result.dn,
        "reservation": result.reservation_id,
        "position": result.position,
        "ewt": result.ewt,
        "reason": result.reason or result.outcome,
    }
    if result.outcome == "reserved":
        fields["targetselected"] = f"{result.agent_id}@ringback.A"
    return Event(_RESULTS[result.outcome], data=fields)


_RESULTS = {
    "reserved": "queue.submit.done",
    "position": "queue.position",
    "timeout": "error.queue.submit",
    "rejected": "error.queue.submit",
    "cancelled": "queue.cancel.done",
}


def error_event(asked: Asked, reason: str, request_id: str) -> Event:
    """An action could not be carried out."""
    module = {"interaction": "voice" if asked.element == "createcall" else "interaction"}.get(
        asked.module, asked.module
    )
    name = f"error.{module}.{asked.element}"
    return Event(name, data={"reason": reason, "requestid": request_id})


def done_event(asked: Asked, data: dict[str, Json], request_id: str) -> Event:
    """An action has been carried out."""
    return Event(f"{asked.module}.{asked.element}.done", data={**data, "requestid": request_id})
