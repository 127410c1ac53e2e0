"""Whether the clock was set: wall time against time that only runs; and ways to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from math import floor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ringback.runtime.context import Context

TOLERANCE_S = 2.0


def until_together(now: float, wait_s: float) -> float:
    """About `wait_s` seconds (half of it to one and a half): until everybody who waits as long wakes up.

    A process that wakes up pays more than what it then does: who only gathers for a while wakes with the
    others. `now`: the loop's clock, which all processes of a machine share.
    """
    return (floor(now / wait_s + 0.5) + 1) * wait_s - now if wait_s else 0.0


async def until_set(event: asyncio.Event, most_s: float) -> None:
    """Wait for the event, for `most_s` seconds at the most."""
    with suppress(TimeoutError):
        async with asyncio.timeout(most_s):
            await event.wait()


async def gathered(wait_s: float) -> None:
    """Wait as `until_together` says."""
    await asyncio.sleep(until_together(asyncio.get_running_loop().time(), wait_s))


def later_together(wait_s: float, work: Callable[..., object], *arguments: Any) -> asyncio.TimerHandle:
    """Call `work` when `until_together` says."""
    loop = asyncio.get_running_loop()
    return loop.call_later(until_together(loop.time(), wait_s), work, *arguments)


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
