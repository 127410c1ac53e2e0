import pytest

from ringback.domain.calendar import weekly
from ringback.domain.callbacks import (
    CONSULTS,
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
    Stalled,
    StartAttempt,
    State,
    StopAttempt,
    Waiting,
    WriteBack,
    advance,
    booked,
)
from ringback.domain.callbacks.lifecycle import TABLE

POLICY = RetryPolicy(max_dials=3, delay=300.0)
NOW = 1_000_000.0


def through(*events: Event, start: Progress | None = None, policy: RetryPolicy = POLICY) -> Progress:
    progress = start or booked(NOW, desired_at=None, ttl=86_400).progress
    for event in events:
        outcome = advance(progress, event, policy, NOW)
        assert isinstance(outcome, Accepted), event
        progress = outcome.progress
    return progress


TALKING = (Waiting(1, 1), AgentReserved(1, 2), Dialling(1, 3), Customer(1, 4), Connected(1, 5))


def test_an_immediate_callback_starts_its_first_attempt_at_once() -> None:
    outcome = booked(NOW, desired_at=None, ttl=60)
    assert outcome.progress.state is State.QUEUED
    assert outcome.effects == (StartAttempt(1),)


def test_a_scheduled_callback_is_due_a_lead_before_its_desired_time_and_stands_at_that_time() -> None:
    outcome = booked(NOW, desired_at=NOW + 3600, ttl=60, lead=120)
    assert outcome == Accepted(
        Progress(State.SCHEDULED, arrived_at=NOW + 3600, expires_at=NOW + 3660, due_at=NOW + 3480)
    )


def test_an_immediate_callback_while_closed_keeps_the_moment_of_asking_as_its_place() -> None:
    progress = booked(NOW, desired_at=None, ttl=60, opens_at=NOW + 5000).progress
    assert (progress.state, progress.arrived_at, progress.due_at) == (State.SCHEDULED, NOW, NOW + 5000)
    assert progress.expires_at == NOW + 5060


def test_a_callback_goes_the_whole_way() -> None:
    done = through(*TALKING, Finished(1, 6))
    assert (done.state, done.reason) == (State.COMPLETED, Reason.AGENT_CONNECTED)
    assert done.last_result is DialResult.CONNECTED


def test_an_agent_who_does_not_take_it_puts_it_back_in_the_queue() -> None:
    assert through(*TALKING[:2], AgentLost(1, 3)).state is State.QUEUED


def test_an_agent_lost_after_the_dial_can_be_replaced_without_a_second_dial() -> None:
    progress = through(*TALKING[:4], AgentLost(1, 5), AgentReserved(1, 6), Connected(1, 7))
    assert (progress.state, progress.dials) == (State.PROCESSING, 1)


def test_a_customer_on_the_line_who_waits_for_another_agent_is_not_given_up_by_the_clock() -> None:
    waiting = through(*TALKING[:4], AgentLost(1, 5))
    with pytest.raises(CallbackRefusedError) as refused:
        advance(waiting, Expire(), POLICY, waiting.expires_at + 1)
    assert refused.value.slug == "callback-dialled"


def some(kind: type[Event]) -> Event:
    """An event of a kind that fits an attempt with the number 1."""
    if kind is Ended:
        return Ended(1, 9, Reason.FAIL_ERROR)
    return kind(1, 9) if issubclass(kind, WriteBack) else kind()


@pytest.mark.parametrize(("state", "kind"), [line for line in TABLE if line[1] not in CONSULTS])
def test_events_that_do_not_consult_the_policy_come_to_the_same_under_any(
    state: State, kind: type[Event]
) -> None:
    due_at = NOW if state is State.SCHEDULED else None
    dialled = state is not State.SCHEDULED and kind is not Expire
    progress = Progress(state, NOW, NOW + 60, due_at=due_at, attempt=1, dialled=dialled)
    never = weekly("UTC", [])
    found = [
        advance(progress, some(kind), policy, NOW + 70)
        for policy in (RetryPolicy(max_dials=0, delay=0.0, hours=never), POLICY)
    ]
    assert found[0] == found[1]


def test_a_second_dial_in_one_attempt_is_refused() -> None:
    with pytest.raises(CallbackRefusedError, match="already") as refused:
        through(*TALKING[:3], Dialling(1, 4))
    assert refused.value.slug == "attempt-dialled"


