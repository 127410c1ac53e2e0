"""The read API of the config service."""

from typing import TYPE_CHECKING

from ringback.contracts.configuration import VIEWS
from ringback.domain.configuration import KINDS
from ringback.runtime.http import HttpError, HttpRequest, HttpResponse, HttpServer
from ringback.services.config.metrics import ConfigMetrics
from ringback.services.config.store import ConfigStore, TenantCache

if TYPE_CHECKING:
    from ringback.runtime.context import Context


class ConfigHttp:
    """Serves what the store holds, with an ETag made of tenant and version."""

    def __init__(self, ctx: "Context", store: ConfigStore) -> None:
        self._store = store
        self.server = HttpServer(ctx)
        counted = ConfigMetrics(ctx.metrics).counted
        self.server.route("GET", "/tenants", counted(self._tenants))
        self.server.route("GET", "/tenants/{tenant}", counted(self._tenant))
        self.server.route("GET", "/tenants/{tenant}/numbers", counted(self._numbers))
        self.server.route("GET", "/tenants/{tenant}/{kind}", counted(self._list))
        self.server.route("GET", "/tenants/{tenant}/{kind}/{id}", counted(self._object))

    async def _tenants(self, request: HttpRequest) -> HttpResponse:
        bodies = [body for cache in self._store.tenants.values() for body in cache.objects["tenant"].values()]
        return HttpResponse(b"[" + b",".join(bodies) + b"]")

    async def _tenant(self, request: HttpRequest) -> HttpResponse:
        name, cache = self._cache(request)
        return _answer(request, cache, cache.get("tenant", name))

    async def _numbers(self, request: HttpRequest) -> HttpResponse:
        _, cache = self._cache(request)
        since = request.query.get("since", "-1")
        known = int(since) if since.isascii() and since.isdecimal() and len(since) < 20 else -1
        return _answer(request, cache, cache.numbers(known))

    async def _list(self, request: HttpRequest) -> HttpResponse:
        _, cache = self._cache(request)
        try:
            return _answer(request, cache, cache.list(request.path_param("kind")))
        except KeyError:
            raise _no_such_kind() from None

    async def _object(self, request: HttpRequest) -> HttpResponse:
        _, cache = self._cache(request)
        try:
            body = cache.get(request.path_param("kind"), request.path_param("id"))
        except KeyError:
            raise _no_such_kind() from None
        return _answer(request, cache, body)

    def _cache(self, request: HttpRequest) -> tuple[str, TenantCache]:
        name = request.path_param("tenant")
        cache = self._store.tenants.get(name)
        if cache is None:
            raise HttpError(404, "unknown_tenant", "this platform has no such tenant")
        if cache.version < 0:
            raise HttpError(503, "not_loaded", "the tenant's configuration is not there yet; try again")
        return name, cache


def _answer(request: HttpRequest, cache: TenantCache, body: bytes | None) -> HttpResponse:
    if body is None:
        raise HttpError(404, "unknown_object", "the tenant has no such object")
    headers = {"ETag": (etag := f'"{cache.version}"'), "Cache-Control": "no-cache"}
    if request.headers.get("If-None-Match") == etag:
        return HttpResponse(status=304, headers=headers)
    return HttpResponse(body, headers=headers)


def _no_such_kind() -> HttpError:
    return HttpError(404, "unknown_kind", f"the kinds are {', '.join((*KINDS, *VIEWS))}")
