"""What config counts, under the names that dashboards know."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry, Summary

from ringback.runtime.http import HttpError, HttpRequest, HttpResponse
from ringback.runtime.published import exact

Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]
_DEVICES = "dns"


class ConfigMetrics:
    """Requests for numbers are those for a device, all others those for the tenant."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = {
            kind: exact(f"config_{kind}_request", "Requests", ("tenant",), registry)
            for kind in ("tenant", "device")
        }
        self._responses = {
            kind: exact(f"config_{kind}_response", "Answers", ("status", "tenant"), registry)
            for kind in self._requests
        }
        self._seconds = Summary("config_config_response_time", "Seconds to an answer", registry=registry)

    def counted(self, handler: Handler) -> Handler:
        """The handler, counted and timed. A tenant that there is not is counted without its name."""

        async def serve(request: HttpRequest) -> HttpResponse:
            path = request.raw.match_info
            kind = "device" if path.get("kind") == _DEVICES else "tenant"
            began, status, tenant = time.perf_counter(), 500, path.get("tenant", "")
            try:
                reply = await handler(request)
                status = reply.status
                return reply
            except HttpError as error:
                status, tenant = error.status, "" if error.slug == "unknown_tenant" else tenant
                raise
            finally:
                self._requests[kind].labels(tenant).inc()
                self._responses[kind].labels(str(status), tenant).inc()
                self._seconds.observe(time.perf_counter() - began)

        return serve
