"""What a command asks a service of the running platform, over HTTP or over a link."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from ringback.commands.joining import joined_settings
from ringback.runtime.context import Context, Process
from ringback.runtime.http import HttpClient
from ringback.runtime.link import LinkClient

T = TypeVar("T")
_LINK_S = 15.0


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


def talk_linked(
    data: Path | None,
    service: str,
    listener: str,
    work: Callable[[Context, LinkClient], Awaitable[T]],
    *,
    connection: str,
) -> T:
    """Run `work` with a link to the service that is connected; what the service refuses raises LinkError."""

    async def run(ctx: Context, _client: HttpClient) -> T:
        link = LinkClient(ctx, service, listener, connection=connection)
        await link.start()
        try:
            await link.wait_connected(_LINK_S)
            return await work(ctx, link)
        finally:
            await ctx.cancel_tasks()

    return talk(data, service, run)
