"""The life cycle of a callback, as a table.

    SCHEDULED --Due--> QUEUED --AgentReserved, Dialling--> ROUTING --Connected--> PROCESSING
        ^                 ^------------AgentLost--------------'                       |
        '------ AttemptFailed, another dial allowed; Snoozed -'           Finished --> COMPLETED

    Cancel, Expire and Ended complete a callback from the states that the table names. An attempt that the
    platform could not begin (CREATE_CALL_ERROR) is repeated with a growing pause until the time to live is
    over; one that is Stalled in ROUTING is stopped, and followed by what follows a lost one. A customer who
    was reached, was left without an agent, and went away, is dialled again: nobody has declined.

Invariants, each checked by the state machine in the tests:

1.  A callback has one live attempt while QUEUED, ROUTING or PROCESSING, and none otherwise. Attempts are
    numbered from 1 without a gap, and an attempt that ended never lives again.
2.  A COMPLETED callback never changes. It has a reason; no other state has one.
3.  The arrival time by which it stands in the queue never changes, whatever is retried or restarted.
4.  The customer is dialled at most once in an attempt, and at most as often in all as the policy allows
    (dials that failed on our side apart).
5.  A step repeated, or reported late by an attempt that is over, changes nothing.
6.  PROCESSING cannot be cancelled and does not expire; nor does an attempt that has dialled.
7.  A time to become due is set while SCHEDULED and in no other state.
8.  Nobody is dialled while the policy's hours are closed: leave is asked for before each dial, and a callback
    that does not get it waits for the next opening.
9.  A number is dialled for one callback at a time: one that finds it taken waits `NUMBER_PAUSE_S` seconds.

An event that fits no line of the table is refused with a reason. A session asks for leave by writing a step
back before it acts on it: `Ignored.proceed` false, or a refusal, tells it to stop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ringback.domain.callbacks import events as ev
from ringback.domain.callbacks.names import LIVE, DialResult, Reason, State
from ringback.domain.callbacks.retry import RetryPolicy, counts_as_dial

Policy = RetryPolicy
NUMBER_PAUSE_S = 15.0


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a callback stands. Times are seconds since the epoch.

    arrived_at: its place in the queue. due_at: when the scheduler takes it, while SCHEDULED.
    expires_at: when it is given up. attempt, step: number of the latest attempt and of its latest step.
    dialled: whether this attempt has dialled. dials: counted dials of all attempts.
    """

    state: State
    arrived_at: float
    expires_at: float
    due_at: float | None = None
    reason: Reason | None = None
    attempt: int = 0
    step: int = 0
    dialled: bool = False
    dials: int = 0
    last_result: DialResult | None = None

    @property
    def live(self) -> bool:
        """Whether an attempt is under way."""
        return self.state in LIVE


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """Effect: start a session for this attempt."""

    attempt: int


@dataclass(frozen=True, slots=True)
class StopAttempt:
    """Effect: tell the session of this attempt to stop and to hang up."""

    attempt: int
    reason: Reason


Effect = StartAttempt | StopAttempt


@dataclass(frozen=True, slots=True)
class Accepted:
    """The event changed the callback; the effects are to be stored together with the change."""

    progress: Progress
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class Ignored:
    """The event is known already, or comes from an attempt that is over. `proceed`: the session may go on."""

    proceed: bool


Outcome = Accepted | Ignored


class CallbackRefusedError(ValueError):
    """The event is not legal now; `slug` is the stable reason."""

    def __init__(self, slug: str, message: str) -> None:
        super().__init__(message)
        self.slug = slug


def booked(
    now: float,
    *,
    desired_at: float | None,
    ttl: float,
    lead: float = 0.0,
    opens_at: float | None = None,
    arrived_at: float | None = None,
) -> Accepted:
    """A new callback: in the queue at once without a desired time, else due `lead` seconds before it.

    It stands in the queue as if the customer had arrived at the moment of asking, or at the desired time.
    `opens_at`: not before this instant (the office is closed until then); the place in line stays.
    `arrived_at`: the place is this one (a caller who has waited in line since then).
    """
    wanted = now if desired_at is None else desired_at
    begins = max(wanted, opens_at or wanted)
    due_at = begins if desired_at is None else max(now, opens_at or 0.0, desired_at - lead)
    place = wanted if arrived_at is None else min(arrived_at, wanted)
    progress = Progress(State.SCHEDULED, arrived_at=place, expires_at=begins + ttl, due_at=due_at)
    return _start(progress) if desired_at is None and due_at <= now else Accepted(progress)


