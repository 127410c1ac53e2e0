"""Waiting for a store that is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable

T = TypeVar("T")
AGAIN_S = 0.3


async def until_stored(work: Callable[[], Awaitable[T]], again_s: float = AGAIN_S) -> T:
    """Do something that Valkey has to take, again every `again_s` seconds until it does; its result.

    Whoever calls has nowhere else to put it. `work` may be done twice: a reply may be lost.
    """
    while True:
        try:
            return await work()
        except (ValkeyUnavailable, ValkeyError):
            await asyncio.sleep(again_s)
