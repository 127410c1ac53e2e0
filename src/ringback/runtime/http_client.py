"""The HTTP client of one service towards another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload
from urllib.parse import urlsplit

import msgspec
from multidict import CIMultiDict
from yarl import URL

if TYPE_CHECKING:
    from ringback.runtime.context import Context

T = TypeVar("T")
CLUSTER_HEADER = "X-Ringback-Cluster"
CONNECTION_HEADER = "X-Ringback-Connection"
_JSON = {"Content-Type": "application/json"}
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9_~!$&'()*,;=:@/?.-]*")
_NO_BODY = frozenset({"GET", "HEAD"})


class HttpFailure(Exception):
    """The other side answered with an error status."""

    def __init__(self, status: int, slug: str, message: str) -> None:
        super().__init__(f"{status} {slug}: {message}")
        self.status = status
        self.slug = slug
        self.message = message


class HttpUnavailable(ConnectionError):
    """The other side could not be reached, or did not answer in time."""


class HttpReply:
    """Status, headers (in any case) and body of an answer."""

    def __init__(
        self, status: int, headers: Mapping[str, str] | list[tuple[bytes, bytes]], body: bytes
    ) -> None:
        self.status = status
        self.body = body
        self._headers = headers

    @property
    def headers(self) -> Mapping[str, str]:
        """By name, in any case."""
        if isinstance(self._headers, list):
            self._headers = CIMultiDict(
                (name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in self._headers
            )
        return self._headers


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
        trusted: bool = False,
    ) -> None:
        """`trusted`: the address `base_url` is one of the platform's own."""
        self._ctx = ctx
        self._base = base_url or ctx.url(service, listener)
        self._connection = connection
        self._ours = base_url is None or trusted  # the secret goes to nobody else
        parts = urlsplit(self._base)
        self._headers = {"Host": parts.netloc, **_JSON}
        if self._ours:
            self._headers[CLUSTER_HEADER] = ctx.common.cluster_secret
            if connection:
                self._headers[CONNECTION_HEADER] = connection
        self._times = ctx.outgoing.neighbour(service)
        self._timeout_s = timeout_s
        self._address = (parts.hostname or "", parts.port or 80)
        self._fields = _fields(self._headers)

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
        message = self._message(method, path, data, headers)
        for last in (False, True) if retry else (True,):
            try:
                return await self._once(message, safe=method in _NO_BODY)
            except (ConnectionError, TimeoutError) as error:
                if last:
                    raise HttpUnavailable(f"{method} {self._base}: {error!r}") from error
        raise AssertionError("unreachable")

    def _message(self, method: str, path: str, data: bytes, headers: dict[str, str] | None) -> bytes:
        """The request as it goes on the wire (RFC 9112 3 to 6)."""
        if not _PLAIN_PATH.fullmatch(path) or "/." in path:
            path = URL(self._base + path).raw_path_qs
        fields = _fields({**self._headers, **headers}) if headers else self._fields
        length = b"" if not data and method in _NO_BODY else b"Content-Length: %d\r\n" % len(data)
        return b"%s %s HTTP/1.1\r\n%s%s\r\n%s" % (method.encode(), path.encode(), fields, length, data)

    async def _once(self, message: bytes, *, safe: bool) -> HttpReply:
        if self._connection:
            for row in self._connection.split(","):
                self._ctx.connections.count(row, sent=1)
        began, status = self._ctx.monotonic(), 0
        try:
            answer = await self._ctx.http_wires.ask(self._address, message, self._timeout_s, safe=safe)
            reply = HttpReply(*answer)
            status = reply.status
        finally:
            self._times.answered(status, self._ctx.monotonic() - began)
        if reply.status >= 400:
            raise _failure(reply)
        return reply


def _fields(headers: Mapping[str, str]) -> bytes:
    """Header fields; ValueError for one that would be more than one."""
    text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    if text.count("\n") != len(headers) or text.count("\r") != len(headers) or "\0" in text:
        raise ValueError("a header field has one line")
    return text.encode()


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
