"""HTTP/1.1 between our own services, over connections that stay open.

A general client does much that is not needed here (redirects, cookies, proxies, encodings), and does it for
each request. This one writes a request, and reads status, headers and body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import cast

MAX_CONNECTIONS = 64
"""To one listener; further requests wait for one of them."""
IDLE_S = 15.0
"""A connection that was idle for longer may have been closed by the other side: it is not used again."""
Address = tuple[str, int]


class NotConnected(ConnectionError):
    """There is no connection: nothing was sent."""


class HttpReply:
    """Status, headers (in any case) and body of an answer."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Headers(Mapping[str, str]):
    """The header lines of an answer, asked for in any spelling; of several with one name the first counts."""

    __slots__ = ("lower",)

    def __init__(self, lines: list[str]) -> None:
        self.lower: dict[str, str] = {}
        """By names in lower case."""
        for line in lines:
            name, _, value = line.partition(":")
            self.lower.setdefault(name.lower(), value.strip())

    def __getitem__(self, name: str) -> str:
        return self.lower[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self.lower)

    def __len__(self) -> int:
        return len(self.lower)


class _Wire(asyncio.Protocol):
    """One connection, which carries one request at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._answer: asyncio.Future[HttpReply] | None = None
        self._head: tuple[int, Headers] | None = None
        self._without_body = False
        self.keep = True
        """It may carry another request."""
        self.idle_since = 0.0

    @property
    def usable(self) -> bool:
        """True if it is open and has not been idle for too long."""
        fresh = self._loop.time() - self.idle_since < IDLE_S
        return self.keep and fresh and self._transport is not None and not self._transport.is_closing()

    def ask(self, data: bytes, *, without_body: bool) -> asyncio.Future[HttpReply]:
        """Send a request; the future fails with ConnectionError if the connection is lost first."""
        answer = self._answer = self._loop.create_future()
        self._buffer, self._head, self._without_body = b"", None, without_body
        if self._transport is None:
            answer.set_exception(ConnectionResetError("connection lost"))
        else:
            self._transport.write(data)
        return answer

    def give_up(self, error: Exception) -> None:
        """Nobody waits for the answer any more, or there will be none: the connection is of no use."""
        self.keep = False
        if self._transport is not None:
            self._transport.abort()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of asyncio's

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport, self.keep = None, False
        if self._head is not None and _length_of(self._head[1]) is None:
            self._finish(self._buffer)  # such a body ends with the connection
        elif self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("connection lost"))

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        try:
            if self._head is None and not self._read_head():
                return
            self._read_body()
        except ValueError as error:
            self.give_up(ConnectionError(f"not an answer: {error}"))

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        status, headers = int(rest[:3]), Headers(lines)
        self._buffer = self._buffer[end + 4 :]
        if status < 200:
            return self._read_head()
        self._head = status, headers
        self.keep = version == "HTTP/1.1" and headers.lower.get("connection", "").lower() != "close"
        return True

    def _read_body(self) -> None:
        if self._head is None:
            return
        status, headers = self._head
        if self._without_body or status in (204, 304):
            self._finish(b"")
        elif "transfer-encoding" in headers.lower:
            body = _joined(self._buffer)
            if body is not None:
                self._finish(body)
        else:
            length = _length_of(headers)
            if length is None:
                self.keep = False
            elif len(self._buffer) >= length:
                self._finish(self._buffer[:length])

    def _finish(self, body: bytes) -> None:
        answer, head, self._answer, self._head = self._answer, self._head, None, None
        if answer is not None and head is not None and not answer.done():
            answer.set_result(HttpReply(head[0], head[1], body))


def _length_of(headers: Headers) -> int | None:
    """The length of a body; None where it ends with the connection. Raises ValueError."""
    if "transfer-encoding" in headers.lower:
        return 0
    text = headers.lower.get("content-length")
    return None if text is None else int(text)


def _joined(data: bytes) -> bytes | None:
    """The body out of its chunks (RFC 9112 7.1); None while the last is not there. Raises ValueError."""
    parts: list[bytes] = []
    position = 0
    while (end := data.find(b"\r\n", position)) >= 0:
        size = int(data[position:end].partition(b";")[0], 16)
        if size == 0:
            return b"".join(parts) if data.find(b"\r\n\r\n", end - 2) >= 0 else None
        parts.append(data[end + 2 : end + 2 + size])
        position = end + 2 + size + 2
    return None


class _Listener:
    """The connections to one listener."""

    def __init__(self) -> None:
        self.idle: list[_Wire] = []
        self.room = asyncio.Semaphore(MAX_CONNECTIONS)

    def take(self) -> _Wire | None:
        """The connection that was used last, if it is good; those that are not are forgotten."""
        while self.idle:
            wire = self.idle.pop()
            if wire.usable:
                return wire
            wire.give_up(ConnectionResetError("idle for too long"))
        return None


class HttpWires:
    """The connections of one process to all listeners."""

    def __init__(self) -> None:
        self._listeners: dict[Address, _Listener] = {}
        self._closed = False

    async def request(
        self, address: Address, data: bytes, timeout_s: float, *, without_body: bool = False
    ) -> HttpReply:
        """Send one request. Raises ConnectionError without an answer, TimeoutError without one in time."""
        listener = self._listeners.get(address)
        if listener is None:
            listener = self._listeners[address] = _Listener()
        wire = None if listener.room.locked() else listener.take()
        if wire is None:
            async with asyncio.timeout(timeout_s):
                async with listener.room:
                    return await self._ask(listener, await _open(listener, address), data, without_body)
        async with listener.room:
            late = asyncio.get_running_loop().call_later(timeout_s, wire.give_up, TimeoutError("no answer"))
            try:
                return await self._ask(listener, wire, data, without_body)
            finally:
                late.cancel()

    def close(self) -> None:
        """Close every connection."""
        self._closed = True
        for listener in self._listeners.values():
            for wire in listener.idle:
                wire.give_up(ConnectionResetError("closed"))

    async def _ask(self, listener: _Listener, wire: _Wire, data: bytes, without_body: bool) -> HttpReply:
        try:
            reply = await wire.ask(data, without_body=without_body)
        except BaseException:
            wire.give_up(ConnectionResetError("given up"))
            raise
        wire.idle_since = wire._loop.time()
        if self._closed or not wire.keep:
            wire.give_up(ConnectionResetError("closed"))
        else:
            listener.idle.append(wire)
        return reply


async def _open(listener: _Listener, address: Address) -> _Wire:
    wire = listener.take()
    if wire is None:
        try:
            _, wire = await asyncio.get_running_loop().create_connection(_Wire, *address)
        except OSError as error:
            raise NotConnected(str(error)) from error
        wire.idle_since = asyncio.get_running_loop().time()
    return wire
