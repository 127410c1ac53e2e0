"""One client at a link server, as the server's methods see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from ringback.runtime.context import Context

MAX_LINE = 1024 * 1024
MAX_LONG_LINE = 64 * MAX_LINE
"""Bytes of a line that holds a whole configuration, or the answer to a wide search."""
MAX_STRANGE_LINE = 64 * 1024
"""Bytes of a line of somebody who has to say hello first."""
READ_AHEAD = 256 * 1024
_LINGER_S = 1.0

Params = dict[str, Any]
_encode = msgspec.json.encode


class Request(msgspec.Struct):
    """A message of JSON-RPC to a server; what its parameters are is for the method to say."""

    id: int | str | None = None
    method: str | None = None
    params: msgspec.Raw = msgspec.Raw(b"{}")


class Frame(msgspec.Struct, omit_defaults=True):
    """A message of JSON-RPC to a client: a notification or an answer."""

    jsonrpc: str = ""
    id: int | str | None = None
    method: str | None = None
    params: msgspec.Raw = msgspec.Raw(b"{}")
    result: Any = None
    error: dict[str, Any] | None = None


decode_request = msgspec.json.Decoder(Request).decode
decode_params = msgspec.json.Decoder(Params).decode
decode_frame = msgspec.json.Decoder(Frame).decode


class LineTooLong(ValueError):
    """A peer sent a line that is longer than this side reads."""


class RefusedTooOften(ValueError):
    """A peer goes on sending what is refused."""


async def lines_of(
    reader: asyncio.StreamReader, longest: Callable[[], int] = lambda: MAX_LONG_LINE
) -> AsyncIterator[list[bytes]]:
    """The lines of a stream as they come, many at a time. LineTooLong for one over `longest()` bytes."""
    rest = bytearray()
    while data := await reader.read(READ_AHEAD):
        rest += data
        if len(rest) > longest() and max(map(len, rest.split(b"\n"))) > longest():
            raise LineTooLong
        if b"\n" in data:
            *lines, last = bytes(rest).split(b"\n")
            rest = bytearray(last)
            yield lines
    if rest:
        yield [bytes(rest)]


async def leave_unread(reader: asyncio.StreamReader) -> None:
    """Throw away what still comes: closed with bytes unread, a session loses its last answer."""
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(_LINGER_S):
            while await reader.read(READ_AHEAD):
                pass


class LinkSession:
    """One client at a server; `state` is the service's own."""

    def __init__(self, writer: asyncio.StreamWriter, ctx: Context) -> None:
        self._writer = writer
        self._ctx = ctx
        self.state: dict[str, Any] = {}
        self.connections: tuple[str, ...] = ()
        self.peer: str = str((writer.get_extra_info("peername") or ("",))[0])
        self.trusted = False
        self.refusals = 0
        """Lines that could not be read, or were sent by somebody who has not said who it is."""
        self.overrun = False
        """It left so much unread that it was ended."""
        self._out: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self.running: set[asyncio.Task[None]] = set()

    def notify(self, method: str, params: object) -> None:
        """Send a notification; a client that does not read is cut off."""
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def send(self, message: object) -> None:
        """Write one line; those of one turn of the loop leave in one write."""
        self.send_lines([_encode(message)])

    def send_all(self, messages: Sequence[object]) -> None:
        """As `send`, for many."""
        self.send_lines([_encode(message) for message in messages])

    def send_lines(self, lines: Sequence[bytes]) -> None:
        """Write messages that are JSON already."""
        if self._writer.transport.get_write_buffer_size() > 16 * MAX_LINE:
            self.overrun = True
            self._writer.transport.abort()
            return
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out += lines
        for row in self.connections:
            self._ctx.connections.count(row, sent=len(lines))

    def _flush(self) -> None:
        if self._out:
            out, self._out = self._out, []
            out.append(b"")
            self._writer.write(b"\n".join(out))

    @property
    def closed(self) -> bool:
        """Whether the client is gone, or is being sent away."""
        return self._writer.is_closing()

    @property
    def backlog(self) -> int:
        """Bytes that the client has not taken yet."""
        self._flush()
        return self._writer.transport.get_write_buffer_size()

    @property
    def lags(self) -> bool:
        """Whether the client has left so much unread that it is better told no more until it reads."""
        return self._writer.transport.get_write_buffer_size() > MAX_LINE

    async def drain(self) -> None:
        """Wait until the client has read most of what was sent; ConnectionError when it is gone."""
        self._flush()
        await self._writer.drain()

    def close(self) -> None:
        """End the session."""
        self._flush()
        self._writer.close()

    def abort(self) -> None:
        """End the session at once; what was not sent is lost."""
        self._writer.transport.abort()
