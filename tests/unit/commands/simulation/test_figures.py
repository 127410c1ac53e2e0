"""Means with confidence intervals."""

import random

import pytest

from ringback.commands.simulation.figures import ratio, student


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
