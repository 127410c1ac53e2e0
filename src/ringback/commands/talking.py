"""One request of a command to a service of the running platform."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from ringback.commands.joining import joined_settings
from ringback.runtime.context import Context, Process
from ringback.runtime.http import HttpClient

T = TypeVar("T")


def talk(
    data: Path | None,
    service: str,
    work: Callable[[Context, HttpClient], Awaitable[T]],
    listener: str = "http",
) -> T:
    """Run `work` with a client of the service; what the service refuses raises HttpFailure."""
    return asyncio.run(_talk(data, service, listener, work))


async def _talk(
    data: Path | None, service: str, listener: str, work: Callable[[Context, HttpClient], Awaitable[T]]
) -> T:
    process = Process(joined_settings(data))
    try:
        ctx = Context(process, "ringback")
        return await work(ctx, HttpClient(ctx, service, listener, timeout_s=15.0))
    finally:
        await process.stop()
