"""Work that a service does again and again beside what it is asked for: emptying an outbox, tidying up.

Such work outlives what it needs: while a store or a neighbour is away it waits and says so once, and a fault
of ours in one round is logged and does not end it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ringback.runtime.clock import until_set
from ringback.runtime.http_client import HttpFailure, HttpUnavailable
from ringback.runtime.sql import PostgresUnavailable
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context

RETRY_S = 0.5
_AWAY = (PostgresUnavailable, ValkeyUnavailable, ValkeyError, HttpUnavailable, HttpFailure)
Round = Callable[[], Awaitable[float]]
"""One round of the work; returns seconds until the next one (0: at once), unless somebody wakes it."""


class Rounds:
    """One piece of work; after a round that failed it waits `retry_s`, and nobody can wake it before."""

    def __init__(self, ctx: Context, name: str, work: Round, retry_s: float = RETRY_S) -> None:
        self._ctx = ctx
        self._name = name
        self._work = work
        self._retry_s = retry_s
        self._woken = asyncio.Event()
        self._fails = False

    def start(self) -> None:
        """Begin; runs until the service stops."""
        self._ctx.spawn(self._run(), self._name)

    def wake(self) -> None:
        """Begin the next round now."""
        self._woken.set()

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                pause_s = await self._work()
            except _AWAY as error:
                self._failed(error)
                await asyncio.sleep(self._retry_s)
            except Exception:
                self._ctx.log.exception("work_failed", work=self._name)
                await asyncio.sleep(self._retry_s)
            else:
                self._fails = False
                await until_set(self._woken, pause_s)

    def _failed(self, error: Exception) -> None:
        """Said once until it goes on again."""
        if not self._fails:
            self._ctx.log.warning("work_waits", work=self._name, error=str(error))
        self._fails = True


def every(pause_s: float, work: Callable[[], Awaitable[object]]) -> Round:
    """A round so many seconds after the last one."""

    async def one() -> float:
        await work()
        return pause_s

    return one


def in_batches(most: int, pause_s: float, work: Callable[[], Awaitable[int]]) -> Round:
    """`work` says how much it has done: the next round follows at once when it was all that one takes."""

    async def one() -> float:
        return 0.0 if await work() >= most else pause_s

    return one
