"""Whether the clock was set: wall time against time that only runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ringback.runtime.context import Context

TOLERANCE_S = 2.0


class Clock:
    """Compares the two clocks of a context."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._apart = ctx.now() - ctx.monotonic()

    def stepped(self) -> float:
        """Seconds by which the wall clock was set since the last time; 0 when it was not."""
        apart = self._ctx.now() - self._ctx.monotonic()
        step = apart - self._apart
        if abs(step) < TOLERANCE_S:
            return 0.0
        self._apart = apart
        return step