def advance(progress: Progress, event: ev.Event, policy: Policy, now: float) -> Outcome:
    """The callback after an event; raises CallbackRefusedError when the event is not legal in this state."""
    if isinstance(event, ev.WriteBack):
        verdict = _judge(progress, event)
        if verdict is not None:
            return verdict
        progress = replace(progress, step=event.step)
    elif isinstance(event, ev.AttemptLost | ev.Stalled) and not _runs(progress, event.attempt):
        return Ignored(proceed=False)
    rule = TABLE.get((progress.state, type(event)))
    if rule is None:
        raise _refusal(progress, event)
    return rule(progress, event, policy, now)


def _runs(progress: Progress, attempt: int) -> bool:
    return progress.live and attempt == progress.attempt


def _judge(progress: Progress, event: ev.WriteBack) -> Ignored | None:
    """None: the step is new and its attempt lives."""
    if event.attempt > progress.attempt:
        raise CallbackRefusedError("attempt-unknown", f"attempt {event.attempt} was never started")
    if event.attempt < progress.attempt or not progress.live:
        return Ignored(proceed=False)
    return Ignored(proceed=True) if event.step <= progress.step else None


def _refusal(progress: Progress, event: ev.Event) -> CallbackRefusedError:
    if progress.state is State.COMPLETED:
        return CallbackRefusedError("callback-completed", "the callback is completed")
    if progress.state is State.PROCESSING and isinstance(event, ev.Cancel):
        return CallbackRefusedError("callback-in-conversation", "the customer is talking to an agent")
    name = type(event).__name__
    return CallbackRefusedError(
        "callback-wrong-state", f"{name} is not possible while {progress.state.value}"
    )


def _start(progress: Progress) -> Accepted:
    attempt = progress.attempt + 1
    started = replace(progress, state=State.QUEUED, due_at=None, attempt=attempt, step=0, dialled=False)
    return Accepted(started, (StartAttempt(attempt),))


def _complete(progress: Progress, reason: Reason) -> Progress:
    return replace(progress, state=State.COMPLETED, due_at=None, reason=reason)


def _stop(progress: Progress, reason: Reason) -> Accepted:
    effects = (StopAttempt(progress.attempt, reason),) if progress.live else ()
    return Accepted(_complete(progress, reason), effects)


Rule = Callable[[Progress, ev.Event, Policy, float], Accepted]


def _due(progress: Progress, _event: ev.Event, policy: Policy, now: float) -> Accepted:
    """Start an attempt; while the office is closed, wait for its next opening."""
    if progress.due_at is not None and now < progress.due_at:
        raise CallbackRefusedError("callback-not-due", "the callback's time has not come")
    return _unless_closed(progress, policy, now) or _start(progress)


def _unless_closed(progress: Progress, policy: Policy, now: float) -> Accepted | None:
    """Wait for the next time at which the customer may be called; None when that is now."""
    opens_at = policy.allowed_from(now)
    if opens_at is not None and opens_at <= now < progress.expires_at:
        return None
    return _wait_until(progress, opens_at)


def _wait_until(progress: Progress, due_at: float | None) -> Accepted:
    """The attempt is over, and another begins at `due_at`, unless that never comes or is too late."""
    if due_at is None or due_at >= progress.expires_at:
        return Accepted(_complete(progress, Reason.FAIL_TIMEOUT_TTL))
    return Accepted(replace(progress, state=State.SCHEDULED, due_at=due_at))


def _cancel(progress: Progress, event: ev.Event, _policy: Policy, _now: float) -> Accepted:
    assert isinstance(event, ev.Cancel)
    return _stop(progress, event.reason)


def _expire(progress: Progress, _event: ev.Event, _policy: Policy, now: float) -> Accepted:
    if now < progress.expires_at:
        raise CallbackRefusedError("callback-not-expired", "the callback's time to live is not over")
    if progress.live and progress.dialled:
        raise CallbackRefusedError("callback-dialled", "the customer is being reached, or is on the line")
    return _stop(progress, Reason.FAIL_TIMEOUT_TTL)


def _goes_to(state: State) -> Rule:
    def rule(progress: Progress, _event: ev.Event, _policy: Policy, _now: float) -> Accepted:
        return Accepted(replace(progress, state=state))

    return rule


def _dialling(progress: Progress, event: ev.Event, policy: Policy, now: float) -> Accepted:
    """Give leave to dial; with the hours over by now, the attempt ends and the place in line stays."""
    if progress.dialled:
        raise CallbackRefusedError("attempt-dialled", "this attempt has dialled the customer already")
    if policy.allowed_from(now) != now and (closed := _unless_closed(progress, policy, now)):
        return closed
    assert isinstance(event, ev.Dialling)
    if event.number_taken:
        return _wait_until(progress, policy.allowed_from(now + NUMBER_PAUSE_S))
    return Accepted(replace(progress, state=State.ROUTING, dialled=True, dials=progress.dials + 1))


def _connected(progress: Progress, _event: ev.Event, _policy: Policy, _now: float) -> Accepted:
    if not progress.dialled:
        raise CallbackRefusedError("attempt-not-dialled", "nobody can be connected before the dial")
    return Accepted(replace(progress, state=State.PROCESSING))


