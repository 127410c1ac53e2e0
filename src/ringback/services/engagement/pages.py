"""The web application for people, built from `console/`: files without data, which ask for it with a token.

What a file is called names what is in it, so that browsers may keep it for good.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files

from ringback.runtime.http import HttpError, HttpRequest, HttpResponse, HttpServer

SAFE = {
    "Referrer-Policy": "no-referrer",  # a token may stand in the address
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
HEADERS = {**SAFE, "Cache-Control": "no-store"}
ADDRESSES = ("/", "/status", "/console", "/console/{room}", "/campaigns")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
_TYPES = {".js": "text/javascript", ".css": "text/css"}


class Pages:
    """One page at all addresses, and the files that it asks this service for."""

    def __init__(self) -> None:
        built = _read()
        self._digest = hashlib.sha256(repr(sorted(built.items())).encode()).hexdigest()[:16]
        assets = f"/web/{self._digest}"
        names = sorted(name for name in built if name.endswith(".js"))
        preloads = "\n".join(f'<link rel="modulepreload" href="{assets}/{name}">' for name in names)
        page = built.pop("index.html").replace("{assets}", assets).replace("{preloads}", preloads)
        self._page = HttpResponse(
            page, content_type="text/html", headers={**HEADERS, "Content-Security-Policy": _POLICY}
        )
        kept = {**SAFE, "Cache-Control": "public, max-age=31536000, immutable"}
        self._files = {
            name: HttpResponse(text, content_type=_TYPES[name[name.rindex(".") :]], headers=kept)
            for name, text in built.items()
        }

    def add_routes(self, server: HttpServer, connection: str) -> None:
        """Serve the page and its files, without a token: there is nothing in them."""
        for address in ADDRESSES:
            server.route("GET", address, self._serve, public=True, connection=connection)
        server.route("GET", "/web/{digest}/{name:.+}", self._asset, public=True, connection=connection)

    async def _serve(self, _request: HttpRequest) -> HttpResponse:
        return self._page

    async def _asset(self, request: HttpRequest) -> HttpResponse:
        found = self._files.get(request.path_param("name"))
        if found is None or request.path_param("digest") != self._digest:
            raise HttpError(404, "unknown-file", "there is no such file here: load the page again")
        return found


def _read() -> dict[str, str]:
    """The built files by name; those of the rooms as `rooms/NAME`."""
    folder = files("ringback.services.engagement").joinpath("web")
    parts = {"": folder, "rooms/": folder.joinpath("rooms")}
    return {
        prefix + each.name: each.read_text(encoding="utf-8")
        for prefix, part in parts.items()
        for each in part.iterdir()
        if each.is_file()
    }
