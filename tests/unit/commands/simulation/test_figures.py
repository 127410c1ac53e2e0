"""Means with confidence intervals."""

import random

import pytest

from ringback.commands.simulation.figures import differences, quantile, ratio, student
from ringback.commands.simulation.tally import DayResult, Duty, Tally, seconds_of, step_of


def test_students_points_are_those_of_the_tables() -> None:
    assert student(4) == pytest.approx(2.776, abs=0.01)
    assert student(9) == pytest.approx(2.262, abs=0.001)
    assert student(60) == pytest.approx(2.000, abs=0.001)


def test_nothing_over_nothing_is_not_known() -> None:
    assert ratio([0, 0], [0, 0]) is None


def test_one_day_has_no_interval() -> None:
    found = ratio([3], [4])
    assert found is not None
    assert (found.low, found.value, found.high) == (0.75, 0.75, 0.75)


def test_nineteen_in_twenty_intervals_hold_the_truth() -> None:
    source, held = random.Random(5), 0
    for _ in range(1000):
        below = [source.uniform(50, 150) for _ in range(15)]
        found = ratio([0.3 * value + source.gauss(0, 5) for value in below], below)
        held += found is not None and found.low <= 0.3 <= found.high
    assert 925 <= held <= 975


def day(waits: list[float], *, in_time: int = 0) -> DayResult:
    tally = Tally(calls=len(waits), answered=len(waits), in_time=in_time, waited=sum(waits))
    result = DayResult({"A": {9: tally}})
    for wait in waits:
        result.wait("A", wait)
    return result


def test_a_step_of_the_histogram_is_two_percent_wide() -> None:
    assert step_of(0.0) == 0
    for wait in (0.5, 7.0, 100.0, 4000.0):
        assert seconds_of(step_of(wait)) == pytest.approx(wait, rel=0.02, abs=0.02)


def test_nineteen_in_twenty_intervals_of_a_quantile_hold_it() -> None:
    source, held = random.Random(3), 0
    for _ in range(200):
        days = [day([source.expovariate(1 / 60) for _ in range(60)]) for _ in range(15)]
        found = quantile(0.9, ["A"], days)
        held += found is not None and found.low <= 138.2 <= found.high
    assert 180 <= held <= 200


def test_days_are_compared_pair_by_pair() -> None:
    source = random.Random(4)
    busy = [source.randint(20, 80) for _ in range(20)]
    one, other = ([day([1.0] * 100, in_time=each + more) for each in busy] for more in (0, 3))
    found = differences(one, other)["service_level"]
    assert found.value == pytest.approx(0.03)
    assert found.high - found.low < 0.001


def test_time_on_duty_is_told_by_the_hour() -> None:
    result = DayResult({"A": {}})
    result.serve(1.5 * 3600, 3.25 * 3600, busy=True)
    result.serve(3.25 * 3600, 3.5 * 3600, busy=False)
    assert result.duty == {1: Duty(1800, 1800), 2: Duty(3600, 3600), 3: Duty(1800, 900)}
