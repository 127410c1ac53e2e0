"""What an agent's desk asks for: after-call work, the legal guard, queues, auto-logout; and what is shown."""

import pytest

from ringback.domain.agents import UNTIMED, AgentSession, NotAllowed, Policy, State, Status, status, step
from ringback.domain.agents.session import (
    AfterCallWork,
    Answer,
    Dial,
    DnBackInService,
    DnOutOfService,
    Happening,
    Hold,
    LeaseExpired,
    Login,
    Logout,
    NotReady,
    QueueLogin,
    QueueLogout,
    Ready,
    Release,
    Reserve,
    Retrieve,
    Ring,
)
from ringback.domain.agents.status import highest

CALL = (Reserve("r1", "ixn-1", "Loans", 10.0), Ring("c1", 2), Answer("c1", 2))
GUARDED = Policy(wrap_up=0.0, legal_guard=20.0)


def after(*happenings: Happening, policy: Policy | None = None) -> AgentSession:
    """An agent who has logged in at second 0 and met each happening one second after the other."""
    session = AgentSession("kim")
    first = Login("7001", {}, (), policy or Policy(), ready=True, place="desk-1", queues=("Loans",))
    for now, happening in enumerate((first, *happenings)):
        session = step(session, happening, float(now)).session
    return session


class TestAfterCallWork:
    def test_untimed_work_ends_when_the_agent_is_ready(self) -> None:
        acw = after(*CALL, Release("c1"), policy=Policy(wrap_up=UNTIMED))
        assert step(acw, LeaseExpired(), 600.0).session.state is State.ACW
        assert step(acw, Ready(), 600.0).session.state is State.READY

    def test_untimed_work_that_nobody_ends_leads_to_not_ready(self) -> None:
        acw = after(*CALL, Release("c1"), policy=Policy(wrap_up=UNTIMED))
        session = step(acw, LeaseExpired(), 3604.0).session
        assert (session.state, session.reason) == (State.NOT_READY, "acw_expired")

    def test_it_is_extended_by_request_from_now_on(self) -> None:
        acw = after(*CALL, Release("c1"))
        assert acw.lease_until == 9.0
        longer = step(acw, AfterCallWork(60.0), 8.0)
        assert longer.session.lease_until == 68.0
        assert [each.id for each in longer.events] == ["EventAgentNotReady"]
        assert step(longer.session, LeaseExpired(), 68.0).session.state is State.READY

    def test_it_cannot_be_extended_without_end(self) -> None:
        acw = after(*CALL, Release("c1"))
        assert step(acw, AfterCallWork(99_999.0), 8.0).session.lease_until == acw.since + 3600.0

    def test_what_is_asked_for_during_a_call_follows_it(self) -> None:
        acw = after(*CALL, AfterCallWork(60.0), Release("c1"), policy=Policy(wrap_up=0.0))
        assert (acw.state, acw.lease_until) == (State.ACW, 65.0)

    def test_without_a_call_it_leads_back_to_where_the_agent_was(self) -> None:
        acw = after(NotReady("lunch"), AfterCallWork(30.0))
        assert acw.state is State.ACW
        session = step(acw, LeaseExpired(), 32.0).session
        assert (session.state, session.reason) == (State.NOT_READY, "lunch")

    def test_a_call_that_is_dialled_meanwhile_is_seen_and_ends_it(self) -> None:
        talking = after(*CALL, Release("c1"), Dial("c2", 3))
        assert (talking.state, talking.interaction, talking.conn_id) == (State.TALKING, "", "c2")
        assert step(talking, Release("c2"), 9.0).session.state is State.READY

    def test_a_late_report_of_the_call_that_is_over_changes_nothing(self) -> None:
        acw = after(*CALL, Release("c1"))
        assert step(acw, Answer("c1"), 9.0).session == acw


