"""HTTP/1.1 from one service to another (RFC 9112): connections that stay open, one request at a time on each.

What services ask each other is small, much, and always of the same form: a client made for everything costs
several times as much. Answers are read by httptools. The outside is asked with aiohttp.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import NamedTuple, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

Address = tuple[str, int]
_AT_ONCE = 64
"""Requests to one address; the next waits for its turn."""
_KEPT_S = 15.0
_LARGEST = 64 * 1024 * 1024


class Answer(NamedTuple):
    """Status, header fields as they came, body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Unreached(ConnectionError):
    """There was no connection, so nobody has seen the request."""


class _Wire(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self.open = True
        self.heard = False
        """Whether anything has come in answer to the last request."""
        self.idle_since = 0.0
        self._loop = asyncio.get_running_loop()
        self._parser = HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0
        self._stays = True

    async def ask(self, message: bytes, timeout_s: float) -> Answer:
        """Send a request; ConnectionError or TimeoutError without an answer, and the wire is closed then."""
        if not self.open or self._transport is None:
            raise ConnectionResetError("the connection is closed")
        self.heard, self._answer = False, self._loop.create_future()
        self._transport.write(message)
        timer = self._loop.call_later(timeout_s, self._fail, TimeoutError("no answer in time"))
        try:
            answer = await self._answer
        except BaseException:
            self.close()
            raise
        finally:
            timer.cancel()
            self._answer = None
        if not self._stays:
            self.close()
        return answer

    def close(self) -> None:
        """Close at once; a request under way has no answer."""
        self.open = False
        if self._transport is not None:
            self._transport.abort()
        self._fail(ConnectionResetError("the connection was closed"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, _error: Exception | None) -> None:
        """See asyncio.Protocol."""
        self.close()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self.heard, self._size = True, self._size + len(data)
        if self._answer is None or self._size > _LARGEST:
            self.close()  # nobody has asked, or not for so much
            return
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._fail(ConnectionError(f"the answer is not HTTP: {error}"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: a header field has come."""
        self._headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        """httptools: a part of the body has come."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """httptools: the answer is whole; those before the final one are passed over (RFC 9110 15.2)."""
        status, answer = self._parser.get_status_code(), self._answer
        headers, body = self._headers, b"".join(self._body)
        self._headers, self._body, self._size = [], [], 0
        if status < 200:
            return
        self._stays = self._stays and self._parser.should_keep_alive()
        if answer is not None and not answer.done():
            answer.set_result(Answer(status, headers, body))

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


class HttpWires:
    """The connections of one process to its neighbours."""

    def __init__(self) -> None:
        self._idle: defaultdict[Address, list[_Wire]] = defaultdict(list)
        self._turns: defaultdict[Address, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(_AT_ONCE)
        )

    async def ask(self, address: Address, message: bytes, timeout_s: float, *, safe: bool) -> Answer:
        """Send a whole request and wait for its answer. ConnectionError, TimeoutError: there is none.

        `safe`: it goes out again when a connection that had been idle was closed by the other side meanwhile.
        """
        turns = self._turns[address]
        if turns.locked():
            async with asyncio.timeout(timeout_s):
                await turns.acquire()
        else:
            await turns.acquire()
        try:
            wire = self._take(address)
            if wire is not None:
                try:
                    return await self._ask(address, wire, message, timeout_s)
                except ConnectionError:
                    if wire.heard or not safe:
                        raise
            return await self._ask(address, await _connected(address, timeout_s), message, timeout_s)
        finally:
            turns.release()

    async def _ask(self, address: Address, wire: _Wire, message: bytes, timeout_s: float) -> Answer:
        answer = await wire.ask(message, timeout_s)
        if wire.open:
            wire.idle_since = asyncio.get_running_loop().time()
            self._idle[address].append(wire)
        return answer

    def _take(self, address: Address) -> _Wire | None:
        """The connection that was used last; the one that has been idle for longest is closed on the way."""
        idle, since = self._idle[address], asyncio.get_running_loop().time() - _KEPT_S
        if idle and idle[0].idle_since < since:
            idle.pop(0).close()
        while idle:
            wire = idle.pop()
            if wire.open and wire.idle_since >= since:
                return wire
            wire.close()
        return None

    def close(self) -> None:
        """Close what is idle; a request under way ends with who waits for it."""
        for wires in self._idle.values():
            for wire in wires:
                wire.close()
        self._idle.clear()


async def _connected(address: Address, timeout_s: float) -> _Wire:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            _, wire = await loop.create_connection(_Wire, *address)
    except TimeoutError:
        raise
    except OSError as error:
        raise Unreached(f"nobody at {address[0]}:{address[1]}: {error}") from error
    return wire
