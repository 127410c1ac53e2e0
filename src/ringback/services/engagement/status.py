"""The picture of the platform over HTTP, for the console's room of that name and for programs that watch."""

from __future__ import annotations

from ringback.runtime.http import HttpRequest, HttpServer
from ringback.services.engagement.access import Access
from ringback.services.engagement.pages import Pages
from ringback.services.engagement.picture import Painter, Picture

_CONNECTIONS = "ges-1,ges-5,ges-7"


class StatusPage:
    """Serves the console and `/status/picture`: who wants the picture needs a token, as a bearer's or in the
    query.
    """

    def __init__(self, access: Access, painter: Painter) -> None:
        self._access = access
        self._painter = painter
        self._pages = Pages()

    def add_routes(self, server: HttpServer) -> None:
        """Add the pages, and what one of them asks for."""
        self._pages.add_routes(server, _CONNECTIONS)
        server.route("GET", "/status/picture", self._picture, public=True, connection=_CONNECTIONS)

    async def _picture(self, request: HttpRequest) -> Picture:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        token = given if scheme.lower() == "bearer" else request.query.get("token", "")
        return await self._painter.paint(await self._access.tenant_of(token))
