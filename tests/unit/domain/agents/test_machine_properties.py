"""The agent state machine under every order of happenings: never two interactions, never stuck."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ringback.domain.agents import RESTING, TABLE, TRANSIENT, AgentSession, NotAllowed, Policy, State, step
from ringback.domain.agents.session import (
    Answer,
    Dial,
    DnBackInService,
    DnOutOfService,
    Happening,
    LeaseExpired,
    Login,
    Logout,
    NoAnswer,
    NotReady,
    Ready,
    Reject,
    Release,
    Reserve,
    Ring,
    SetDnd,
    Unreserve,
)

calls = st.sampled_from(["c1", "c2"])
ids = st.sampled_from(["r1", "r2"])
actions = st.sampled_from(["none", "not_ready", "logout"])
policies = st.builds(
    Policy,
    wrap_up=st.sampled_from([0.0, 5.0]),
    on_no_answer=actions,
    on_reject=actions,
    on_out_of_service=actions,
)
happenings: st.SearchStrategy[Happening] = st.one_of(
    st.builds(Login, dn=st.just("7001"), policy=policies, ready=st.booleans()),
    st.builds(Logout, reason=st.just("")),
    st.builds(Ready),
    st.builds(NotReady, reason=st.sampled_from(["", "lunch"])),
    st.builds(SetDnd, on=st.booleans()),
    st.builds(Reserve, reservation=ids, interaction=ids, queue=st.just("Q"), lease=st.just(10.0)),
    st.builds(Unreserve, reservation=ids),
    *(st.builds(kind, conn_id=calls) for kind in (Ring, Dial, Answer, NoAnswer, Reject, Release)),
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
        if before.conn_id and self.session.conn_id not in ("", before.conn_id):
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
        else:
            assert session.lease_until > 0

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