def test_nobody_is_connected_before_the_dial() -> None:
    with pytest.raises(CallbackRefusedError):
        through(AgentReserved(1, 1), Connected(1, 2))


@pytest.mark.parametrize("result", [DialResult.BUSY, DialResult.NO_ANSWER, DialResult.ANSWERING_MACHINE])
def test_a_failed_dial_is_tried_again_after_the_delay(result: DialResult) -> None:
    progress = through(*TALKING[:3], AttemptFailed(1, 4, result))
    assert (progress.state, progress.due_at, progress.dials) == (State.SCHEDULED, NOW + 300, 1)
    assert progress.arrived_at == NOW


def test_the_last_failed_dial_completes_the_callback() -> None:
    policy = RetryPolicy(max_dials=1, delay=300)
    progress = through(*TALKING[:3], AttemptFailed(1, 4, DialResult.BUSY), policy=policy)
    assert (progress.state, progress.reason) == (State.COMPLETED, Reason.FAIL_CALL_TO_CUSTOMER)


def test_a_number_that_is_not_in_service_is_not_dialled_again() -> None:
    progress = through(*TALKING[:3], AttemptFailed(1, 4, DialResult.ERROR_TONE))
    assert progress.reason is Reason.FAIL_CALL_TO_CUSTOMER


def test_a_customer_who_hung_up_is_not_dialled_again_unless_left_without_an_agent() -> None:
    gone = through(*TALKING[:4], AttemptFailed(1, 5, DialResult.PERSON))
    assert (gone.state, gone.reason) == (State.COMPLETED, Reason.FAIL_CALL_TO_CUSTOMER)
    again = through(*TALKING[:4], AttemptFailed(1, 5, DialResult.PERSON, deserted=True))
    assert (again.state, again.due_at, again.dials) == (State.SCHEDULED, NOW + 300, 1)
    assert again.arrived_at == NOW, "the place in line stays"


def test_a_customer_whom_no_agent_came_to_is_dialled_as_often_as_is_allowed_and_no_more() -> None:
    policy = RetryPolicy(max_dials=1, delay=300)
    left = AttemptFailed(1, 5, DialResult.PERSON, deserted=True)
    progress = through(*TALKING[:4], left, policy=policy)
    assert (progress.state, progress.reason) == (State.COMPLETED, Reason.FAIL_AGENT_CONNECT)


def test_a_dial_that_failed_on_our_side_does_not_count() -> None:
    progress = through(*TALKING[:3], AttemptFailed(1, 4, DialResult.CREATE_CALL_ERROR))
    assert (progress.state, progress.dials) == (State.SCHEDULED, 0)


def test_attempts_that_could_not_be_begun_are_repeated_with_a_growing_pause_until_the_time_to_live() -> None:
    progress, now, pauses = booked(NOW, desired_at=None, ttl=200).progress, NOW, []
    while progress.state is not State.COMPLETED:
        attempt = progress.attempt
        for event in (
            AgentReserved(attempt, 1),
            Dialling(attempt, 2),
            AttemptFailed(attempt, 3, DialResult.CREATE_CALL_ERROR),
        ):
            outcome = advance(progress, event, RetryPolicy(1, 7.0), now)
            assert isinstance(outcome, Accepted)
            progress = outcome.progress
        assert progress.dials == 0
        if progress.due_at is not None:
            pauses.append(progress.due_at - now)
            now = progress.due_at
            due = advance(progress, Due(), POLICY, now)
            assert isinstance(due, Accepted)
            progress = due.progress
    assert pauses == [1, 2, 5, 10, 20, 30, 60, 60]
    assert progress.reason is Reason.FAIL_TIMEOUT_TTL


def test_an_attempt_that_stalls_before_the_dial_is_stopped_and_begun_again() -> None:
    outcome = advance(through(AgentReserved(1, 1)), Stalled(1), POLICY, NOW)
    assert isinstance(outcome, Accepted)
    assert outcome.effects == (StopAttempt(1, Reason.FAIL_ERROR), StartAttempt(2))


