"""The agent state machine under every order of happenings: never two interactions, never stuck."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ringback.domain.agents import (
    RESTING,
    TABLE,
    TRANSIENT,
    UNTIMED,
    AgentSession,
    NotAllowed,
    Policy,
    State,
    Status,
    status,
    step,
)
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
    NoAnswer,
    NotReady,
    QueueLogin,
    QueueLogout,
    Ready,
    Reject,
    Release,
    Reserve,
    Retrieve,
    Ring,
    SetDnd,
    Unreserve,
)

calls = st.sampled_from(["c1", "c2"])
ids = st.sampled_from(["r1", "r2"])
actions = st.sampled_from(["none", "not_ready", "logout"])
policies = st.builds(
    Policy,
    wrap_up=st.sampled_from([0.0, 5.0, UNTIMED]),
    legal_guard=st.sampled_from([0.0, 20.0]),
    auto_logout=st.sampled_from([0.0, 60.0]),
    on_no_answer=actions,
    on_reject=actions,
    on_out_of_service=actions,
)
happenings: st.SearchStrategy[Happening] = st.one_of(
    st.builds(Login, dn=st.just("7001"), policy=policies, ready=st.booleans()),
    st.builds(Logout, reason=st.just("")),
    st.builds(Ready),
    st.builds(NotReady, reason=st.sampled_from(["", "lunch"])),
    st.builds(AfterCallWork, seconds=st.sampled_from([30.0, 9000.0, UNTIMED])),
    st.builds(SetDnd, on=st.booleans()),
    st.builds(QueueLogin, queue=st.sampled_from(["Q", "R"])),
    st.builds(QueueLogout, queue=st.sampled_from(["Q", "R"])),
    st.builds(Reserve, reservation=ids, interaction=ids, queue=st.just("Q"), lease=st.just(10.0)),
    st.builds(Unreserve, reservation=ids),
    *(
        st.builds(kind, conn_id=calls)
        for kind in (Ring, Dial, Answer, Hold, Retrieve, NoAnswer, Reject, Release)
    ),
    st.builds(DnOutOfService, dn=st.just("7001")),
    st.builds(DnBackInService, dn=st.just("7001")),
)


class AgentMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.session = AgentSession("1001")
        self.now = 0.0

    @rule(happening=happenings)
    def happens(self, happening: Happening) -> None:
        before = self.session
        try:
            outcome = step(before, happening, self.now)
        except NotAllowed:
            return
        self.session = outcome.session
        assert (self.session.version == before.version + 1) == bool(outcome.events)
        assert outcome.events or self.session == before
        if isinstance(happening, Reserve):
            assert before.state is State.READY and before.interaction == ""
        if before.interaction and self.session.interaction not in ("", before.interaction):
            raise AssertionError("an interaction was put in the place of another")
        over = before.state is State.ACW  # what rings or is dialled then is a new call
        mine = ("", before.conn_id, before.second)
        if before.conn_id and not over and self.session.conn_id not in mine:
            raise AssertionError("a call was put in the place of another")

    @rule(seconds=st.floats(0.0, 100.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.session = step(self.session, LeaseExpired(), self.now).session

    @invariant()
    def a_resting_agent_holds_nothing(self) -> None:
        session = self.session
        if session.state in RESTING:
            assert (session.interaction, session.reservation, session.conn_id) == ("", "", "")
            assert (session.second, session.second_is) == ("", "")
        else:
            assert session.lease_until > 0

    @invariant()
    def nobody_is_ready_within_the_legal_guard(self) -> None:
        assert self.session.state is not State.READY or self.session.guard_until <= self.now

    @invariant()
    def what_is_shown_fits_the_state(self) -> None:
        shown, session = status(self.session), self.session
        assert (shown is Status.LoggedOut) == (session.state is State.LOGGED_OUT)
        assert (shown is Status.WaitForNextCall) == (session.state in (State.READY, State.RESERVED))
        if not session.second:
            assert (shown is Status.CallOnHold) == (session.state is State.TALKING and session.held)

    @invariant()
    def time_alone_leads_back(self) -> None:
        session, now = self.session, self.now
        for _ in range(4):
            if session.state in RESTING:
                return
            now = max(now, session.lease_until)
            session = step(session, LeaseExpired(), now).session
        raise AssertionError(f"stuck in {session.state}")


AgentMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestAgent = AgentMachine.TestCase


def test_every_transient_state_has_a_row_for_its_end() -> None:
    assert all((state, LeaseExpired) in TABLE for state in TRANSIENT)


def test_every_state_can_be_reached_and_left() -> None:
    assert {state for state, _ in TABLE} == set(State)
