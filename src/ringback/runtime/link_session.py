"""One client at a link server, as the server's methods see it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from ringback.runtime.context import Context

MAX_LINE = 1024 * 1024

Params = dict[str, Any]
_encode = msgspec.json.encode


class LinkSession:
    """One client at a server; `state` is the service's own."""

    def __init__(self, writer: asyncio.StreamWriter, ctx: Context) -> None:
        self._writer = writer
        self._ctx = ctx
        self.state: dict[str, Any] = {}
        self.connections: tuple[str, ...] = ()
        self.peer: str = str((writer.get_extra_info("peername") or ("",))[0])
        self.trusted = False
        self.running: set[asyncio.Task[None]] = set()

    def notify(self, method: str, params: object) -> None:
        """Send a notification; a client that does not read is cut off."""
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def send(self, message: object) -> None:
        """Write one line."""
        if self._writer.transport.get_write_buffer_size() > 16 * MAX_LINE:
            self._writer.transport.abort()
            return
        self._writer.write(_encode(message) + b"\n")
        for row in self.connections:
            self._ctx.connections.count(row, sent=1)

    @property
    def closed(self) -> bool:
        """Whether the client is gone, or is being sent away."""
        return self._writer.is_closing()

    @property
    def backlog(self) -> int:
        """Bytes that the client has not taken yet."""
        return self._writer.transport.get_write_buffer_size()

    async def drain(self) -> None:
        """Wait until the client has read most of what was sent; ConnectionError when it is gone."""
        await self._writer.drain()

    def close(self) -> None:
        """End the session."""
        self._writer.close()

    def abort(self) -> None:
        """End the session at once; what was not sent is lost."""
        self._writer.transport.abort()
