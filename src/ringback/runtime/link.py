"""The TCP link: JSON-RPC 2.0, one message a line, both ways.

A request has `id`, `method`, `params`; a notification has no `id`. It can be typed by hand with netcat.
A client says first which row of the connections' table it is (`hello`), so that both sides count it.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from ringback.runtime.link_client import LinkClient, NotificationHandler
from ringback.runtime.link_errors import (
    INTERNAL,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    UNAVAILABLE,
    LinkError,
    LinkUnavailable,
)
from ringback.runtime.link_session import (
    MAX_LINE,
    MAX_STRANGE_LINE,
    READ_AHEAD,
    LineTooLong,
    LinkSession,
    Params,
    RefusedTooOften,
    Request,
    decode_params,
    decode_request,
    leave_unread,
    lines_of,
)
from ringback.runtime.unread import give_up_when_unread
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
    "TogetherHandler",
]

_SIDE_BY_SIDE = 256
"""Requests of one client that are worked on at a time, where a method allows it."""
_TOGETHER = 50
"""Requests that one handler takes at once."""
_MOST_REFUSALS = 100
"""Of one session: answering a megabyte of torn lines would hold up everybody else."""
_MOST_STRANGERS = 256
"""Sessions that have not said hello yet, where nothing else is served to them; the oldest has to go."""
_HELLO_S = 10.0


MethodHandler = Callable[[LinkSession, Params], Awaitable[Any]]
TogetherHandler = Callable[[LinkSession, list[msgspec.Raw]], Awaitable[Sequence[Any]]]


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
        self._together: dict[str, tuple[TogetherHandler, Callable[[msgspec.Raw], object] | None]] = {}
        self._server: asyncio.Server | None = None
        self.sessions: set[LinkSession] = set()
        self._strangers: OrderedDict[LinkSession, None] = OrderedDict()
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

    def together(
        self, name: str, handler: TogetherHandler, by: Callable[[msgspec.Raw], object] | None = None
    ) -> None:
        """Serve `name` for many requests at once: those that a client has sent one behind the other, and for
        which `by` says the same.

        The handler is given the parameters as JSON and answers with a result for each, or the LinkError or
        msgspec.ValidationError with which that one is refused. Handlers begin in order, as those side by
        side.
        """
        self._together[name] = handler, by

    async def start(self) -> None:
        """Bind the listener's address; OSError when it is taken."""
        host, port = self._ctx.address(self._ctx.service, self._listener)
        self._server = await asyncio.start_server(self._serve, host, port, limit=READ_AHEAD)
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
            self._strangers.pop(session, None)
        elif not session.trusted:
            session.refusals += 1  # a secret is guessed no million times
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
            self._cut(session, "too_many_sessions")
            return
        give_up_when_unread(writer.transport)
        self.sessions.add(session)
        if not session.trusted and self._knows_all:
            self._expect_hello(session)
        try:
            await self._listen(session, reader)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # a client that went away
        except TimeoutError:
            self._cut(session, "does_not_read")
        except asyncio.CancelledError:
            pass  # stopped: asyncio's streams of 3.11 take a cancelled session for a crash
        finally:
            if session.overrun:
                self._note(session, "too_much_unread")
            self.sessions.discard(session)
            self._strangers.pop(session, None)
            if self.on_close is not None:
                self.on_close(session)
            with suppress(ConnectionError):
                session.close()

    @property
    def _knows_all(self) -> bool:
        """Whether nothing is served to those who do not say hello."""
        return self._public == {"hello"}

    def _expect_hello(self, session: LinkSession) -> None:
        """Who does not say it soon has no business here, and holds no place of those who have."""
        if len(self._strangers) >= _MOST_STRANGERS:
            oldest, _ = self._strangers.popitem(last=False)
            self._cut(oldest, "no_hello")
        self._strangers[session] = None
        asyncio.get_running_loop().call_later(_HELLO_S, self._too_late, session)

    def _too_late(self, session: LinkSession) -> None:
        if session in self._strangers:
            self._cut(session, "no_hello")

    def _cut(self, session: LinkSession, why: str) -> None:
        """End a session at once."""
        self._note(session, why)
        session.abort()

    def _note(self, session: LinkSession, why: str) -> None:
        self._ctx.cut_off[self._listener, why] += 1
        self._ctx.log.warning("link_client_cut_off", listener=self._listener, peer=session.peer, why=why)

    async def _listen(self, session: LinkSession, reader: asyncio.StreamReader) -> None:
        """Return when the client has left, or has said more at once than is read."""
        try:
            await self._read(session, reader)
        except LineTooLong:
            most = self._longest(session)
            self._note(session, "line_too_long")
            session.send(_error(None, INVALID_REQUEST, f"a line has at most {most} bytes: send portions"))
            await leave_unread(reader)
        except RefusedTooOften:
            self._note(session, "refused_too_often")
            await leave_unread(reader)

    async def _read(self, session: LinkSession, reader: asyncio.StreamReader) -> None:
        async for lines in lines_of(reader, lambda: self._longest(session)):
            for row in session.connections:
                self._ctx.connections.count(row, received=len(lines))
            gathered: list[Request] = []
            group: tuple[str, Any] | None = None
            for frame in self._requests(session, lines):
                if session.refusals > _MOST_REFUSALS:
                    raise RefusedTooOften
                its = self._group(session, frame)
                if gathered and (its != group or len(gathered) >= _TOGETHER):
                    await self._beside(session, self._reply_together(session, gathered))
                    gathered = []
                if its is not None:
                    group = its
                    gathered.append(frame)
                elif frame.method in self._side_by_side:
                    await self._beside(session, self._reply(session, frame))
                else:
                    await self._reply(session, frame)
            if gathered:
                await self._beside(session, self._reply_together(session, gathered))

    def _longest(self, session: LinkSession) -> int:
        if session.trusted:
            return self._max_line
        return min(self._max_line, MAX_STRANGE_LINE if self._knows_all else MAX_LINE)

    def _group(self, session: LinkSession, frame: Request) -> tuple[str, Any] | None:
        """Requests of one group are taken together; None: this one is taken alone."""
        served = self._together.get(frame.method or "") if session.trusted else None
        if served is None or frame.method is None:
            return None
        by = served[1]
        return frame.method, by(frame.params) if by else None

    def _requests(self, session: LinkSession, lines: list[bytes]) -> Iterator[Request]:
        """The lines that are messages; the others are refused."""
        for line in lines:
            if not line.strip():
                continue
            try:
                frame = decode_request(line)
            except msgspec.ValidationError as error:
                refusal = _error(None, INVALID_REQUEST, str(error))
            except (msgspec.DecodeError, UnicodeDecodeError):
                refusal = _error(None, PARSE_ERROR, "this line is not JSON")
            else:
                yield frame
                continue
            session.send(refusal)
            session.refusals += 1
            if session.refusals > _MOST_REFUSALS:
                raise RefusedTooOften

    async def _beside(self, session: LinkSession, answering: Coroutine[Any, Any, None]) -> None:
        """Begin to answer while others follow."""
        running = session.running
        while len(running) >= _SIDE_BY_SIDE:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(answering)
        for tasks in (running, self._serving):
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def _reply(self, session: LinkSession, frame: Request) -> None:
        reply = await self._answer(session, frame)
        if reply is not None and not session.closed:
            session.send(reply)

    async def _reply_together(self, session: LinkSession, frames: list[Request]) -> None:
        handler, _ = self._together[frames[0].method or ""]
        params = [frame.params for frame in frames]
        try:
            results = await handler(session, params)
        except Exception as error:
            results = [error] * len(frames)
        replies = [self._result(frame, result) for frame, result in zip(frames, results, strict=True)]
        if not session.closed:
            session.send_all([reply for reply in replies if reply is not None])

    async def _answer(self, session: LinkSession, frame: Request) -> dict[str, Any] | None:
        if frame.method is None:
            return _error(frame.id, INVALID_REQUEST, "a request has a method")
        if not session.trusted and frame.method not in self._public:
            session.refusals += 1
            return _error(frame.id, INVALID_REQUEST, "say hello with the cluster's secret first")
        handler = self._methods.get(frame.method)
        if handler is None:
            known = ", ".join(sorted(self._methods))
            return _error(frame.id, METHOD_NOT_FOUND, f"no method {frame.method[:64]}; there are: {known}")
        try:
            params = decode_params(frame.params)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _error(frame.id, INVALID_REQUEST, "the parameters are an object")
        try:
            return self._result(frame, await handler(session, params))
        except Exception as error:
            return self._result(frame, error)

    def _result(self, frame: Request, result: Any) -> dict[str, Any] | None:
        """What a request is answered with; an exception is a refusal. A notification is not answered."""
        if frame.id is None:
            if isinstance(result, Exception):
                self._ctx.log.info("link_notification_refused", method=frame.method, error=str(result))
            return None
        if not isinstance(result, Exception):
            return {"jsonrpc": "2.0", "id": frame.id, "result": result}
        if isinstance(result, LinkError):
            return _error(frame.id, result.code, result.message)
        if isinstance(result, msgspec.ValidationError):
            return _error(frame.id, INVALID_PARAMS, str(result))
        if isinstance(result, ConnectionError | ValkeyUnavailable):
            return _error(frame.id, UNAVAILABLE, f"a part that this needs is away: {result}")
        self._ctx.log.error("link_method_failed", method=frame.method, exc_info=result)
        return _error(frame.id, INTERNAL, type(result).__name__)


def _error(frame_id: int | str | None, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": frame_id, "error": {"code": code, "message": message}}
