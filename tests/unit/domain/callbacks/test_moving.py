"""A callback moved to another time: its place, its attempts, and when it is too late."""

import pytest

from ringback.domain.callbacks import (
    Accepted,
    AgentReserved,
    AttemptFailed,
    CallbackRefusedError,
    Cancel,
    Dialling,
    DialResult,
    Due,
    Event,
    Progress,
    Reason,
    RetryPolicy,
    StartAttempt,
    State,
    StopAttempt,
    advance,
    booked,
)
from ringback.domain.callbacks.moving import moved

NOW = 1_000_000.0
POLICY = RetryPolicy(max_dials=3, delay=300.0)


def through(progress: Progress, *events: Event) -> Progress:
    for event in events:
        outcome = advance(progress, event, POLICY, NOW)
        assert isinstance(outcome, Accepted)
        progress = outcome.progress
    return progress


def scheduled() -> Progress:
    return booked(NOW, desired_at=NOW + 3600, ttl=60).progress


def queued() -> Progress:
    return booked(NOW, desired_at=None, ttl=86_400).progress


def test_moved_to_another_slot_it_stands_at_that_time() -> None:
    outcome = moved(scheduled(), NOW + 10, desired_at=NOW + 7200, ttl=60, lead=120)
    progress = outcome.progress
    assert (progress.arrived_at, progress.due_at, progress.expires_at) == (NOW + 7200, NOW + 7080, NOW + 7260)
    assert outcome.effects == ()


def test_moved_to_now_its_place_is_this_moment_and_it_starts_when_it_is_looked_at() -> None:
    progress = moved(scheduled(), NOW + 10, desired_at=None, ttl=60).progress
    assert (progress.state, progress.arrived_at, progress.due_at) == (State.SCHEDULED, NOW + 10, NOW + 10)
    outcome = advance(progress, Due(), POLICY, NOW + 10)
    assert isinstance(outcome, Accepted)
    assert outcome.effects == (StartAttempt(1),)


def test_who_was_missed_and_asks_for_a_call_now_stands_where_they_stood() -> None:
    steps = (AgentReserved(1, 1), Dialling(1, 2), AttemptFailed(1, 3, DialResult.NO_ANSWER))
    progress = moved(through(queued(), *steps), NOW + 100, desired_at=None, ttl=60).progress
    assert (progress.arrived_at, progress.dials, progress.attempt) == (NOW, 1, 1)


def test_one_in_line_leaves_it_and_its_attempt_is_stopped() -> None:
    outcome = moved(queued(), NOW + 5, desired_at=NOW + 600, ttl=60)
    assert outcome.progress.state is State.SCHEDULED
    assert outcome.effects == (StopAttempt(1, Reason.CANCELLED),)
    again = advance(outcome.progress, Due(), POLICY, NOW + 600)
    assert isinstance(again, Accepted)
    assert again.effects == (StartAttempt(2),)


def test_the_stopped_attempt_gets_no_leave_to_dial() -> None:
    progress = moved(queued(), NOW + 5, desired_at=NOW + 600, ttl=60).progress
    outcome = advance(progress, Dialling(1, 1), POLICY, NOW + 6)
    assert not isinstance(outcome, Accepted)
    assert outcome.proceed is False


@pytest.mark.parametrize(
    ("events", "slug"),
    [((AgentReserved(1, 1),), "callback-wrong-state"), ((Cancel(),), "callback-completed")],
)
def test_too_late(events: tuple[Event, ...], slug: str) -> None:
    with pytest.raises(CallbackRefusedError) as refused:
        moved(through(queued(), *events), NOW, desired_at=None, ttl=60)
    assert refused.value.slug == slug
