"""The HTTP server of one listener: routes, decoding, errors, health, readiness, metrics.

Handlers get an `HttpRequest` and return a struct, a dict, or an `HttpResponse`. Errors are
`HttpError(status, slug, message)`; what else a handler raises becomes a 500 with a correlation id that is
in the log. Routes are for the platform's own services unless they are `public`: those ask for the cluster
secret.
"""

from __future__ import annotations

import asyncio
import hmac
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from aiohttp import web
from prometheus_client import generate_latest

from ringback.runtime.http_client import CLUSTER_HEADER, CONNECTION_HEADER
from ringback.runtime.http_door import HttpDoor, Room
from ringback.runtime.valkey import ValkeyUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context

T = TypeVar("T")
JSON = "application/json"
DEFAULT_MAX_BYTES = 64 * 1024


class HttpError(Exception):
    """A refusal: `status`, a stable `slug`, and a sentence that says what to do."""

    def __init__(
        self, status: int, slug: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.slug = slug
        self.message = message
        self.headers = dict(headers or {})


class HttpResponse:
    """A whole answer: `body` is a struct or dict (sent as JSON), text or bytes."""

    def __init__(
        self,
        body: object = None,
        *,
        status: int = 200,
        content_type: str = JSON,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.body = body
        self.status = status
        self.content_type = content_type
        self.headers = dict(headers or {})

    def to_bytes(self) -> bytes:
        """Return the body as it goes on the wire."""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str) and self.content_type != JSON:
            return self.body.encode()
        return b"" if self.body is None else msgspec.json.encode(self.body)


class HttpRequest:
    """One request: its parts by name, its body decoded on demand."""

    def __init__(self, raw: web.Request, body: bytes) -> None:
        self.raw = raw
        self.body = body
        self._corr_id = ""

    @property
    def corr_id(self) -> str:
        """Names this request where something is said of it; made when it is asked for."""
        self._corr_id = self._corr_id or str(uuid.uuid4())
        return self._corr_id

    @property
    def method(self) -> str:
        return self.raw.method

    @property
    def path(self) -> str:
        return self.raw.path

    @property
    def headers(self) -> Mapping[str, str]:
        return self.raw.headers

    @property
    def query(self) -> Mapping[str, str]:
        return self.raw.query

    @property
    def peer(self) -> str:
        """The address that the request came from."""
        return self.raw.remote or ""

    def path_param(self, name: str) -> str:
        """Return the part of the path that stands at `{name}`."""
        return self.raw.match_info[name]

    def decode(self, kind: type[T]) -> T:
        """Return the JSON body as a `kind`; unknown fields are ignored, anything else wrong is a 400."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.ValidationError as error:
            raise HttpError(400, "invalid_body", str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise HttpError(400, "not_json", "the body is not JSON") from None


Result = Any
Handler = Callable[[HttpRequest], Awaitable[Result]]
ErrorRenderer = Callable[[HttpError, HttpRequest], HttpResponse]


_BODY_S = 20.0
_BODY_BYTES_PER_S = 100_000.0
"""A body has so many seconds, and one more for so many bytes that it may have."""


def render_error(error: HttpError, request: HttpRequest) -> HttpResponse:
    """The platform's own form of an error."""
    body = {"error": error.slug, "message": error.message, "corr_id": request.corr_id}
    return HttpResponse(body, status=error.status, headers=error.headers)


class HttpServer:
    """The server of one listener; see the module's text."""

    def __init__(self, ctx: Context, listener: str = "http") -> None:
        self._ctx = ctx
        self._listener = listener
        self._app = web.Application(client_max_size=64 * 1024 * 1024)
        self._runner: web.AppRunner | None = None
        self._outside: web.ServerRunner | None = None
        self.error_renderer: ErrorRenderer = render_error
        self.address: tuple[str, int] = ("", 0)
        self.on_response: Callable[[HttpRequest, int, float], None] | None = None
        self.metrics_connection: str | None = None
        self._add_probes()

    def route(
        self,
        method: str,
        path: str,
        handler: Handler,
        *,
        public: bool = False,
        connection: str | None = None,
        max_bytes: int = DEFAULT_MAX_BYTES,
    ) -> None:
        """Serve `method path`; `connection` is counted as received when the client names none."""

        async def serve(raw: web.Request) -> web.StreamResponse:
            return await self._serve(raw, handler, public, connection, max_bytes)

        self._app.router.add_route(method, path, serve)

    def stand(self, headers: Mapping[str, str]) -> None:
        """Send these headers with every answer that does not set them itself."""

        async def complete(_request: web.Request, response: web.StreamResponse) -> None:
            response.headers["Server"] = "Ringback"
            for name, value in headers.items():
                response.headers.setdefault(name, value)

        self._app.on_response_prepare.append(complete)

    async def start(self) -> None:
        """Bind the listener's address; OSError when it is taken."""
        host, port = self._ctx.address(self._ctx.service, self._listener)
        common = self._ctx.common
        self.route("*", "/{rest:.*}", refuse_unknown, public=True)
        self._runner = web.AppRunner(self._app, access_log=None, handle_signals=False)
        await self._runner.setup()
        assert self._runner.server is not None
        room = Room(common.http_connections, common.http_connections_of_one, common.http_proxies)
        door = self._ctx.http_doors[self._listener] = HttpDoor(self._runner.server, room)
        self._outside = web.ServerRunner(door, handle_signals=False, shutdown_timeout=2.0)
        await self._outside.setup()
        site = web.TCPSite(self._outside, host, port, reuse_address=True, backlog=1024)
        await site.start()
        bound = self._outside.addresses[0]
        self.address = (bound[0], bound[1])
        self._ctx.bound(self._listener, self.address)

    async def stop(self) -> None:
        """Finish the requests under way and close."""
        for runner in (self._outside, self._runner):
            if runner is not None:
                await runner.cleanup()
        self._outside = self._runner = None

    async def _serve(
        self, raw: web.Request, handler: Handler, public: bool, connection: str | None, max_bytes: int
    ) -> web.StreamResponse:
        request = HttpRequest(raw, b"")
        started = self._ctx.monotonic()
        try:
            if not public:
                self._check_secret(request)
            request.body = await _read_body(raw, max_bytes)
            self._count(request, connection)
            result = await handler(request)
        except HttpError as error:
            result = self._refuse(error, request)
        except ValkeyUnavailable:
            result = self._refuse(_UNAVAILABLE, request)
        except (ConnectionError, TimeoutError, OSError) as error:
            self._ctx.log.warning("http_dependency_away", corr_id=request.corr_id, error=repr(error))
            result = self._refuse(_UNAVAILABLE, request)
        except Exception:
            self._ctx.log.exception(
                "http_failed", corr_id=request.corr_id, path=raw.match_info.route.resource
            )
            result = self._refuse(HttpError(500, "internal", "something failed here; it is logged"), request)
        return self._reply(result, request, started)

    def _refuse(self, error: HttpError, request: HttpRequest) -> HttpResponse:
        self._ctx.log.info("http_refused", corr_id=request.corr_id, status=error.status, slug=error.slug)
        return self.error_renderer(error, request)

    def _reply(self, result: Result, request: HttpRequest, started: float) -> web.StreamResponse:
        if isinstance(result, web.StreamResponse):
            return result
        response = result if isinstance(result, HttpResponse) else HttpResponse(result)
        if self.on_response is not None:
            self.on_response(request, response.status, self._ctx.monotonic() - started)
        return web.Response(
            body=response.to_bytes(),
            status=response.status,
            content_type=response.content_type,
            headers={"X-Content-Type-Options": "nosniff", **response.headers},
        )

    def _check_secret(self, request: HttpRequest) -> None:
        secret = self._ctx.common.cluster_secret
        given = request.headers.get(CLUSTER_HEADER, "")
        if secret and not hmac.compare_digest(secret.encode(), given.encode()):
            raise HttpError(401, "no_cluster_secret", "this path is for the platform's own services")

    def _count(self, request: HttpRequest, connection: str | None) -> None:
        named = request.headers.get(CONNECTION_HEADER) or connection
        for row in named.split(",") if named else ():
            self._ctx.connections.count(row, received=1)

    def _add_probes(self) -> None:
        async def health(_request: HttpRequest) -> Result:
            return {"service": self._ctx.service, "node": self._ctx.node, "status": "up"}

        async def ready(_request: HttpRequest) -> Result:
            checks = self._ctx.checks()
            ok = self._ctx.ready and all(checks.values())
            return HttpResponse({"ready": ok, "checks": checks}, status=200 if ok else 503)

        async def metrics(_request: HttpRequest) -> Result:
            if self.metrics_connection:
                self._ctx.connections.count(self.metrics_connection, received=1)
            text = generate_latest(self._ctx.metrics) + generate_latest(self._ctx.connections.registry)
            return HttpResponse(text, content_type="text/plain")

        for path, handler in (("/health", health), ("/ready", ready), ("/metrics", metrics)):
            self.route("GET", path, handler, public=True)


async def refuse_unknown(request: HttpRequest) -> Result:
    """The handler of what no route serves: raises HttpError 404, or 405 for a path that has other methods."""
    methods = await _methods_of(request.raw)
    if not methods:
        raise HttpError(404, "path-unknown", "there is no such path here")
    allow = ", ".join(methods)
    raise HttpError(405, "method-not-allowed", f"this path is for {allow} only", headers={"Allow": allow})


async def _methods_of(raw: web.Request) -> list[str]:
    """The methods that the path of a request has; one that a route names literally has its own only."""
    literal: set[str] = set()
    others: set[str] = set()
    for resource in raw.app.router.resources():
        _, allowed = await resource.resolve(raw)
        (literal if isinstance(resource, web.PlainResource) else others).update(allowed)
    return sorted((literal or others) - {"*"})


_UNAVAILABLE = HttpError(
    503, "unavailable", "a store that this needs is away; try again", headers={"Retry-After": "2"}
)


async def _read_body(raw: web.Request, max_bytes: int) -> bytes:
    if (raw.content_length or 0) > max_bytes:
        raise HttpError(413, "too_large", f"the body may have at most {max_bytes} bytes")
    if not raw.can_read_body:
        return b""
    if raw.content.is_eof():  # nearly always: it came with its head
        return await _all_of(raw, max_bytes)
    slowest = _BODY_S + max_bytes / _BODY_BYTES_PER_S
    try:
        async with asyncio.timeout(slowest):
            return await _all_of(raw, max_bytes)
    except TimeoutError:
        raise HttpError(408, "too_slow", f"the body did not come within {slowest:.0f} seconds") from None


async def _all_of(raw: web.Request, max_bytes: int) -> bytes:
    chunks: list[bytes] = []
    total = 0
    async for chunk in raw.content.iter_any():
        total += len(chunk)
        if total > max_bytes:
            raise HttpError(413, "too_large", f"the body may have at most {max_bytes} bytes")
        chunks.append(chunk)
    return b"".join(chunks)
