"""The TCP link: JSON-RPC 2.0, one message a line, both ways.

A request has `id`, `method`, `params`; a notification has no `id`. It can be typed by hand with netcat.
A client says first which row of the connections' table it is (`hello`), so that both sides count it.
"""

from __future__ import annotations

import asyncio
import hmac
import itertools
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from ringback.runtime.link_errors import (
    INTERNAL,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    UNAVAILABLE,
    LinkError,
    LinkUnavailable,
    failure,
)
from ringback.runtime.link_session import (
    MAX_LINE,
    Frame,
    LineTooLong,
    LinkSession,
    Params,
    decode_frame,
    leave_unread,
    lines_of,
)
from ringback.runtime.valkey import ValkeyUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context

__all__ = [
    "INTERNAL",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "MAX_LINE",
    "METHOD_NOT_FOUND",
    "PARSE_ERROR",
    "UNAVAILABLE",
    "LinkClient",
    "LinkError",
    "LinkServer",
    "LinkSession",
    "LinkUnavailable",
    "MethodHandler",
    "NotificationHandler",
    "Params",
]

_RECONNECT_S = 0.2
_PORTION = 50
"""Notifications handled in one turn of the loop."""
_READ_AHEAD = 256 * 1024
_SIDE_BY_SIDE = 256
"""Requests of one client that are worked on at a time, where a method allows it."""


NotificationHandler = Callable[[Params], Awaitable[None]]
MethodHandler = Callable[[LinkSession, Params], Awaitable[Any]]


class LinkServer:
    """Serves methods to many clients.

    `trust_loopback`: who comes from this machine need not say hello with the cluster's secret. `max_line`:
    bytes of the longest line of who is trusted, of others at most MAX_LINE; `max_sessions`: how many clients
    there may be, 0 for no limit.
    """

    def __init__(
        self,
        ctx: Context,
        listener: str,
        *,
        trust_loopback: bool = True,
        max_line: int = MAX_LINE,
        max_sessions: int = 0,
    ) -> None:
        self._ctx = ctx
        self._listener = listener
        self._trust_loopback = trust_loopback
        self._max_line = max_line
        self._max_sessions = max_sessions
        self._methods: dict[str, MethodHandler] = {"hello": self._hello}
        self._public = {"hello"}
        self._side_by_side: set[str] = set()
        self._server: asyncio.Server | None = None
        self.sessions: set[LinkSession] = set()
        self._serving: set[asyncio.Task[Any]] = set()
        self.on_close: Callable[[LinkSession], None] | None = None
        self.address: tuple[str, int] = ("", 0)

    def method(
        self, name: str, handler: MethodHandler, *, public: bool = False, side_by_side: bool = False
    ) -> None:
        """Serve `name`; a handler raises LinkError to refuse. `public`: also to those who are not trusted.

        `side_by_side`: a client's next request begins before this one is answered. They begin in order, so
        that handlers whose effect is one command to Valkey take effect in order; answers bear their id.
        """
        self._methods[name] = handler
        if side_by_side:
            self._side_by_side.add(name)
        if public:
            self._public.add(name)

    async def start(self) -> None:
        """Bind the listener's address; OSError when it is taken."""
        host, port = self._ctx.address(self._ctx.service, self._listener)
        self._server = await asyncio.start_server(self._serve, host, port, limit=_READ_AHEAD)
        bound = self._server.sockets[0].getsockname()
        self.address = (bound[0], bound[1])
        self._ctx.bound(self._listener, self.address)

    async def stop(self) -> None:
        """Close the listener and all sessions."""
        if self._server is not None:
            self._server.close()
        for session in list(self.sessions):
            session.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _hello(self, session: LinkSession, params: Params) -> Any:
        secret = self._ctx.common.cluster_secret
        if not secret or hmac.compare_digest(secret.encode(), str(params.get("secret", "")).encode()):
            session.trusted = True
        rows = str(params.get("connection", ""))
        session.connections = tuple(row for row in rows.split(",") if row)
        return {"service": self._ctx.service, "node": self._ctx.node}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        session = LinkSession(writer, self._ctx)
        local = self._trust_loopback and session.peer.startswith("127.")
        session.trusted = local or not self._ctx.common.cluster_secret
        if self._max_sessions and len(self.sessions) >= self._max_sessions:
            session.abort()
            return
        self.sessions.add(session)
        try:
            await self._read(session, reader)
        except LineTooLong:
            most = self._longest(session)
            session.send(_error(None, INVALID_REQUEST, f"a line has at most {most} bytes: send portions"))
            await leave_unread(reader)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # a client that went away
        except asyncio.CancelledError:
            pass  # stopped: asyncio's streams of 3.11 take a cancelled session for a crash
        finally:
            self.sessions.discard(session)
            if self.on_close is not None:
                self.on_close(session)
            with suppress(ConnectionError):
                session.close()

    async def _read(self, session: LinkSession, reader: asyncio.StreamReader) -> None:
        async for lines in lines_of(reader, lambda: self._longest(session)):
            for line in lines:
                if line.strip():
                    await self._take(session, line)

    def _longest(self, session: LinkSession) -> int:
        return self._max_line if session.trusted else min(self._max_line, MAX_LINE)

    async def _take(self, session: LinkSession, line: bytes) -> None:
        for row in session.connections:
            self._ctx.connections.count(row, received=1)
        try:
            frame = decode_frame(line)
        except msgspec.ValidationError as error:
            session.send(_error(None, INVALID_REQUEST, str(error)))
        except (msgspec.DecodeError, UnicodeDecodeError):
            session.send(_error(None, PARSE_ERROR, "this line is not JSON"))
        else:
            await self._begin(session, frame)

    async def _begin(self, session: LinkSession, frame: Frame) -> None:
        """Answer a request: at once, or beside those that follow."""
        if frame.method not in self._side_by_side:
            await self._reply(session, frame)
            return
        running = session.running
        while len(running) >= _SIDE_BY_SIDE:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(self._reply(session, frame))
        for tasks in (running, self._serving):
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def _reply(self, session: LinkSession, frame: Frame) -> None:
        reply = await self._answer(session, frame)
        if reply is not None and not session.closed:
            session.send(reply)

    async def _answer(self, session: LinkSession, frame: Frame) -> dict[str, Any] | None:
        if frame.method is None:
            return _error(frame.id, INVALID_REQUEST, "a request has a method")
        if not session.trusted and frame.method not in self._public:
            return _error(frame.id, INVALID_REQUEST, "say hello with the cluster's secret first")
        handler = self._methods.get(frame.method)
        if handler is None:
            known = ", ".join(sorted(self._methods))
            return _error(frame.id, METHOD_NOT_FOUND, f"no method {frame.method[:64]}; there are: {known}")
        return await self._run(handler, session, frame)

    async def _run(self, handler: MethodHandler, session: LinkSession, frame: Frame) -> dict[str, Any] | None:
        try:
            result = await handler(session, frame.params)
        except LinkError as error:
            return _error(frame.id, error.code, error.message)
        except msgspec.ValidationError as error:
            return _error(frame.id, INVALID_PARAMS, str(error))
        except (ConnectionError, ValkeyUnavailable) as error:
            return _error(frame.id, UNAVAILABLE, f"a part that this needs is away: {error}")
        except Exception as error:
            self._ctx.log.exception("link_method_failed", method=frame.method)
            return _error(frame.id, INTERNAL, type(error).__name__)
        return None if frame.id is None else {"jsonrpc": "2.0", "id": frame.id, "result": result}


