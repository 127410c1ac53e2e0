"""How far from a prediction the outcome falls: quantiles that keep what they promise.

Ratios of outcome to prediction are kept apart by the size of the prediction, since a long wait is relatively
surer than a short one. How far the upper quantile stands above the median is corrected after each outcome, so
that the promised share is covered also while the days change (adaptive conformal inference).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from math import log2

WINDOW = 1000
ENOUGH = 30
PROMISED = 0.9
_GAIN = 0.01
_NARROW, _WIDE = 0.2, 5.0
_LEAST_REACH, _FARTHEST = 1.02, 20.0


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
    """Quantiles of the outcome given the prediction."""

    def __init__(self) -> None:
        self._stretch = 1.0
        self._windows: dict[int, Window] = {}
        self._all = Window()

    def quantiles(self, expected: float) -> tuple[float, float] | None:
        """P50 and P90 in the unit of the prediction; None while too few outcomes are known."""
        window = self._window(expected)
        if len(window) < ENOUGH:
            return None
        median = max(window.quantile(0.5), 1e-3)
        reach = max(window.quantile(PROMISED) / median, _LEAST_REACH)
        return expected * median, expected * median * min(reach**self._stretch, _FARTHEST)

    def learn(self, expected: float, promised: float | None, outcome: float) -> None:
        """The outcome of a prediction is known; `promised` is the P90 that was given."""
        ratio = outcome / expected
        self._all.add(ratio)
        self._windows.setdefault(_size(expected), Window()).add(ratio)
        if promised is not None:
            covered = outcome <= promised
            self._stretch = max(_NARROW, min(_WIDE, self._stretch + _GAIN * (PROMISED - covered)))

    def _window(self, expected: float) -> Window:
        window = self._windows.get(_size(expected))
        return window if window is not None and len(window) >= ENOUGH else self._all


def _size(expected: float) -> int:
    return int(1.5 * log2(expected + 8.0))
