"""One answer a key and moment, however many ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from ringback.runtime.context import Context

T = TypeVar("T")


class Fresh(Generic[T]):
    """Remembers what `gather` has found for `fresh_s` seconds. Who asks meanwhile waits for the same, and is
    told the same when it fails.
    """

    def __init__(self, ctx: Context, fresh_s: float, gather: Callable[[str], Coroutine[Any, Any, T]]) -> None:
        self._ctx = ctx
        self._fresh_s = fresh_s
        self._gather = gather
        self._last: dict[str, tuple[float, T]] = {}
        self._asked: dict[str, asyncio.Task[T]] = {}

    async def of(self, key: str) -> T:
        """What is found now, at most `fresh_s` seconds old; what `gather` raises."""
        known = self._last.get(key)
        if known is not None and self._ctx.monotonic() < known[0]:
            return known[1]
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._find(key))
            task.add_done_callback(_heard)
        # Whoever goes away leaves the others waiting.
        return await asyncio.shield(task)

    async def _find(self, key: str) -> T:
        until = self._ctx.monotonic() + self._fresh_s
        try:
            found = await self._gather(key)
        finally:
            del self._asked[key]
        self._last[key] = (until, found)
        return found


def _heard(task: asyncio.Task[T]) -> None:
    """That it failed is known, also when nobody waits any more."""
    if not task.cancelled():
        task.exception()
