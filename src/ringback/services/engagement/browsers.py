"""Pages of other servers that may call the public API from a browser (cross-origin requests, Fetch 3.2)."""

from __future__ import annotations

from ringback.runtime.http import HttpError, HttpRequest, HttpResponse, HttpServer
from ringback.services.engagement.envelope import API

_ANY = "*"
_HEADERS = "content-type, x-api-key, idempotency-key, cache-control"
_REMEMBERED_S = "600"


class Origins:
    """The origins that the operator names: `https://shop.example`, with commas; `*`: all; empty: none.

    The key that such a page sends is seen by whoever looks: a key of its own with a rate (`ringback keys`)
    keeps it apart from the others.
    """

    def __init__(self, named: str) -> None:
        self._named = frozenset(each.strip().rstrip("/") for each in named.split(",") if each.strip())
        self._served: set[str] = set()

    def add_to(self, server: HttpServer, path: str) -> None:
        """Answer what browsers ask before they send a request to this path."""
        if self._named and path not in self._served:
            self._served.add(path)
            server.route("OPTIONS", path, self._preflight, public=True)

    def mark(self, answer: HttpResponse, request: HttpRequest) -> HttpResponse:
        """The answer, which a page of a named origin may read."""
        if self._named and request.path.startswith(API):
            answer.headers["Vary"] = "Origin"
            if self._allows(origin := request.headers.get("Origin", "")):
                answer.headers["Access-Control-Allow-Origin"] = origin
                answer.headers["Access-Control-Expose-Headers"] = "Retry-After"
        return answer

    async def _preflight(self, request: HttpRequest) -> HttpResponse:
        if not self._allows(request.headers.get("Origin", "")):
            raise HttpError(403, "origin-not-allowed", "pages of this origin may not call the API")
        headers = {
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": _HEADERS,
            "Access-Control-Max-Age": _REMEMBERED_S,
        }
        return self.mark(HttpResponse(status=204, headers=headers), request)

    def _allows(self, origin: str) -> bool:
        return bool(origin) and (_ANY in self._named or origin in self._named)
