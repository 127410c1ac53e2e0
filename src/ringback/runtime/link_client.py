"""The client's side of the TCP link; see `ringback.runtime.link`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from ringback.runtime.link_errors import LinkError, LinkUnavailable, failure
from ringback.runtime.link_session import READ_AHEAD, Frame, decode_frame, decode_params, lines_of
from ringback.runtime.valkey import ValkeyUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_RECONNECT_S = 0.2
_PORTION = 50
"""Notifications handled in one turn of the loop."""

NotificationHandler = Callable[[Any], Awaitable[None]]


class _Answer:
    """What somebody waits for who has asked for one thing."""

    __slots__ = ("future",)

    def __init__(self, future: asyncio.Future[Any]) -> None:
        self.future = future

    def answer(self, number: int, found: Any) -> None:
        """The result, or the refusal."""
        if self.future.done():
            return
        if isinstance(found, Exception):
            self.future.set_exception(found)
        else:
            self.future.set_result(found)

    def give_up(self, error: Exception) -> None:
        """There will be no answer."""
        self.answer(0, error)


class _Answers:
    """What somebody waits for who has asked for many things at once, numbered from `first` on: the result of
    each, or the error. A future for each would cost as much as what is asked.
    """

    __slots__ = ("_first", "_found", "_left", "future")

    def __init__(self, future: asyncio.Future[list[Any]], first: int, count: int) -> None:
        self.future = future
        self._first = first
        self._left = dict.fromkeys(range(count))
        self._found: list[Any] = [None] * count
        if not count:
            future.set_result([])

    def answer(self, number: int, found: Any) -> None:
        """One of them is answered; a second answer changes nothing."""
        place = number - self._first
        if place not in self._left:
            return
        del self._left[place]
        self._found[place] = found
        if not self._left and not self.future.done():
            self.future.set_result(self._found)

    def give_up(self, error: Exception) -> None:
        """The rest will not be answered."""
        for place in list(self._left):
            self.answer(self._first + place, error)


class LinkClient:
    """A connection to one link listener that is opened again when it breaks."""

    def __init__(
        self,
        ctx: Context,
        service: str,
        listener: str,
        *,
        connection: str = "",
        address: tuple[str, int] | None = None,
    ) -> None:
        self._ctx = ctx
        self._address = address or ctx.address(service, listener)
        self._times = ctx.outgoing.linked(service)
        ctx.links.append((service, self))
        self._connection = connection
        self._rows = tuple(row for row in connection.split(",") if row)
        self._out: list[bytes] = []
        self._writer: asyncio.StreamWriter | None = None
        self.waiting: dict[int, _Answer | _Answers] = {}
        self._next_id = 0
        self._handlers: dict[str, tuple[NotificationHandler, Callable[[msgspec.Raw], Any]]] = {}
        self._on_connect: list[Callable[[], Awaitable[None]]] = []
        self._ready = asyncio.Event()
        self._inbox: deque[Frame] = deque()
        self._told = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether the other side is there."""
        return self._ready.is_set()

    def on(self, method: str, handler: NotificationHandler, kind: type[msgspec.Struct] | None = None) -> None:
        """Handle a notification, given as a `kind` or else as a dict; notifications are handled one after
        another, in order.
        """
        self._handlers[method] = handler, msgspec.json.Decoder(kind).decode if kind else decode_params

    def on_connect(self, coro: Callable[[], Awaitable[None]]) -> None:
        """Run `coro` after each connect: subscribe there."""
        self._on_connect.append(coro)

    async def start(self) -> None:
        """Begin to connect in the background; returns at once."""
        self._ctx.spawn(self._keep(), f"link-{self._address[1]}")
        self._ctx.spawn(self._dispatch(), f"link-inbox-{self._address[1]}")

    async def wait_connected(self, timeout: float = 10.0) -> None:
        """Return when connected; LinkUnavailable after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._ready.wait()
        except TimeoutError:
            raise LinkUnavailable(f"nobody at {self._address[0]}:{self._address[1]}") from None

    async def call(self, method: str, params: object, timeout: float = 5.0) -> Any:
        """Send a request and return its result; LinkError when refused."""
        if not self._ready.is_set():
            await self.wait_connected(min(timeout, 1.0))
        return await self._call(method, params, timeout)

    async def call_all(self, method: str, params: Sequence[object], timeout: float = 5.0) -> list[Any]:
        """Send many requests of one kind; the result of each, or the LinkError or LinkUnavailable instead."""
        try:
            if not self._ready.is_set():
                await self.wait_connected(min(timeout, 1.0))
            return await self._call_all(method, params, timeout)
        except LinkUnavailable as error:
            return [error] * len(params)

    async def _call_all(self, method: str, params: Sequence[object], timeout: float) -> list[Any]:
        loop, began = asyncio.get_running_loop(), self._ctx.monotonic()
        first, self._next_id = self._next_id + 1, self._next_id + len(params)
        numbers = range(first, self._next_id + 1)
        answers = _Answers(loop.create_future(), first, len(params))
        self.waiting.update(dict.fromkeys(numbers, answers))
        silent = LinkUnavailable(f"{method}: no answer within {timeout} s")
        late = loop.call_later(timeout, answers.give_up, silent)
        try:
            for number, each in zip(numbers, params, strict=True):
                self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": each})
            found = await answers.future
            spent = self._ctx.monotonic() - began
            for answer in found:
                self._times.answered(0 if isinstance(answer, LinkUnavailable) else 200, spent)
            return found
        finally:
            late.cancel()
            for number in numbers:
                self.waiting.pop(number, None)

    async def _call(self, method: str, params: object, timeout: float) -> Any:
        number = self._next_id = self._next_id + 1
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self.waiting[number], began = _Answer(future), self._ctx.monotonic()
        status = 0
        # A timer of the loop: asyncio.timeout costs several times as much, and this is done for each request.
        silent = LinkUnavailable(f"{method}: no answer within {timeout} s")
        late = loop.call_later(timeout, self.waiting[number].give_up, silent)
        try:
            self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
            result = await future
            status = 200
            return result
        except LinkError:
            status = 200
            raise
        finally:
            late.cancel()
            self.waiting.pop(number, None)
            self._times.answered(status, self._ctx.monotonic() - began)

    def notify(self, method: str, params: object) -> None:
        """Send a notification; LinkUnavailable when not connected."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def _send(self, message: object) -> None:
        if self._writer is None:
            raise LinkUnavailable(f"not connected to {self._address[0]}:{self._address[1]}")
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(msgspec.json.encode(message))
        for row in self._rows:
            self._ctx.connections.count(row, sent=1)

    def _flush(self) -> None:
        """What was sent in one turn of the loop leaves in one write."""
        out, self._out = self._out, []
        if out and self._writer is not None:
            out.append(b"")
            self._writer.write(b"\n".join(out))

    async def _keep(self) -> None:
        while True:
            try:
                with suppress(OSError, ValueError, LinkError, ValkeyUnavailable):
                    await self._session()
            except Exception:
                self._ctx.log.exception("link_subscriber_failed", port=self._address[1])
            self._lost(LinkUnavailable("the link broke"))
            await asyncio.sleep(_RECONNECT_S)

    async def _session(self) -> None:
        reader, writer = await asyncio.open_connection(*self._address, limit=READ_AHEAD)
        self._writer = writer
        reading = asyncio.create_task(self._read(reader))
        try:
            hello = {"connection": self._connection, "client": f"{self._ctx.service}@{self._ctx.node}"}
            await self._call("hello", {**hello, "secret": self._ctx.common.cluster_secret}, 5.0)
            self._ready.set()
            for coro in self._on_connect:
                await coro()
            await reading
        finally:
            reading.cancel()
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        async for lines in lines_of(reader):
            for row in self._rows:
                self._ctx.connections.count(row, received=len(lines))
            for line in lines:
                self._take(decode_frame(line))

    def _take(self, frame: Frame) -> None:
        if frame.method is not None:
            self._inbox.append(frame)
            self._told.set()
        elif isinstance(frame.id, int) and (waiter := self.waiting.get(frame.id)) is not None:
            waiter.answer(frame.id, frame.result if frame.error is None else failure(frame.error))
        elif frame.id is None and frame.error is not None:
            self._lost(failure(frame.error))
            raise ConnectionError("the other side could not read what was sent")

    async def _dispatch(self) -> None:
        while True:
            await self._told.wait()
            for _ in range(min(_PORTION, len(self._inbox))):
                await self._handle(self._inbox.popleft())
            if self._inbox:
                await asyncio.sleep(0)
            else:
                self._told.clear()

    async def _handle(self, frame: Frame) -> None:
        known = self._handlers.get(frame.method or "")
        if known is None:
            return
        handler, decode = known
        try:
            await handler(decode(frame.params))
        except Exception:
            self._ctx.log.exception("link_notification_failed", method=frame.method)

    def _lost(self, error: Exception) -> None:
        self._writer = None
        self._out.clear()
        self._ready.clear()
        for waiter in self.waiting.values():
            waiter.give_up(error)
