"""From events of calls and results of the router to the events that an application sees. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec.structs import replace

from ringback.contracts.events import AgentEvent, CallEvent
from ringback.contracts.routing import RouteResult
from ringback.scxml import Event
from ringback.services.orchestration.records import Asked, Json

GO_ON = frozenset({"playsound", "stop"})
"""Treatments that never end by themselves: they are done when they have begun."""
SILENT_ENDS = frozenset({"superseded", "routed", "call_ended", "cancelled"})
"""Ends of a treatment that nobody waits for: something else has taken its place."""


DONE: dict[str, frozenset[str]] = {
    "redirect": frozenset({"EventRouteUsed"}),
    "createcall": frozenset({"EventEstablished"}),
    "answer": frozenset({"EventTreatmentApplied"}),
    "hold": frozenset({"EventHeld"}),
    "retrieve": frozenset({"EventRetrieved"}),
    "senddtmf": frozenset({"EventDTMFSent"}),
    "initiatetransfer": frozenset({"EventEstablished"}),
    "initiateconference": frozenset({"EventEstablished"}),
    "singlesteptransfer": frozenset({"EventReleased", "EventPartyChanged"}),
    "singlestepconference": frozenset({"EventPartyAdded", "EventPartyChanged"}),
    "completetransfer": frozenset({"EventReleased"}),
    "completeconference": frozenset({"EventReleased"}),
    "reconnect": frozenset({"EventReleased"}),
    "alternate": frozenset({"EventHeld", "EventRetrieved"}),
}
"""The events of a call, with the action's reference, that say that an element of `interaction` is done."""
ONCE = frozenset(DONE) - {"redirect", "createcall"}
"""Elements that are forgotten when they are done: what else has their reference is an event of the call."""


_VOICE = re.compile(
    r"(error\.)?interaction\.(hold|retrieve|senddtmf|releasecall|clearcall|redirectcall|deletefromconference"
    r"|(?:singlestep|initiate|complete)(?:transfer|conference)|reconnect|alternate)(\.done)?"
)


def alias(event: Event) -> Event | None:
    """The same answer under the name that charts of the original wait for: `voice.hold.done` and so on."""
    match = _VOICE.fullmatch(event.name)
    if match is None:
        return None
    return replace(event, name=f"{match[1] or ''}voice.{match[2]}{match[3] or ''}")


def session_of(reference: str) -> str:
    """The session that made a request, by the request's id; empty when none of ours did."""
    session, colon, number = reference.rpartition(":")
    return session if colon and number.isdigit() else ""


def from_call(event: CallEvent, asked: Asked | None) -> Event:
    """The event of a call's event; `asked` is the action that its reference names."""
    return _answer(event, asked) or Event(_name(event), data=_fields(event))


def _name(event: CallEvent) -> str:
    if event.id == "EventCallDeleted" and not event.previous_conn_id:
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
        "thirdpartydn": event.third_party_dn,
        "previousconnid": event.previous_conn_id,
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
        return _treatment(event, asked, fields)
    module = "voice" if element == "createcall" else "interaction"
    if event.id == "EventError":
        return Event(f"error.{module}.{element}", data=_error(fields))
    if event.id in DONE.get(element, ()):
        name = {"dn": event.third_party_dn} if element == "redirect" else {}
        return Event(f"{module}.{element}.done", data={**fields, **name})
    return None


def _treatment(event: CallEvent, asked: Asked, fields: dict[str, Json]) -> Event | None:
    element, fields["digits"] = asked.element, event.digits
    if asked.verify:
        fields["verified"] = event.digits == asked.verify
    if event.id == "EventTreatmentApplied" and element in GO_ON:
        return Event(f"dialog.{element}.done", data=fields)
    if element == "runtreatments":
        return None
    if event.id == "EventTreatmentEnd" and event.reason not in SILENT_ENDS:
        return Event(f"dialog.{element}.done", data=fields)
    if event.id == "EventTreatmentNotApplied":
        return Event(f"error.dialog.{element}", data=_error(fields))
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
    if result.outcome in ("reserved", "diverted"):
        fields |= {"vqselected": result.vq, "resource": {"dn": result.dn, "agent": result.agent_id}}
        fields["targetobjectselected"] = result.agent_id or result.dn
    if result.outcome == "reserved":
        fields["targetselected"] = f"{result.agent_id}@ringback.A"
    elif result.outcome == "diverted":
        fields["targetselected"] = f"{result.dn}@ringback.DN"
    name = _RESULTS[result.outcome]
    return Event(name, data=_error(fields) if name.startswith("error.") else fields)


_RESULTS = {
    "reserved": "queue.submit.done",
    "diverted": "queue.submit.done",
    "position": "queue.position",
    "timeout": "error.queue.submit",
    "rejected": "error.queue.submit",
    "cancelled": "queue.cancel.done",
}


def error_event(asked: Asked, reason: str, request_id: str, more: Mapping[str, Json] | None = None) -> Event:
    """An action could not be carried out."""
    module = {"interaction": "voice" if asked.element == "createcall" else "interaction"}.get(
        asked.module, asked.module
    )
    name = f"error.{module}.{asked.element}"
    return Event(name, data=_error({"reason": reason, "requestid": request_id, **(more or {})}))


def _error(fields: dict[str, Json]) -> dict[str, Json]:
    """Errors of the original have `error` and `description`; the word is the same as `reason`."""
    reason = str(fields.get("reason") or "failed")
    return {**fields, "reason": reason, "error": reason, "description": reason.replace("_", " ")}


def done_event(asked: Asked, data: dict[str, Json], request_id: str) -> Event:
    """An action has been carried out."""
    return Event(f"{asked.module}.{asked.element}.done", data={**data, "requestid": request_id})
