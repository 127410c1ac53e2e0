"""Quantiles that keep their promise."""

import random

from ringback.domain.routing.waiting.spread import ENOUGH, WINDOW, Spread, Window


def test_nothing_is_known_before_enough_outcomes() -> None:
    spread = Spread()
    for _ in range(ENOUGH - 1):
        spread.learn(10.0, None, 12.0)
    assert spread.quantiles(10.0) is None
    spread.learn(10.0, None, 12.0)
    assert spread.quantiles(10.0) is not None


def test_the_promise_holds_while_the_spread_changes() -> None:
    source, spread, kept = random.Random(2), Spread(), 0
    for step in range(20_000):
        expected = source.uniform(20, 400)
        outcome = expected * source.lognormvariate(0, 0.2 + 0.6 * (step // 2000 % 2))
        told = spread.quantiles(expected)
        upper = told[1] if told else None
        kept += upper is not None and outcome <= upper
        spread.learn(expected, upper, outcome)
    assert 0.88 < kept / 20_000 < 0.92


def test_the_median_is_below_the_upper_quantile_even_when_all_outcomes_are_the_same() -> None:
    spread = Spread()
    for _ in range(100):
        spread.learn(10.0, None, 10.0)
    told = spread.quantiles(10.0)
    assert told is not None
    assert told[0] < told[1]


def test_a_window_forgets_the_oldest() -> None:
    window = Window()
    for value in (1000.0, *range(WINDOW)):
        window.add(float(value))
    assert len(window) == WINDOW
    assert window.quantile(1.0) == WINDOW - 1
