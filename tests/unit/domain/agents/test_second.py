"""A consultation beside a call: seen, counted once, and never in the way."""

import pytest

from ringback.domain.agents import AgentSession, State, Status, status, step
from ringback.domain.agents.session import (
    Answer,
    Dial,
    Happening,
    Hold,
    LeaseExpired,
    Login,
    Move,
    NoAnswer,
    Release,
    Reserve,
    Retrieve,
    Ring,
)

CALL = (Reserve("r1", "ixn-1", "Loans", 10.0), Ring("c1", 2), Answer("c1", 2))
CONSULT = (Hold("c1"), Dial("x", 4), Answer("x", 4))


def after(*happenings: Happening) -> AgentSession:
    session = AgentSession("1001")
    for now, happening in enumerate((Login("7001", ready=True), *CALL, *happenings)):
        session = step(session, happening, float(now)).session
    return session


@pytest.mark.parametrize(
    ("happenings", "shown"),
    [
        ((Hold("c1"),), Status.CallOnHold),
        (CONSULT[:2], Status.CallOnHold),
        (CONSULT, Status.CallConsult),
        ((*CONSULT, Hold("x"), Retrieve("c1")), Status.CallInbound),
        ((*CONSULT, Release("x")), Status.CallOnHold),
        ((*CONSULT, Release("x"), Retrieve("c1")), Status.CallInbound),
        ((*CONSULT[:2], NoAnswer("x"), Retrieve("c1")), Status.CallInbound),
    ],
)
def test_the_status_is_that_of_the_higher_call(happenings: tuple[Happening, ...], shown: Status) -> None:
    session = after(*happenings)
    assert (status(session), session.state, session.interaction) == (shown, State.TALKING, "ixn-1")


@pytest.mark.parametrize("order", [("c1", "x"), ("x", "c1")])
def test_a_transfer_ends_both_in_either_order_and_after_call_work_follows(
    order: tuple[str, str],
) -> None:
    session = after(*CONSULT, *(Release(name) for name in order))
    assert (session.state, session.second, session.interaction) == (State.ACW, "", "ixn-1")
    assert session.calls == 1
    assert step(session, LeaseExpired(), session.lease_until).session.state is State.READY


def test_who_goes_on_with_the_consultation_is_seen_in_it_until_its_end() -> None:
    session = after(*CONSULT, Release("c1"))
    assert (session.state, session.conn_id, status(session)) == (State.TALKING, "x", Status.CallConsult)
    assert step(session, Release("x"), 50.0).session.state is State.ACW


def test_a_consultation_that_becomes_the_call_is_over() -> None:
    session = after(*CONSULT, Move("c1", "x"))
    assert (session.second, session.conn_id, status(session)) == ("", "c1", Status.CallInbound)


def test_a_second_call_that_only_rings_is_left_when_the_first_ends() -> None:
    session = after(Ring("c2", 1), Release("c1"))
    assert (session.state, session.second) == (State.ACW, "")
    assert step(session, Answer("c2", 1), 60.0).session.conn_id == "c2"


def test_a_third_call_changes_nothing() -> None:
    session = after(*CONSULT)
    for report in (Ring("c3"), Answer("c3"), Release("c3"), Hold("c3")):
        assert step(session, report, 60.0).session == session
