"""Waiting-time estimates."""

import pytest

from ringback.domain.routing import QueueHistory, Staff, estimate

STAFF = Staff(logged_in=4, ready=0)


def history_of(*quits: float) -> QueueHistory:
    history = QueueHistory()
    for _ in range(len(quits) + 1):
        history.enter(0.0)
    for at in quits:
        history.quit(at, routed=True)
    return history


def test_urs_is_the_mean_quitting_interval_times_the_position() -> None:
    history = history_of(10.0, 30.0, 60.0)
    assert history.quitting_time == 20.0
    assert estimate("urs", history, STAFF, 3).seconds == 60.0


def test_only_the_last_32_that_left_count() -> None:
    history = history_of(*[float(n) for n in range(1, 41)], *[40.0 + 10 * n for n in range(1, 33)])
    assert history.quitting_time == 10.0


def test_time_without_anybody_waiting_does_not_count_as_quitting_time() -> None:
    history = QueueHistory()
    history.enter(0.0)
    history.quit(10.0, routed=True)
    history.enter(3600.0)
    history.quit(3630.0, routed=True)
    assert history.quitting_time == 20.0


def test_urs2_shares_the_handling_time_among_the_agents() -> None:
    history = history_of(10.0)
    assert estimate("urs2", history, STAFF, 2).seconds == 45.0
    history.handled(200.0)
    assert estimate("urs2", history, STAFF, 2).seconds == 100.0


def test_a_ready_agent_takes_one_off_the_line() -> None:
    history = history_of(10.0)
    assert estimate("stat", history, Staff(4, 2), 2).seconds == 0.0
    assert estimate("stat", history, Staff(4, 2), 4).seconds == 45.0


@pytest.mark.parametrize(
    ("method", "history", "staff", "reason"),
    [
        ("urs", QueueHistory(), STAFF, "no_interactions"),
        ("urs2", QueueHistory(), STAFF, "no_interactions"),
        ("urs2", history_of(10.0), Staff(0, 0), "no_agents"),
        ("stat", history_of(10.0), Staff(0, 0), "no_agents"),
    ],
)
def test_what_is_not_known_is_minus_one_with_a_reason(
    method: str, history: QueueHistory, staff: Staff, reason: str
) -> None:
    answer = estimate(method, history, staff, 1)
    assert (answer.seconds, answer.reason) == (-1.0, reason)


def test_what_was_remembered_before_a_restart_counts_again() -> None:
    history = QueueHistory()
    history.resume([10.0, 20.0], [60.0])
    assert (history.quitting_time, history.handling_time) == (15.0, 60.0)
