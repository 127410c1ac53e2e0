"""One connection to Valkey: bytes of commands out, replies in.

Every command passes here: a module without coroutines can be compiled (docs/decisions/0018).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, cast

import hiredis

from ringback.runtime.valkey_replies import Alone, Told, Transaction, ValkeyError, ValkeyUnavailable, Waiter

Argument = str | bytes | int | float
_STALL_S = 5.0
_MULTI = hiredis.pack_command(("MULTI",))
_EXEC = hiredis.pack_command(("EXEC",))
_NO_REPLY: tuple[Argument, ...] = ("CLIENT", "REPLY", "SKIP")


class Wire(asyncio.Protocol):
    """One socket: commands out in batches, replies in order."""

    def __init__(self, on_lost: Callable[[], None]) -> None:
        self._reader = hiredis.Reader()
        self._waiting: deque[Waiter] = deque()
        self._moved_at = 0.0
        """When a reply came, or the first of the commands that wait for one was sent."""
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of asyncio's

    def data_received(self, data: bytes) -> None:
        self._moved_at = self._loop.time()
        reader, waiting = self._reader, self._waiting
        reader.feed(data)
        while (reply := reader.gets()) is not False:
            future = waiting.popleft()
            if type(future) is Transaction and future.left > 1 and type(reply) is bytes:
                future.left -= 1  # to MULTI, or that a command is queued: most replies are these
            elif isinstance(reply, hiredis.ReplyError) and not future.done():
                future.set_exception(ValkeyError(str(reply)))
            elif not future.done():
                future.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        waiting, self._waiting = self._waiting, deque()
        for future in waiting:
            if not future.done():
                future.set_exception(ValkeyUnavailable("connection to Valkey lost"))
        self._on_lost()

    @property
    def connected(self) -> bool:
        return self._transport is not None

    def send(self, command: tuple[Argument, ...]) -> asyncio.Future[Any]:
        if self._transport is None:
            raise ValkeyUnavailable("not connected to Valkey")
        future: asyncio.Future[Any] = self._loop.create_future()
        self._put(command, future)
        return future

    def ask(self, command: tuple[Argument, ...], then: Callable[[Any], None]) -> None:
        if self._transport is None:
            raise ValkeyUnavailable("not connected to Valkey")
        self._put(command, Told(then))

    def send_all(self, commands: Sequence[tuple[Argument, ...]]) -> asyncio.Future[list[Any]]:
        if self._transport is None:
            raise ValkeyUnavailable("not connected to Valkey")
        future: asyncio.Future[list[Any]] = self._loop.create_future()
        if not commands:
            future.set_result([])
            return future
        if len(commands) == 1:
            self._put(commands[0], Alone(future))
            return future
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out += [_MULTI, *map(hiredis.pack_command, commands), _EXEC]  # type: ignore[arg-type]
        self._moved_at = self._moved_at if self._waiting else self._loop.time()
        self._waiting += [Transaction(future, len(commands) + 2)] * (len(commands) + 2)
        return future

    def tell(self, command: tuple[Argument, ...]) -> None:
        if self._transport is None:
            raise ValkeyUnavailable("not connected to Valkey")
        self._write(_NO_REPLY)
        self._write(command)

    def _put(self, command: tuple[Argument, ...], waiter: Waiter) -> None:
        self._write(command)
        if not self._waiting:
            self._moved_at = self._loop.time()
        self._waiting.append(waiter)

    def _write(self, command: tuple[Argument, ...]) -> None:
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(hiredis.pack_command(command))  # type: ignore[arg-type]

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._transport is not None:
            self._transport.write(b"".join(out) if len(out) > 1 else out[0])

    def stalled(self, now: float) -> bool:
        return bool(self._waiting) and now - self._moved_at > _STALL_S

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