def _failed(progress: Progress, event: ev.Event, policy: Policy, now: float) -> Accepted:
    assert isinstance(event, ev.AttemptFailed)
    return _after_dial(progress, event.result, policy, now, deserted=event.deserted)


def _after_dial(
    progress: Progress, result: DialResult, policy: Policy, now: float, *, deserted: bool = False
) -> Accepted:
    counts = counts_as_dial(result)
    dials = progress.dials - (progress.dialled and not counts)
    failed = replace(progress, dials=dials, last_result=result)
    if counts:
        again = policy.next_dial(result, dials, now, deserted=deserted)
    else:
        again = policy.after_fault(progress.attempt - dials, now)
    if again is None:
        why = Reason.FAIL_AGENT_CONNECT if deserted else Reason.FAIL_CALL_TO_CUSTOMER
        return Accepted(_complete(failed, why))
    return _wait_until(failed, again)


def _snoozed(progress: Progress, _event: ev.Event, policy: Policy, now: float) -> Accepted:
    """The customer's own wish uses up no dial; the place in line stays, the time to live goes on."""
    if not progress.dialled:
        raise CallbackRefusedError("attempt-not-dialled", "nobody can ask for it before the dial")
    reached = replace(progress, dials=progress.dials - 1, last_result=DialResult.PERSON)
    return _wait_until(reached, policy.after_snooze(now))


def _lost(progress: Progress, _event: ev.Event, policy: Policy, now: float) -> Accepted:
    """A session that dialled may have reached the customer: that dial counts. Others start again at once."""
    if progress.dialled:
        return _after_dial(progress, DialResult.UNKNOWN, policy, now)
    if now >= progress.expires_at:
        return Accepted(_complete(progress, Reason.FAIL_TIMEOUT_TTL))
    return _start(progress)


def _stalled(progress: Progress, event: ev.Event, policy: Policy, now: float) -> Accepted:
    """What follows is what follows a lost session; this one is told to stop."""
    follows = _lost(progress, event, policy, now)
    stop = StopAttempt(progress.attempt, Reason.FAIL_ERROR)
    return Accepted(follows.progress, (stop, *follows.effects))


def _ended(progress: Progress, event: ev.Event, _policy: Policy, _now: float) -> Accepted:
    assert isinstance(event, ev.Ended)
    return Accepted(_complete(progress, event.reason))


def _finished(progress: Progress, _event: ev.Event, _policy: Policy, _now: float) -> Accepted:
    done = replace(progress, last_result=DialResult.CONNECTED)
    return Accepted(_complete(done, Reason.AGENT_CONNECTED))


CONSULTS: frozenset[type[ev.Event]] = frozenset(
    {ev.Due, ev.Dialling, ev.AttemptFailed, ev.Snoozed, ev.AttemptLost, ev.Stalled}
)
"""Events whose rules look at the policy; the others hold whatever a service's settings say."""

TABLE: dict[tuple[State, type[ev.Event]], Rule] = {
    (State.SCHEDULED, ev.Due): _due,
    (State.SCHEDULED, ev.Cancel): _cancel,
    (State.SCHEDULED, ev.Expire): _expire,
    (State.QUEUED, ev.Waiting): _goes_to(State.QUEUED),
    (State.QUEUED, ev.AgentReserved): _goes_to(State.ROUTING),
    (State.QUEUED, ev.AgentLost): _goes_to(State.QUEUED),
    (State.QUEUED, ev.Dialling): _dialling,
    (State.QUEUED, ev.Connected): _connected,
    (State.QUEUED, ev.AttemptFailed): _failed,
    (State.QUEUED, ev.Snoozed): _snoozed,
    (State.QUEUED, ev.AttemptLost): _lost,
    (State.QUEUED, ev.Ended): _ended,
    (State.QUEUED, ev.Cancel): _cancel,
    (State.QUEUED, ev.Expire): _expire,
    (State.ROUTING, ev.AgentReserved): _goes_to(State.ROUTING),
    (State.ROUTING, ev.AgentLost): _goes_to(State.QUEUED),
    (State.ROUTING, ev.Dialling): _dialling,
    (State.ROUTING, ev.Customer): _goes_to(State.ROUTING),
    (State.ROUTING, ev.Connected): _connected,
    (State.ROUTING, ev.AttemptFailed): _failed,
    (State.ROUTING, ev.Snoozed): _snoozed,
    (State.ROUTING, ev.AttemptLost): _lost,
    (State.ROUTING, ev.Stalled): _stalled,
    (State.ROUTING, ev.Ended): _ended,
    (State.ROUTING, ev.Cancel): _cancel,
    (State.PROCESSING, ev.Finished): _finished,
    (State.PROCESSING, ev.Ended): _finished,
    (State.PROCESSING, ev.AttemptLost): _finished,
}
