"""The pages for people who run the platform, and the pictures of the status page as server-sent events."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from ringback.runtime.clock import until_set
from ringback.runtime.http import HttpError, HttpRequest, HttpServer
from ringback.services.engagement.access import Access
from ringback.services.engagement.pages import HEADERS, Page
from ringback.services.engagement.picture import Painter, Picture

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_CONNECTIONS = "ges-1,ges-5,ges-7"


class StatusPage:
    """Serves `/status`, `/console` and `/campaigns`; who wants a picture needs a token in the query."""

    def __init__(self, ctx: Context, access: Access, painter: Painter, every_s: float) -> None:
        self._ctx = ctx
        self._access = access
        self._painter = painter
        self._every_s = every_s
        self._ends = asyncio.Event()
        self._status, self._campaigns = Page("status"), Page("campaigns")
        self._console = Page("console")

    def add_routes(self, server: HttpServer) -> None:
        """Add the page (also at the root), its data, and its stream."""
        server.route("GET", "/", self._status.serve, public=True, connection=_CONNECTIONS)
        server.route("GET", "/status", self._status.serve, public=True, connection=_CONNECTIONS)
        server.route("GET", "/console", self._console.serve, public=True, connection=_CONNECTIONS)
        server.route("GET", "/campaigns", self._campaigns.serve, public=True, connection=_CONNECTIONS)
        server.route("GET", "/status/picture", self._picture, public=True, connection=_CONNECTIONS)
        server.route("GET", "/status/events", self._events, public=True, connection=_CONNECTIONS)

    def end(self) -> None:
        """Let the streams end, so that the listener can close."""
        self._ends.set()

    async def _picture(self, request: HttpRequest) -> Picture:
        return await self._painter.paint(await self._tenant(request))

    async def _events(self, request: HttpRequest) -> web.StreamResponse:
        await self._tenant(request)
        stream = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
        await stream.prepare(request.raw)
        try:
            while not self._ends.is_set():
                await stream.write(await self._event(request))
                await until_set(self._ends, self._every_s)
        except (ConnectionError, HttpError):
            pass  # gone, or no longer allowed: the browser asks again and is told
        return stream

    async def _event(self, request: HttpRequest) -> bytes:
        picture = await self._painter.paint(await self._tenant(request))
        return b"data: " + msgspec.json.encode(picture) + b"\n\n"

    async def _tenant(self, request: HttpRequest) -> str:
        return await self._access.tenant_of(request.query.get("token", ""))
