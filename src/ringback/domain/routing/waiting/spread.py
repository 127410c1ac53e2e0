"""How far from a prediction the outcome falls: quantiles that keep what they promise.

Ratios of outcome to prediction are kept apart by the size of the prediction, since a long wait is relatively
surer than a short one. How far the upper quantile stands above the median is corrected after each outcome, so
that the promised share is covered also while the days change (adaptive conformal inference).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Mapping, Sequence
from math import log2

WINDOW = 1000
ENOUGH = 30
PROMISED = 0.9
_GAIN = 0.01
_NARROW, _WIDE = 0.2, 5.0
_LEAST_REACH, _FARTHEST = 1.02, 20.0
_SMALL, _SIZES_PER_DOUBLING = 8.0, 1.5
_MOST_SIZES = 60
_REDRAWN = 8
"""Outcomes after which the curve is drawn anew."""

Knot = tuple[float, float, float]
"""A prediction with its P50 and P90."""


class Window:
    """The last ratios, in order of time and of size."""

    __slots__ = ("_ordered", "_ratios")

    def __init__(self) -> None:
        self._ratios: deque[float] = deque()
        self._ordered: list[float] = []

    def __len__(self) -> int:
        return len(self._ordered)

    def add(self, ratio: float) -> None:
        """Remember a ratio; the oldest is forgotten."""
        if len(self._ratios) == WINDOW:
            del self._ordered[bisect_left(self._ordered, self._ratios.popleft())]
        self._ratios.append(ratio)
        insort(self._ordered, ratio)

    def latest(self, count: int) -> list[float]:
        """The last ratios, oldest first."""
        return list(self._ratios)[-count:]

    def quantile(self, level: float) -> float:
        """The ratio below which the share `level` lies, interpolated."""
        return quantile(self._ordered, level)


def quantile(ordered: Sequence[float], level: float) -> float:
    """The quantile of values in order."""
    at = level * (len(ordered) + 1) - 1
    index = max(0, min(len(ordered) - 1, int(at)))
    after = min(len(ordered) - 1, index + 1)
    return ordered[index] + max(0.0, min(1.0, at - index)) * (ordered[after] - ordered[index])


class Spread:
    """Quantiles of the outcome given the prediction; neither ever falls as the prediction grows."""

    def __init__(self) -> None:
        self._stretch = 1.0
        self._windows: dict[int, Window] = {}
        self._all = Window()
        self._curve: list[Knot] = []
        self._news = _REDRAWN

    def quantiles(self, expected: float) -> tuple[float, float] | None:
        """P50 and P90 in the unit of the prediction; None while too few outcomes are known."""
        if len(self._all) < ENOUGH:
            return None
        if self._news >= _REDRAWN or not self._curve:
            self._curve, self._news = self._draw(), 0
        curve = self._curve
        at = bisect_left(curve, (expected, 0.0, 0.0))
        if 0 < at < len(curve):
            (low, *below), (high, *above) = curve[at - 1], curve[at]
            share = (expected - low) / (high - low)
            p50, p90 = (a + share * (b - a) for a, b in zip(below, above, strict=True))
        else:
            from_, *values = curve[min(at, len(curve) - 1)]
            p50, p90 = (value * expected / from_ for value in values)
        return p50, p90

    def learn(self, expected: float, promised: float | None, outcome: float) -> None:
        """The outcome of a prediction is known; `promised` is the P90 that was given."""
        ratio = outcome / expected
        self._all.add(ratio)
        self._windows.setdefault(_size(expected), Window()).add(ratio)
        self._news += 1
        if promised is not None:
            covered = outcome <= promised
            self._stretch = max(_NARROW, min(_WIDE, self._stretch + _GAIN * (PROMISED - covered)))

    def state(self, count: int) -> tuple[float, dict[int, list[float]], list[float]]:
        """What `of` takes, with so many ratios of each window."""
        windows = {size: window.latest(count) for size, window in self._windows.items()}
        return self._stretch, windows, self._all.latest(count)

    @classmethod
    def of(cls, stretch: float, windows: Mapping[int, Sequence[float]], whole: Sequence[float]) -> Spread:
        """Go on from a state; sizes that no prediction has are left out."""
        made = cls()
        made._stretch = max(_NARROW, min(_WIDE, stretch))
        for size, ratios in windows.items():
            if 0 <= size <= _MOST_SIZES:
                window = made._windows[size] = Window()
                for ratio in ratios[-WINDOW:]:
                    window.add(ratio)
        for ratio in whole[-WINDOW:]:
            made._all.add(ratio)
        return made

    def _draw(self) -> list[Knot]:
        """Predictions with their quantiles, from one for each size of which enough is known."""
        known = [(size, window) for size, window in sorted(self._windows.items()) if len(window) >= ENOUGH]
        knots: list[Knot] = []
        p50 = p90 = 0.0
        for expected, window in [(_middle(size), each) for size, each in known] or [(1.0, self._all)]:
            median = max(window.quantile(0.5), 1e-3)
            reach = max(window.quantile(PROMISED) / median, _LEAST_REACH) ** self._stretch
            p50 = max(p50, expected * median)
            p90 = max(p90, p50 * _LEAST_REACH, expected * median * min(reach, _FARTHEST))
            knots.append((expected, p50, p90))
        return knots


def _size(expected: float) -> int:
    return max(0, min(_MOST_SIZES, int(_SIZES_PER_DOUBLING * log2(expected + _SMALL))))


def _middle(size: int) -> float:
    """A prediction in the middle of its size."""
    return max(0.5, 2 ** ((size + 0.5) / _SIZES_PER_DOUBLING) - _SMALL)
