from ringback.contracts.events import CallEvent
from ringback.services.call_state.records import CallRecord, apply, begin


def event(name: str, sequence: int, **more: object) -> CallEvent:
    facts: dict[str, object] = {"call_uuid": "U", "call_thread_id": "T", "ani": "+1", "dnis": "8000", **more}
    return CallEvent(id=name, time=float(sequence), tenant="demo", conn_id="c", sequence=sequence, **facts)  # type: ignore[arg-type]


def after(*events: CallEvent) -> CallRecord:
    record = begin(events[0])
    for one in events:
        record = apply(record, one)
    return record


CREATED = event("EventCallCreated", 1)
WAITING = event("EventRouteRequest", 2, this_dn="8000")
RINGING = event("EventRinging", 3, this_dn="1001", agent_id="anna")


def test_the_state_is_the_last_event_that_changed_it() -> None:
    record = after(CREATED, WAITING, event("EventTreatmentApplied", 3))
    assert (record.view.state, record.view.queue, record.view.thread_id) == ("RouteRequest", "8000", "T")


def test_a_ringing_agent_is_shown_and_a_failed_route_brings_the_call_back() -> None:
    assert after(CREATED, WAITING, RINGING).view.agent_id == "anna"
    released = event("EventReleased", 4, this_dn="1001", agent_id="anna")
    back = after(CREATED, WAITING, RINGING, released, event("EventError", 5, this_dn="8000"))
    assert (back.view.state, back.view.agent_id) == ("RouteRequest", "")


def test_a_held_call_is_established_again_when_retrieved() -> None:
    held = event("EventHeld", 4, agent_id="anna")
    assert after(CREATED, RINGING, held).view.state == "Held"
    assert after(CREATED, RINGING, held, event("EventRetrieved", 5)).view.state == "Established"


def test_doubled_and_late_events_change_nothing() -> None:
    record = after(CREATED, WAITING, RINGING)
    assert apply(record, RINGING) is record
    assert apply(record, WAITING) is record


def test_the_deleted_call_is_over() -> None:
    assert after(CREATED, event("EventCallDeleted", 2)).over
