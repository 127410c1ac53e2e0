"""The invariants at the top of `lifecycle`, explored with sessions that repeat, lag, lie and die."""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ringback.domain.calendar import weekly
from ringback.domain.callbacks import (
    Accepted,
    AgentLost,
    AgentReserved,
    AttemptFailed,
    AttemptLost,
    CallbackRefusedError,
    Cancel,
    Connected,
    Customer,
    Dialling,
    DialResult,
    Due,
    Ended,
    Event,
    Expire,
    Finished,
    Ignored,
    Progress,
    Reason,
    RetryPolicy,
    Snoozed,
    Stalled,
    StartAttempt,
    State,
    Waiting,
    WriteBack,
    advance,
    booked,
)

MAX_DIALS = 2
TTL = 6_000.0
POLICY = RetryPolicy(MAX_DIALS, 300.0)

SIMPLE = (Waiting, AgentReserved, AgentLost, Dialling, Customer, Connected, Finished, Snoozed)
# Most steps lead on: an attempt that always dies at once shows nothing.
KINDS = st.sampled_from([*SIMPLE * 6, *DialResult, Reason.FAIL_ERROR, Reason.AGENT_CONNECTED])
# Cancel is rare for the same reason.
OUTSIDE = st.sampled_from([*(Due,) * 8, *(Expire,) * 4, *(AttemptLost,) * 3, Stalled, Cancel])


def write_back(kind: object, attempt: int, step: int) -> WriteBack:
    if isinstance(kind, DialResult):
        return AttemptFailed(attempt, step, kind)
    if isinstance(kind, Reason):
        return Ended(attempt, step, kind)
    assert isinstance(kind, type)
    made = kind(attempt, step)
    assert isinstance(made, WriteBack)
    return made


@dataclass
class World:
    """What the outside saw: sessions started, dials that were given leave, steps already sent."""

    started: list[int] = field(default_factory=list)
    dialled: list[int] = field(default_factory=list)
    counted: int = 0
    sent: list[WriteBack] = field(default_factory=list)


class CallbackLife(RuleBasedStateMachine):
    policy = POLICY

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000.0
        self.world = World()
        self.progress: Progress
        self.first_arrival: float

    @initialize(wait=st.none() | st.integers(0, 500))
    def book(self, wait: int | None) -> None:
        desired = None if wait is None else self.now + wait
        outcome = booked(self.now, desired_at=desired, ttl=TTL)
        self.first_arrival = outcome.progress.arrived_at
        self._take(outcome)

    def _take(self, outcome: Accepted) -> None:
        for effect in outcome.effects:
            if isinstance(effect, StartAttempt):
                self.world.started.append(effect.attempt)
        self.progress = outcome.progress

    def _happens(self, event: Event) -> None:
        before = self.progress
        try:
            outcome = advance(before, event, self.policy, self.now)
        except CallbackRefusedError:
            return
        if isinstance(outcome, Ignored):
            return
        assert before.state is not State.COMPLETED, "invariant 2: a completed callback changed"
        if isinstance(event, Cancel | Expire):
            assert before.state is not State.PROCESSING, "invariant 6"
        self._take(outcome)
        if isinstance(event, Dialling) and outcome.progress.dialled:
            assert event.attempt == before.attempt
            assert self.policy.allowed_from(self.now) == self.now, "invariant 8"
            self.world.dialled.append(event.attempt)
            self.world.counted += 1
        if (
            isinstance(event, AttemptFailed)
            and event.result is DialResult.CREATE_CALL_ERROR
            and before.dialled
        ):
            self.world.counted -= 1
        if isinstance(event, Snoozed):
            self.world.counted -= 1

    @rule(seconds=st.sampled_from([1, 60, 301, 5000]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(what=OUTSIDE, attempt=st.integers(1, 4))
    def something_happens_outside(self, what: type[Event], attempt: int) -> None:
        self._happens(what(attempt) if what in (AttemptLost, Stalled) else what())

    @precondition(lambda self: self.progress.attempt > 0)
    @rule(kind=KINDS)
    def a_session_goes_on(self, kind: object) -> None:
        self._next_step(kind)

    def _next_step(self, kind: object) -> None:
        event = write_back(kind, self.progress.attempt, self.progress.step + 1)
        self.world.sent.append(event)
        self._happens(event)

    @precondition(lambda self: self.progress.live)
    @rule(ending=st.sampled_from([Connected, DialResult.BUSY, DialResult.CREATE_CALL_ERROR]))
    def the_session_dials_and_the_retry_is_due(self, ending: object) -> None:
        for kind in (AgentReserved, Dialling, ending):
            self._next_step(kind)
        if self.progress.due_at is not None:
            self.now = max(self.now, self.progress.due_at)
            self._happens(Due())

    @precondition(lambda self: self.progress.live and not self.progress.dialled)
    @rule()
    def the_number_is_taken(self) -> None:
        before = self.progress
        self._happens(Dialling(before.attempt, before.step + 1, number_taken=True))
        assert not self.progress.live and self.progress.dials == before.dials, "invariant 9"

    @precondition(lambda self: self.world.sent)
    @rule(data=st.data())
    def an_old_step_comes_again(self, data: st.DataObject) -> None:
        event = data.draw(st.sampled_from(self.world.sent))
        before = self.progress
        known = event.attempt < before.attempt or event.step <= before.step or not before.live
        self._happens(event)
        if known:
            assert self.progress == before, "invariant 5"

    @rule(kind=KINDS, attempt=st.integers(0, 5), step=st.integers(1, 9))
    def a_stray_step_arrives(self, kind: object, attempt: int, step: int) -> None:
        event = write_back(kind, attempt, step)
        self.world.sent.append(event)
        self._happens(event)

    @invariant()
    def attempts_are_numbered_without_a_gap(self) -> None:
        assert self.world.started == list(range(1, self.progress.attempt + 1))

    @invariant()
    def the_place_in_line_never_changes(self) -> None:
        assert self.progress.arrived_at == self.first_arrival

    @invariant()
    def an_attempt_dials_at_most_once(self) -> None:
        assert len(self.world.dialled) == len(set(self.world.dialled))

    @invariant()
    def the_customer_is_not_dialled_more_often_than_allowed(self) -> None:
        assert self.progress.dials == self.world.counted <= MAX_DIALS

    @invariant()
    def a_reason_is_given_when_completed_and_only_then(self) -> None:
        assert (self.progress.reason is not None) == (self.progress.state is State.COMPLETED)

    @invariant()
    def a_due_time_is_set_when_scheduled_and_only_then(self) -> None:
        assert (self.progress.due_at is not None) == (self.progress.state is State.SCHEDULED)

    @invariant()
    def nothing_is_due_after_its_time_to_live(self) -> None:
        assert self.progress.due_at is None or self.progress.due_at < self.progress.expires_at


class CallbackLifeInAnOffice(CallbackLife):
    """The office is open for half of every hour."""

    policy = RetryPolicy(
        MAX_DIALS, 300.0, weekly("UTC", [f"Mon-Sun {hour:02}:00-{hour:02}:30" for hour in range(24)])
    )


for machine in (CallbackLife, CallbackLifeInAnOffice):
    machine.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestCallbackLife = CallbackLife.TestCase
TestCallbackLifeInAnOffice = CallbackLifeInAnOffice.TestCase
