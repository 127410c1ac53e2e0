"""What call events mean to an agent."""

import pytest

from ringback.contracts.events import CallEvent
from ringback.domain.agents.session import Answer, Dial, Happening, NoAnswer, Reject, Release, Ring
from ringback.services.agent_state.consumers import CALL_EVENTS


@pytest.mark.parametrize(
    ("name", "reason", "happening"),
    [
        ("EventRinging", "", Ring("00aa")),
        ("EventEstablished", "", Answer("00aa")),
        ("EventDialing", "", Dial("00aa")),
        ("EventReleased", "", Release("00aa")),
        ("EventReleased", "remote_release", Release("00aa")),
        ("EventReleased", "no_answer", NoAnswer("00aa")),
        ("EventReleased", "unreachable", NoAnswer("00aa", "unreachable")),
        ("EventReleased", "network", Release("00aa")),
        ("EventReleased", "rejected", Reject("00aa")),
        ("EventReleased", "busy", Reject("00aa", "busy")),
        ("EventAbandoned", "caller_gone", Release("00aa")),
    ],
)
def test_a_call_event_is_what_happens_to_the_agent(name: str, reason: str, happening: Happening) -> None:
    event = CallEvent(id=name, time=1.0, tenant="demo", conn_id="00aa", reason=reason)
    assert CALL_EVENTS[name](event) == happening


def test_events_of_the_queue_do_not_concern_an_agent() -> None:
    assert not {"EventRouteRequest", "EventRouteUsed", "EventDiverted"} & set(CALL_EVENTS)
