"""The queue of timers: exact ones keep their time, long ones come together, none is lost or fires early."""

from hypothesis import given
from hypothesis import strategies as st

from ringback.sip.layer import Transaction
from ringback.sip.message import Request
from ringback.sip.timer_queue import TimerQueue
from ringback.sip.transactions import KINDS, Input, Machine, Timers


def transaction() -> Transaction:
    machine = Machine(KINDS["client", True], Timers().durations(reliable=False), 4.0, [])
    return Transaction(
        Request("INVITE", "sip:a@b", [("Via", "SIP/2.0/UDP h;branch=z9hG4bKa")]),
        machine,
        ("key",),
        None,
        is_client=True,
    )


def started(queue: TimerQueue, timer: Input, due: float) -> Transaction:
    one = transaction()
    one.machine.timers[timer] = due
    queue.start(one, timer, due)
    return one


def test_a_timer_that_sends_keeps_its_time_and_a_long_one_ends_within_a_quarter_of_a_second() -> None:
    queue = TimerQueue()
    short, long = started(queue, Input.TIMER_A, 0.501), started(queue, Input.TIMER_B, 32.01)
    assert queue.next() == 0.501
    assert queue.due(0.5) == []
    assert queue.due(0.501) == [(0.501, short, Input.TIMER_A)]
    assert queue.next() == 32.25
    assert queue.due(32.2) == []
    assert queue.due(32.25) == [(32.01, long, Input.TIMER_B)]
    assert queue.next() is None
    assert not queue


def test_a_stopped_exact_timer_wakes_nobody() -> None:
    queue = TimerQueue()
    one = started(queue, Input.TIMER_A, 0.5)
    one.machine.timers.clear()
    assert queue.next() is None


def test_cleared_it_holds_nothing() -> None:
    queue = TimerQueue()
    started(queue, Input.TIMER_A, 0.5)
    started(queue, Input.TIMER_B, 32.0)
    queue.clear()
    assert not queue
    assert queue.next() is None


@given(st.lists(st.tuples(st.sampled_from([Input.TIMER_A, Input.TIMER_B, Input.TIMER_L]), st.floats(0, 100))))
def test_every_timer_comes_once_in_order_and_never_early(timers: list[tuple[Input, float]]) -> None:
    queue = TimerQueue()
    for timer, due in timers:
        started(queue, timer, due)
    seen: list[tuple[Input, float]] = []
    while (moment := queue.next()) is not None:
        due_now = queue.due(moment)
        assert due_now
        assert [at for at, _, _ in due_now] == sorted(at for at, _, _ in due_now)
        assert all(at <= moment for at, _, _ in due_now)
        seen += [(timer, at) for at, _, timer in due_now]
    assert sorted(seen) == sorted(timers)
