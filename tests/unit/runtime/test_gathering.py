from __future__ import annotations

from ringback.runtime.gathering import Gathering


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def paused(gathering: Gathering, time: Time, counts: list[int], apart: float) -> list[float]:
    """The pauses after reads that end so many seconds apart, if nobody pauses."""
    found = []
    for count in counts:
        time.now += apart
        found.append(gathering.pause(count))
        time.now += found[-1]
    return found


def test_where_few_come_nothing_waits() -> None:
    time = Time()
    assert set(paused(Gathering(0.003, time), time, [1] * 500, 0.002)) == {0.0}


def test_where_many_come_reads_begin_no_more_often_than_said() -> None:
    time = Time()
    gathering = Gathering(0.003, time)
    paused(gathering, time, [6] * 600, 0.0005)
    began = time.now
    pauses = paused(gathering, time, [6] * 100, 0.0005)
    assert all(0.0024 < pause <= 0.0025001 for pause in pauses)
    assert abs(time.now - began - 0.3) < 0.001


def test_who_took_longer_to_handle_than_to_wait_reads_at_once() -> None:
    time = Time()
    gathering = Gathering(0.003, time)
    paused(gathering, time, [10] * 1000, 0.001)
    assert paused(gathering, time, [50], 0.02) == [0.0]


def test_the_first_after_a_silence_waits_for_nobody() -> None:
    time = Time()
    gathering = Gathering(0.003, time)
    paused(gathering, time, [10] * 1000, 0.001)
    assert paused(gathering, time, [1], 5.0) == [0.0]
    assert set(paused(gathering, time, [1] * 20, 0.002)) == {0.0}
