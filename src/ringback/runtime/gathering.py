"""Doing seldom what comes often: being woken costs a process several times what an entry costs it.

Who reads a stream, or sends what nobody waits for, lets a moment pass since the last time while entries come
so fast that several gather in it; where they come seldom nothing waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable

_WINDOW_S = 0.25
"""Over which it is counted how many come."""
_WORTH = 2.0
"""So many have to be expected of a wait."""


class Gathering:
    """`every_s`: seconds from one time to the next at the least, while much comes."""

    def __init__(self, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._clock = clock
        self._began = self._last = clock()
        self._count = 0
        self._gathers = False

    def pause(self, count: int = 1) -> float:
        """So many have come since this was asked last: seconds to wait before the next time, 0 for none."""
        now = self._clock()
        self._count += count
        if (spent := now - self._began) >= _WINDOW_S:
            self._gathers = self._count * self._every_s >= _WORTH * spent
            self._began, self._count = now, 0
        wait = max(0.0, self._last + self._every_s - now) if self._gathers else 0.0
        self._last = now + wait
        return wait
