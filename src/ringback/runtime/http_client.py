"""The HTTP client of one service towards another."""

from __future__ import annotations

import asyncio
import io
import re
from typing import TYPE_CHECKING, Any, TypeVar, overload
from urllib.parse import urlsplit

import aiohttp
import msgspec

from ringback.runtime.http_wire import HttpReply, NotConnected

if TYPE_CHECKING:
    from ringback.runtime.context import Context

T = TypeVar("T")
CLUSTER_HEADER = "X-Ringback-Cluster"
CONNECTION_HEADER = "X-Ringback-Connection"
_JSON = {"Content-Type": "application/json"}
_LARGE_BYTES = 256 * 1024
# What has to be escaped in a path is left to aiohttp.
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9/_.~%?=&:@,-]*").fullmatch


class HttpFailure(Exception):
    """The other side answered with an error status."""

    def __init__(self, status: int, slug: str, message: str) -> None:
        super().__init__(f"{status} {slug}: {message}")
        self.status = status
        self.slug = slug
        self.message = message


class HttpUnavailable(ConnectionError):
    """The other side could not be reached, or did not answer in time."""

    never_sent = False
    """It could not be reached: the request has had no effect."""


class HttpClient:
    """Requests to one listener; each counts one row of the connections' table."""

    def __init__(
        self,
        ctx: Context,
        service: str,
        listener: str = "http",
        *,
        connection: str | None = None,
        timeout_s: float = 5.0,
        base_url: str | None = None,
    ) -> None:
        self._ctx = ctx
        self._base = base_url or ctx.url(service, listener)
        self._connection = connection
        self._ours = base_url is None  # the secret goes to nobody else
        self._headers = dict(_JSON)
        if self._ours:
            self._headers[CLUSTER_HEADER] = ctx.common.cluster_secret
            if connection:
                self._headers[CONNECTION_HEADER] = connection
        self._times = ctx.outgoing.neighbour(service)
        self._timeout_s = timeout_s
        found = urlsplit(self._base)
        self._host = found.netloc
        self._address = found.hostname or "", found.port or 80
        self._plain = found.scheme == "http" and not found.path

    @overload
    async def get(self, path: str, kind: type[T]) -> T: ...
    @overload
    async def get(self, path: str) -> Any: ...
    async def get(self, path: str, kind: Any = Any) -> Any:
        """GET and decode; repeated once when the connection breaks."""
        return _decode(await self.request("GET", path, retry=True), kind)

    @overload
    async def post(self, path: str, body: object, kind: type[T], *, retry: bool = False) -> T: ...
    @overload
    async def post(self, path: str, body: object, *, retry: bool = False) -> Any: ...
    async def post(self, path: str, body: object, kind: Any = Any, *, retry: bool = False) -> Any:
        """POST JSON and decode; `retry` only where the request is idempotent."""
        return _decode(await self.request("POST", path, body, retry=retry), kind)

    async def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        retry: bool = False,
    ) -> HttpReply:
        """Send one request; HttpFailure from status 400 on, HttpUnavailable without an answer."""
        data = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        sent = {**self._headers, **headers} if headers else self._headers
        for last in (False, True) if retry else (True,):
            try:
                return await self._once(method, path, data, sent)
            except (aiohttp.ClientConnectionError, OSError, asyncio.IncompleteReadError) as error:
                if last:
                    failure = HttpUnavailable(f"{method} {self._base}: {error!r}")
                    failure.never_sent = isinstance(error, NotConnected | aiohttp.ClientConnectorError)
                    raise failure from error
        raise AssertionError("unreachable")

    async def _once(self, method: str, path: str, data: bytes, headers: dict[str, str]) -> HttpReply:
        if self._connection:
            for row in self._connection.split(","):
                self._ctx.connections.count(row, sent=1)
        began, status = self._ctx.monotonic(), 0
        try:
            if self._plain and _PLAIN_PATH(path):
                head = self._head(method, path, len(data), headers)
                wires, without_body = self._ctx.process.http_wires, method == "HEAD"
                reply = await wires.request(
                    self._address, head + data, self._timeout_s, without_body=without_body
                )
            else:
                reply = await self._elsewhere(method, path, data, headers)
            status = reply.status
        finally:
            self._times.answered(status, self._ctx.monotonic() - began)
        if reply.status >= 400:
            raise _failure(reply)
        return reply

    def _head(self, method: str, path: str, length: int, headers: dict[str, str]) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}", f"Content-Length: {length}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join(lines)
        if head.count("\r") != len(lines) - 1 or head.count("\n") != len(lines) - 1:
            raise ValueError("a header cannot hold a line break")
        return head.encode() + b"\r\n\r\n"

    async def _elsewhere(self, method: str, path: str, data: bytes, headers: dict[str, str]) -> HttpReply:
        """A request that asks for more of HTTP than is usual between services: TLS, escapes in the path."""
        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        async with self._ctx.http_session().request(
            method, self._base + path, data=_payload(data), headers=headers, timeout=timeout
        ) as response:
            return HttpReply(response.status, response.headers, await response.read())


def _payload(data: bytes) -> bytes | io.BytesIO | None:
    """The body for aiohttp, which wants a large one as a file so that it is written in pieces."""
    return io.BytesIO(data) if len(data) > _LARGE_BYTES else data or None


def _decode(reply: HttpReply, kind: Any) -> Any:
    return msgspec.json.decode(reply.body, type=kind) if reply.body else None


class _ErrorBody(msgspec.Struct):
    error: str = ""
    message: str = ""


def _failure(reply: HttpReply) -> HttpFailure:
    try:
        body = msgspec.json.decode(reply.body, type=_ErrorBody)
    except msgspec.MsgspecError:
        body = _ErrorBody()
    return HttpFailure(reply.status, body.error or "http_error", body.message)
