"""The agent state machine, row by row where the row says something."""

import pytest

from ringback.domain.agents import AgentSession, NotAllowed, Policy, State, step
from ringback.domain.agents.session import (
    Answer,
    Dial,
    DnBackInService,
    DnOutOfService,
    Happening,
    LeaseExpired,
    Login,
    Logout,
    Move,
    NoAnswer,
    NotReady,
    ProfileChanged,
    Ready,
    Reject,
    Release,
    Renew,
    Reserve,
    Ring,
    SetDnd,
    Unreserve,
)

RESERVE = Reserve("r1", "ixn-1", "Loans", 10.0)


def after(*happenings: Happening, policy: Policy | None = None) -> AgentSession:
    """An agent who has logged in at second 0 and met each happening one second after the other."""
    session = AgentSession("1001")
    first = Login("7001", {"English": 5}, (), policy or Policy(), ready=True)
    for now, happening in enumerate((first, *happenings)):
        session = step(session, happening, float(now)).session
    return session


def events(session: AgentSession, happening: Happening, now: float = 50.0) -> list[str]:
    return [f"{e.id}{'/' + e.work_mode if e.work_mode else ''}" for e in step(session, happening, now).events]


def test_login_lands_not_ready_or_ready_at_once() -> None:
    out = AgentSession("1001")
    assert events(out, Login("7001")) == ["EventAgentLogin", "EventAgentNotReady"]
    assert events(out, Login("7001", ready=True)) == ["EventAgentLogin", "EventAgentReady"]
    assert after().available


def test_a_whole_call_ends_in_after_call_work_and_then_ready() -> None:
    talking = after(RESERVE, Ring("c1"), Answer("c1"))
    assert (talking.state, talking.interaction, talking.conn_id) == (State.TALKING, "ixn-1", "c1")
    acw = step(talking, Release("c1"), 60.0)
    assert (acw.session.state, acw.session.lease_until) == (State.ACW, 65.0)
    ready = step(acw.session, LeaseExpired(), 65.0).session
    assert (ready.state, ready.ready_since, ready.interaction, ready.conn_id) == (State.READY, 65.0, "", "")


def test_after_call_work_is_announced_before_the_call_is_released() -> None:
    talking = after(RESERVE, Ring("c1"), Answer("c1"))
    assert events(talking, Release("c1")) == ["EventAgentNotReady/AfterCallWork", "EventReleased"]


def test_without_wrap_up_time_there_is_no_after_call_work() -> None:
    talking = after(RESERVE, Ring("c1"), Answer("c1"), policy=Policy(wrap_up=0.0))
    assert events(talking, Release("c1")) == ["EventReleased", "EventAgentReady"]


def test_an_agent_who_does_not_answer_becomes_not_ready() -> None:
    session = after(RESERVE, Ring("c1"), NoAnswer("c1"))
    assert (session.state, session.reason) == (State.NOT_READY, "no_answer")


@pytest.mark.parametrize(("action", "state"), [("none", State.READY), ("logout", State.LOGGED_OUT)])
def test_the_policy_says_what_no_answer_leads_to(action: str, state: State) -> None:
    session = after(RESERVE, Ring("c1"), NoAnswer("c1"), policy=Policy(on_no_answer=action))  # type: ignore[arg-type]
    assert session.state is state


def test_an_agent_who_rejects_goes_to_the_end_of_the_ready() -> None:
    session = after(RESERVE, Ring("c1"), Reject("c1"))
    assert (session.state, session.ready_since) == (State.READY, 3.0)


@pytest.mark.parametrize(
    "happenings",
    [(RESERVE, Unreserve("r1")), (RESERVE, Ring("c1"), Release("c1"))],
    ids=["reservation taken back", "caller gone while ringing"],
)
def test_an_agent_without_fault_keeps_the_place_among_the_ready(happenings: tuple[Happening, ...]) -> None:
    session = after(*happenings)
    assert (session.state, session.ready_since) == (State.READY, 0.0)


def test_not_ready_during_a_call_waits_for_its_end() -> None:
    session = after(RESERVE, Ring("c1"), Answer("c1"), NotReady("lunch"))
    assert session.state is State.TALKING
    acw = step(session, Release("c1"), 10.0).session
    session = step(acw, LeaseExpired(), 15.0).session
    assert (session.state, session.reason) == (State.NOT_READY, "lunch")


def test_ready_ends_after_call_work_early() -> None:
    acw = after(RESERVE, Ring("c1"), Answer("c1"), Release("c1"))
    assert step(acw, Ready(), 5.0).session.state is State.READY


def test_logout_while_ringing_takes_effect_when_the_ringing_ends() -> None:
    session = after(RESERVE, Ring("c1"), Logout())
    assert session.state is State.RINGING
    assert step(session, NoAnswer("c1"), 9.0).session.state is State.LOGGED_OUT


def test_a_direct_call_needs_no_after_call_work_and_leads_back() -> None:
    session = after(NotReady("lunch"), Ring("c9"), Answer("c9"), Release("c9"))
    assert (session.state, session.reason) == (State.NOT_READY, "lunch")
    session = after(Dial("c9"), Release("c9"))
    assert session.state is State.READY


def test_a_direct_call_that_rings_first_drops_the_reservation() -> None:
    reserve = Reserve("r1", "ixn-1", "Loans", 10.0, conn_id="c1")
    assert after(reserve, Ring("c1")).interaction == "ixn-1"
    session = after(reserve, Ring("c9"))
    assert (session.interaction, session.reservation, session.conn_id) == ("", "", "c9")


