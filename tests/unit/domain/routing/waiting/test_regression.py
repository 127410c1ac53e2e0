"""Least squares learned as outcomes come."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.routing.waiting.regression import Regression, solve


def test_the_prior_is_believed_until_there_are_outcomes() -> None:
    assert Regression((0.0, 2.0), memory=100, strength=10).predict((5.0, 7.0)) == 14.0


def test_the_weights_behind_the_outcomes_are_found() -> None:
    source = random.Random(1)
    model = Regression((0.0, 0.0), memory=10_000, strength=1)
    for _ in range(3000):
        features = (source.uniform(0, 10), source.uniform(0, 10))
        model.learn(features, 3 * features[0] + features[1] + source.gauss(0, 1), 1.0, (0.0, 0.0))
    assert model.weights == pytest.approx([3.0, 1.0], abs=0.05)


def test_what_is_long_ago_is_forgotten() -> None:
    model = Regression((0.0,), memory=200, strength=1)
    for weight in [1.0] * 2000 + [4.0] * 2000:
        model.learn((10.0,), weight * 10.0, 1.0, (0.0,))
    assert model.weights == pytest.approx([4.0], abs=0.05)


def test_features_that_say_the_same_thing_do_no_harm() -> None:
    model = Regression((1.0, 0.0, 0.0), memory=1000, strength=20)
    for step in range(100_000):
        value = 1.0 + step % 50
        model.learn((value, value, value), 2 * value, 1.0, (1.0, 0.0, 0.0))
    assert model.predict((10.0, 10.0, 10.0)) == pytest.approx(20.0, rel=0.02)


@given(st.lists(st.lists(st.floats(-5, 5), min_size=3, max_size=3), min_size=3, max_size=3))
def test_a_system_is_solved(rows: list[list[float]]) -> None:
    full = [[sum(x * y for x, y in zip(a, b, strict=True)) + (a is b) for b in rows] for a in rows]
    found = solve([row[: at + 1] for at, row in enumerate(full)], [1.0, 2.0, 3.0])
    for row, wanted in zip(full, (1.0, 2.0, 3.0), strict=True):
        assert sum(x * y for x, y in zip(row, found, strict=True)) == pytest.approx(wanted, abs=1e-6)