class TestLegalGuard:
    def test_it_follows_a_call_without_after_call_work(self) -> None:
        outcome = step(after(*CALL, policy=GUARDED), Release("c1"), 10.0)
        assert (outcome.session.state, outcome.session.lease_until) == (State.ACW, 30.0)
        assert next(each.work_mode for each in outcome.events) == "LegalGuard"
        assert step(outcome.session, LeaseExpired(), 30.0).session.available

    def test_ready_does_not_shorten_it(self) -> None:
        resting = step(
            after(*CALL, policy=Policy(wrap_up=5.0, legal_guard=20.0)), Release("c1"), 10.0
        ).session
        early = step(resting, Ready(), 12.0)
        assert (early.session.state, early.session.lease_until) == (State.ACW, 30.0)
        assert (early.events[0].id, early.events[0].work_mode) == ("EventAgentNotReady", "LegalGuard")
        assert not step(early.session, Ready(), 13.0).events
        assert step(early.session, Ready(), 30.0).session.state is State.READY

    def test_nor_do_not_ready_and_ready_again(self) -> None:
        resting = step(after(*CALL, policy=GUARDED), Release("c1"), 10.0).session
        away = step(resting, NotReady(), 11.0).session
        assert away.state is State.NOT_READY
        back = step(away, Ready(), 12.0).session
        assert (back.state, back.lease_until, back.work_mode) == (State.ACW, 30.0, "LegalGuard")

    def test_a_direct_call_is_not_followed_by_one(self) -> None:
        assert after(Ring("c9"), Answer("c9"), Release("c9"), policy=GUARDED).available

    def test_a_phone_that_is_back_meanwhile_waits_for_its_end(self) -> None:
        session = after(*CALL, Release("c1"), DnOutOfService("7001"), DnBackInService("7001"), policy=GUARDED)
        assert (session.state, session.after) == (State.ACW, State.READY)


class TestLongAway:
    def test_who_is_not_ready_for_too_long_is_logged_out(self) -> None:
        away = after(NotReady("lunch"), policy=Policy(auto_logout=300.0))
        assert step(away, LeaseExpired(), 300.9).session.state is State.NOT_READY
        outcome = step(away, LeaseExpired(), 301.0)
        assert (outcome.session.state, outcome.session.reason) == (State.LOGGED_OUT, "auto_logout")
        assert [each.id for each in outcome.events] == ["EventAgentLogout"]

    def test_without_that_policy_nobody_is(self) -> None:
        away = after(NotReady("lunch"))
        assert step(away, LeaseExpired(), 1e9).session == away


class TestQueues:
    def test_a_queue_comes_and_goes_without_a_change_of_state(self) -> None:
        more = step(after(), QueueLogin("Cards"), 5.0)
        assert (more.session.queues, more.session.state) == (("Loans", "Cards"), State.READY)
        assert [(each.id, each.queue) for each in more.events] == [("EventAgentLogin", "Cards")]
        less = step(more.session, QueueLogout("Loans"), 6.0)
        assert less.session.queues == ("Cards",)
        assert [(each.id, each.queue) for each in less.events] == [("EventQueueLogout", "Loans")]
        assert not step(less.session, QueueLogout("Loans"), 7.0).events

    def test_a_logout_forgets_place_and_queues(self) -> None:
        session = after(Logout())
        assert (session.place, session.queues, session.dn) == ("", (), "")


class TestStatus:
    @pytest.mark.parametrize(
        ("happenings", "shown"),
        [
            ((), Status.WaitForNextCall),
            ((NotReady("lunch"),), Status.NotReadyForNextCall),
            (CALL[:1], Status.WaitForNextCall),
            (CALL[:2], Status.CallRinging),
            (CALL, Status.CallInbound),
            ((*CALL, Hold("c1")), Status.CallOnHold),
            ((*CALL, Hold("c1"), Retrieve("c1")), Status.CallInbound),
            ((*CALL, Release("c1")), Status.AfterCallWork),
            ((Dial("c2", 3),), Status.CallDialing),
            ((Dial("c2", 3), Answer("c2", 3)), Status.CallOutbound),
            ((Dial("c2", 1), Answer("c2", 1)), Status.CallInternal),
            ((Ring("c2"), Answer("c2")), Status.CallUnknown),
            ((Logout(),), Status.LoggedOut),
        ],
    )
    def test_of_each_state(self, happenings: tuple[Happening, ...], shown: Status) -> None:
        assert status(after(*happenings)) is shown

    def test_the_published_order(self) -> None:
        assert highest([Status.CallInternal, Status.CallInbound, Status.CallOnHold]) is Status.CallInbound
        assert highest([Status.CallRinging, Status.NotReadyForNextCall]) is Status.NotReadyForNextCall
        assert highest([]) is Status.NotMonitored


def test_after_call_work_is_not_for_who_is_reserved_or_gone() -> None:
    with pytest.raises(NotAllowed):
        step(after(CALL[0]), AfterCallWork(), 9.0)
    with pytest.raises(NotAllowed):
        step(AgentSession("kim"), AfterCallWork(), 9.0)