@pytest.mark.parametrize("report", [Release("c2"), Answer("c2"), NoAnswer("c2"), Renew("c2")])
def test_reports_about_another_call_change_nothing(report: Happening) -> None:
    session = after(RESERVE, Ring("c1"))
    assert step(session, report, 9.0).session == session


def test_a_consultation_that_became_the_call_goes_on_and_ends_as_that_call() -> None:
    session = after(RESERVE, Ring("consult"), Answer("consult"), Move("c1", "consult"))
    assert (session.state, session.conn_id) == (State.TALKING, "c1")
    assert step(session, Move("c2", "another"), 9.0).session == session
    assert step(session, Release("c1"), 9.0).session.state is not State.TALKING


def test_a_second_reservation_is_refused() -> None:
    with pytest.raises(NotAllowed):
        step(after(RESERVE), Reserve("r2", "ixn-2", "Loans", 10.0), 9.0)


def test_another_reservation_cannot_be_taken_back() -> None:
    session = after(RESERVE)
    assert step(session, Unreserve("r0"), 9.0).session == session


def test_a_lease_ends_no_earlier_than_it_should() -> None:
    session = after(RESERVE)
    assert step(session, LeaseExpired(), 10.9).session == session
    assert step(session, LeaseExpired(), 11.0).session.state is State.READY


def test_a_living_call_renews_its_lease() -> None:
    session = after(RESERVE, Ring("c1"), Answer("c1"))
    assert step(session, Renew("c1"), 7000.0).session.lease_until == 14200.0


def test_a_phone_out_of_service_makes_not_ready_and_back_in_service_ready() -> None:
    session = after(DnOutOfService("7001"))
    assert (session.state, session.reason) == (State.NOT_READY, "dn_out_of_service")
    assert events(session, DnBackInService("7001")) == ["EventDNBackInService", "EventAgentReady"]
    lunch = after(NotReady("lunch"), DnOutOfService("7001"))
    assert (lunch.state, lunch.reason) == (State.NOT_READY, "lunch")
    assert not events(lunch, DnBackInService("7001"))


def test_a_phone_out_of_service_during_a_call_takes_effect_afterwards() -> None:
    session = after(RESERVE, Ring("c1"), Answer("c1"), DnOutOfService("7001"))
    assert (session.state, session.after_reason) == (State.TALKING, "dn_out_of_service")


def test_do_not_disturb_keeps_the_state_and_stops_routing() -> None:
    session = after(SetDnd(on=True))
    assert (session.state, session.available) == (State.READY, False)
    assert events(session, SetDnd(on=False)) == ["EventDNDOff"]


def test_changed_skills_are_a_change_that_is_told() -> None:
    assert events(after(), ProfileChanged({"English": 9}, (), Policy())) == ["EventAgentChanged"]
    assert events(after(), ProfileChanged({"English": 5}, (), Policy())) == []


def test_what_is_asked_twice_happens_once() -> None:
    assert events(after(), Ready()) == []
    assert after(Ready()).version == 1


def test_a_request_that_does_not_fit_says_why() -> None:
    with pytest.raises(NotAllowed, match="Ready is not allowed when logged_out"):
        step(AgentSession("1001"), Ready(), 0.0)


def test_an_agent_who_does_not_want_to_be_disturbed_cannot_be_reserved() -> None:
    with pytest.raises(NotAllowed):
        step(after(SetDnd(on=True)), RESERVE, 9.0)


def test_an_answer_that_is_reported_before_the_ringing_counts() -> None:
    session = after(RESERVE, Answer("c1"), Ring("c1"))
    assert (session.state, session.interaction) == (State.TALKING, "ixn-1")


def test_a_phone_that_cannot_be_reached_makes_not_ready_before_it_rings() -> None:
    reserve = Reserve("r1", "ixn-1", "Loans", 10.0, conn_id="c1")
    session = after(reserve, NoAnswer("c1", "unreachable"))
    assert (session.state, session.reason) == (State.NOT_READY, "unreachable")
    assert after(reserve, NoAnswer("c9", "unreachable")).state is State.RESERVED


def test_an_agent_who_could_not_be_reached_is_ready_when_the_phone_is_back() -> None:
    happenings = (RESERVE, Ring("c1"), NoAnswer("c1", "unreachable"))
    session = after(*happenings, DnBackInService("7001"), policy=Policy(auto_login=True))
    assert session.available
    for other in (
        after(*happenings, DnBackInService("7001")),
        after(*happenings, DnBackInService("7002"), policy=Policy(auto_login=True)),
        after(RESERVE, Ring("c1"), NoAnswer("c1"), DnBackInService("7001"), policy=Policy(auto_login=True)),
    ):
        assert other.state is State.NOT_READY


def test_a_failure_of_the_platform_while_ringing_leaves_the_agent_ready_at_the_same_place() -> None:
    session = after(RESERVE, Ring("c1"), Release("c1"))
    assert session.available
    assert session.ready_since == after().ready_since


def test_calls_and_work_are_counted_from_login_to_login() -> None:
    session = after(RESERVE, Ring("c1"), Answer("c1"))
    assert (session.logged_in, session.calls, session.worked_until(13.0)) == (0.0, 1, 12.0)
    rest = step(step(session, Release("c1"), 20.0).session, LeaseExpired(), 25.0).session
    assert (rest.state, rest.calls, rest.worked, rest.worked_until(99.0)) == (State.READY, 1, 24.0, 24.0)
    own = step(step(rest, Dial("c9"), 30.0).session, Release("c9"), 40.0).session
    assert (own.calls, own.worked) == (1, 34.0)
    again = step(step(own, Logout(), 50.0).session, Login("7001", ready=True), 60.0).session
    assert (again.logged_in, again.calls, again.worked) == (60.0, 0, 0.0)
