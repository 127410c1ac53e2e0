"""What an event means for the picture of a call. Pure: a record and an event in, a record out."""

from msgspec import Struct, structs

from ringback.contracts.events import CallEvent
from ringback.contracts.views import CallView

STATES = {
    "EventCallCreated": "CallCreated",
    "EventRouteRequest": "RouteRequest",
    "EventDialing": "Dialing",
    "EventNetworkReached": "NetworkReached",
    "EventRinging": "Ringing",
    "EventEstablished": "Established",
    "EventHeld": "Held",
    "EventRetrieved": "Established",
    "EventReleased": "Released",
    "EventAbandoned": "Abandoned",
    "EventDestinationBusy": "DestinationBusy",
    "EventCallDeleted": "CallDeleted",
}
"""The event -> the state that people read. Events that are not here change no state."""


class CallRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call as it is kept: what is shown, and how far its events have been read."""

    view: CallView
    sequence: int = 0
    updated: float = 0.0
    over: bool = False


def begin(event: CallEvent) -> CallRecord:
    """The record of a call that was not known."""
    view = CallView(
        tenant=event.tenant,
        conn_id=event.conn_id,
        call_uuid=event.call_uuid,
        call_type=event.call_type,
        state="",
        started=event.time,
        thread_id=event.call_thread_id,
    )
    return CallRecord(view=view)


def apply(record: CallRecord, event: CallEvent) -> CallRecord:
    """The record after the event; an event that was seen, or is older, changes nothing."""
    if event.sequence <= record.sequence:
        return record
    view = structs.replace(
        record.view,
        state=_state(record.view, event),
        call_type=event.call_type or record.view.call_type,
        ani=event.ani or record.view.ani,
        dnis=event.dnis or record.view.dnis,
        agent_id=_agent(record.view, event),
        queue=event.this_dn if event.id == "EventRouteRequest" else record.view.queue,
        node=event.server,
        thread_id=event.call_thread_id or record.view.thread_id,
    )
    over = record.over or event.id == "EventCallDeleted"
    return CallRecord(view=view, sequence=event.sequence, updated=event.time, over=over)


def _state(view: CallView, event: CallEvent) -> str:
    """A failed route brings the call back to its route point."""
    if event.id == "EventError" and view.state in ("Released", "DestinationBusy") and view.queue:
        return "RouteRequest"
    return STATES.get(event.id, view.state)


def _agent(view: CallView, event: CallEvent) -> str:
    if event.id in ("EventRinging", "EventEstablished") and event.agent_id:
        return event.agent_id
    if event.id in ("EventReleased", "EventAbandoned") and event.agent_id == view.agent_id:
        return ""
    return view.agent_id