def test_an_attempt_that_stalls_after_the_dial_is_stopped_and_counts() -> None:
    outcome = advance(through(*TALKING[:3]), Stalled(1), POLICY, NOW)
    assert isinstance(outcome, Accepted)
    assert outcome.effects == (StopAttempt(1, Reason.FAIL_ERROR),)
    assert (outcome.progress.state, outcome.progress.due_at) == (State.SCHEDULED, NOW + 300)
    assert outcome.progress.dials == 1


def test_an_attempt_that_stalls_to_the_end_of_its_time_is_given_up() -> None:
    for steps in (TALKING[:2], TALKING[:3]):
        outcome = advance(through(*steps), Stalled(1), POLICY, NOW + 100_000)
        assert isinstance(outcome, Accepted)
        assert outcome.progress.reason is Reason.FAIL_TIMEOUT_TTL


def test_an_attempt_that_is_over_does_not_stall() -> None:
    assert advance(through(*TALKING[:2], AttemptLost(1)), Stalled(1), POLICY, NOW) == Ignored(proceed=False)


def test_no_dial_follows_after_the_time_to_live() -> None:
    start = booked(NOW, desired_at=None, ttl=200).progress
    progress = through(*TALKING[:3], AttemptFailed(1, 4, DialResult.BUSY), start=start)
    assert progress.reason is Reason.FAIL_TIMEOUT_TTL


def test_a_retry_waits_for_the_office_to_open() -> None:
    hours = weekly("UTC", ["Mon 13:00-13:48", "Thu 09:00-10:00"])
    policy = RetryPolicy(3, 300.0, hours)
    start = booked(NOW, desired_at=None, ttl=7 * 86_400).progress
    progress = through(*TALKING[:3], AttemptFailed(1, 4, DialResult.BUSY), start=start, policy=policy)
    assert progress.due_at is not None
    assert hours.is_open(progress.due_at)
    assert not hours.is_open(NOW + 300)


def test_leave_to_dial_is_not_given_once_the_office_has_closed_and_the_place_in_line_stays() -> None:
    hours = weekly("UTC", ["Thu 09:00-10:00"])
    policy = RetryPolicy(3, 300.0, hours)
    start = booked(NOW, desired_at=None, ttl=7 * 86_400).progress
    progress = through(*TALKING[:3], start=start, policy=policy)
    assert (progress.state, progress.due_at) == (State.SCHEDULED, hours.next_opening(NOW))
    assert (progress.dials, progress.dialled, progress.arrived_at) == (0, False, NOW)
    late = advance(progress, TALKING[4], policy, NOW)
    assert late == Ignored(proceed=False)


def test_a_callback_that_can_be_dialled_too_late_only_is_given_up() -> None:
    policy = RetryPolicy(3, 300.0, weekly("UTC", ["Thu 09:00-10:00"]))
    progress = through(*TALKING[:3], policy=policy)
    assert progress.reason is Reason.FAIL_TIMEOUT_TTL


@pytest.mark.parametrize("taken", range(5))
def test_a_callback_in_the_queue_or_being_routed_can_be_cancelled_and_its_session_is_stopped(
    taken: int,
) -> None:
    outcome = advance(through(*TALKING[:taken]), Cancel(), POLICY, NOW)
    assert isinstance(outcome, Accepted)
    assert outcome.progress.reason is Reason.CANCELLED
    assert outcome.effects == (StopAttempt(1, Reason.CANCELLED),)


def test_cancelling_a_scheduled_callback_stops_nothing() -> None:
    outcome = advance(booked(NOW, desired_at=NOW + 60, ttl=60).progress, Cancel(), POLICY, NOW)
    assert isinstance(outcome, Accepted)
    assert outcome.effects == ()


def test_a_conversation_cannot_be_cancelled() -> None:
    with pytest.raises(CallbackRefusedError) as refused:
        advance(through(*TALKING), Cancel(), POLICY, NOW)
    assert refused.value.slug == "callback-in-conversation"


def test_a_completed_callback_cannot_be_cancelled() -> None:
    with pytest.raises(CallbackRefusedError) as refused:
        advance(through(Cancel()), Cancel(), POLICY, NOW)
    assert refused.value.slug == "callback-completed"


def test_a_step_repeated_changes_nothing_and_gives_the_same_leave() -> None:
    progress = through(*TALKING[:3])
    assert advance(progress, Dialling(1, 3), POLICY, NOW) == Ignored(proceed=True)