def _error(frame_id: int | str | None, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": frame_id, "error": {"code": code, "message": message}}


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
        self.waiting: dict[int, asyncio.Future[Any]] = {}
        self._next_id = 0
        self._handlers: dict[str, NotificationHandler] = {}
        self._on_connect: list[Callable[[], Awaitable[None]]] = []
        self._ready = asyncio.Event()
        self._inbox: asyncio.Queue[Frame] = asyncio.Queue()

    @property
    def connected(self) -> bool:
        """Whether the other side is there."""
        return self._ready.is_set()

    def on(self, method: str, handler: NotificationHandler) -> None:
        """Handle a notification; notifications are handled one after another, in order."""
        self._handlers[method] = handler

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

    async def _call(self, method: str, params: object, timeout: float) -> Any:
        number = self._next_id = self._next_id + 1
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.waiting[number], began = future, self._ctx.monotonic()
        try:
            self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
            async with asyncio.timeout(timeout):
                return await future
        except TimeoutError:
            raise LinkUnavailable(f"{method}: no answer within {timeout} s") from None
        finally:
            self.waiting.pop(number, None)
            status = 200 if future.done() and not future.cancelled() else 0
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
        reader, writer = await asyncio.open_connection(*self._address, limit=_READ_AHEAD)
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
            self._inbox.put_nowait(frame)
        elif isinstance(frame.id, int) and (future := self.waiting.get(frame.id)) and not future.done():
            if frame.error is not None:
                future.set_exception(failure(frame.error))
            else:
                future.set_result(frame.result)
        elif frame.id is None and frame.error is not None:
            self._lost(failure(frame.error))
            raise ConnectionError("the other side could not read what was sent")

    async def _dispatch(self) -> None:
        for count in itertools.count(1):
            if count % _PORTION == 0:
                await asyncio.sleep(0)
            frame = await self._inbox.get()
            handler = self._handlers.get(frame.method or "")
            if handler is None:
                continue
            try:
                await handler(frame.params)
            except Exception:
                self._ctx.log.exception("link_notification_failed", method=frame.method)

    def _lost(self, error: Exception) -> None:
        self._writer = None
        self._out.clear()
        self._ready.clear()
        for future in self.waiting.values():
            if not future.done():
                future.set_exception(error)
