"""One answer a key and moment, however many ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from ringback.runtime.context import Context

T = TypeVar("T")


class Fresh(Generic[T]):
    """Remembers what `gather` has found for `fresh_s` seconds. Who asks meanwhile waits for the same."""

    def __init__(self, ctx: Context, fresh_s: float, gather: Callable[[str], Awaitable[T]]) -> None:
        self._ctx = ctx
        self._fresh_s = fresh_s
        self._gather = gather
        self._last: dict[str, tuple[float, T]] = {}
        self._lock = asyncio.Lock()

    async def of(self, key: str) -> T:
        """What is found now, at most `fresh_s` seconds old; what `gather` raises."""
        async with self._lock:
            now = self._ctx.monotonic()
            until, found = self._last.get(key, (0.0, None))
            if found is None or now >= until:
                found = await self._gather(key)
                self._last[key] = (now + self._fresh_s, found)
            return found
