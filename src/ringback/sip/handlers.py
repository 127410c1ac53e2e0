"""Handlers of requests that are coroutines, as long as they run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

from ringback.sip.exchange import ServerTransaction

_log = logging.getLogger(__name__)


def broken(server: ServerTransaction) -> None:
    """Called where the handler of a request has just raised: who asked is told."""
    _log.exception("the handler of a %s failed", server.request.method)
    if server.can_respond and server.final is None:
        server.reply(500)


class Handlers:
    """Those of one endpoint that run now."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, loop: asyncio.AbstractEventLoop, server: ServerTransaction, work: Awaitable[None]) -> None:
        """Let the handler of a request go on in a task."""
        task = loop.create_task(_guard(server, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancel all of them."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _guard(server: ServerTransaction, work: Awaitable[None]) -> None:
    try:
        await work
    except Exception:
        broken(server)
