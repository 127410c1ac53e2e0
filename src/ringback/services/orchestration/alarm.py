"""A timer that is asked for again and again, mostly for later than it is set: that costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Alarm:
    """Calls `ring` once by the earliest moment that was asked for since it last did."""

    def __init__(self, ring: Callable[[], object]) -> None:
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def within(self, wait_s: float) -> None:
        """Ring in so many seconds, or earlier."""
        at = self._loop.time() + wait_s
        if self._timer is None or at < self._at:
            self.cancel()
            self._at, self._timer = at, self._loop.call_at(at, self._due)

    def cancel(self) -> None:
        """Do not ring."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        self._timer = None
        self._ring()