def test_a_step_of_a_cancelled_attempt_gets_no_leave() -> None:
    assert advance(through(*TALKING[:2], Cancel()), Dialling(1, 3), POLICY, NOW) == Ignored(proceed=False)


def test_a_step_of_an_earlier_attempt_gets_no_leave() -> None:
    progress = through(Waiting(1, 1), AttemptLost(1))
    assert progress.attempt == 2
    assert advance(progress, Dialling(1, 2), POLICY, NOW) == Ignored(proceed=False)


def test_a_step_of_an_attempt_that_never_was_is_refused() -> None:
    with pytest.raises(CallbackRefusedError) as refused:
        advance(through(), Waiting(2, 1), POLICY, NOW)
    assert refused.value.slug == "attempt-unknown"


def test_a_session_lost_before_its_dial_is_started_again_at_the_same_place() -> None:
    outcome = advance(through(*TALKING[:2]), AttemptLost(1), POLICY, NOW + 50)
    assert isinstance(outcome, Accepted)
    assert outcome.effects == (StartAttempt(2),)
    assert outcome.progress.arrived_at == NOW


def test_a_session_lost_after_its_dial_counts_as_a_failed_dial() -> None:
    progress = through(*TALKING[:3], AttemptLost(1))
    assert (progress.state, progress.dials, progress.last_result) == (State.SCHEDULED, 1, DialResult.UNKNOWN)


def test_a_session_lost_in_conversation_completes_the_callback() -> None:
    assert through(*TALKING, AttemptLost(1)).reason is Reason.AGENT_CONNECTED


def test_a_session_may_give_the_callback_up() -> None:
    assert through(Ended(1, 1, Reason.FAIL_TARGET_NOT_FOUND)).reason is Reason.FAIL_TARGET_NOT_FOUND


def test_nothing_is_due_before_its_time() -> None:
    with pytest.raises(CallbackRefusedError):
        advance(booked(NOW, desired_at=NOW + 60, ttl=60).progress, Due(), POLICY, NOW)


def test_a_callback_found_due_after_its_time_to_live_is_not_started() -> None:
    outcome = advance(booked(NOW, desired_at=NOW + 60, ttl=60).progress, Due(), POLICY, NOW + 120)
    assert isinstance(outcome, Accepted)
    assert outcome.progress.reason is Reason.FAIL_TIMEOUT_TTL
    assert outcome.effects == ()


def test_an_expired_callback_in_the_queue_stops_its_session() -> None:
    outcome = advance(through(), Expire(), POLICY, NOW + 86_400)
    assert isinstance(outcome, Accepted)
    assert outcome.effects == (StopAttempt(1, Reason.FAIL_TIMEOUT_TTL),)


def test_a_callback_found_due_while_the_office_is_closed_waits_for_its_opening() -> None:
    hours = weekly("UTC", ["Mon-Sun 09:00-10:00"])
    progress = booked(NOW, desired_at=NOW, ttl=2 * 86_400).progress
    outcome = advance(progress, Due(), RetryPolicy(3, 300, hours), NOW)
    assert isinstance(outcome, Accepted)
    assert outcome.progress.state is State.SCHEDULED
    assert outcome.progress.due_at == hours.next_opening(NOW)
    assert outcome.progress.arrived_at == NOW


class TestACallerInLine:
    def test_keeps_the_place_of_the_call(self) -> None:
        made = booked(NOW, desired_at=None, ttl=600, arrived_at=NOW - 240)
        assert (made.progress.state, made.progress.arrived_at) == (State.QUEUED, NOW - 240)
        assert made.progress.expires_at == NOW + 600

    def test_is_not_dialled_before_the_line_is_free_and_loses_no_place_by_it(self) -> None:
        held = booked(NOW, desired_at=None, ttl=600, opens_at=NOW + 6, arrived_at=NOW - 240).progress
        assert (held.state, held.due_at, held.arrived_at) == (State.SCHEDULED, NOW + 6, NOW - 240)
        begun = advance(held, Due(), POLICY, NOW + 6)
        assert isinstance(begun, Accepted)
        assert (begun.progress.state, begun.progress.arrived_at) == (State.QUEUED, NOW - 240)

    def test_cannot_have_come_later_than_now(self) -> None:
        assert booked(NOW, desired_at=None, ttl=600, arrived_at=NOW + 60).progress.arrived_at == NOW
