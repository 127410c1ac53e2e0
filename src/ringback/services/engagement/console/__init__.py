"""The supervisor's console: one page, which asks the management API with the token of who has signed in."""

from __future__ import annotations

from importlib.resources import files

from ringback.runtime.http import HttpRequest, HttpResponse, HttpServer
from ringback.services.engagement.pages import one_file

_CONNECTIONS = "ges-1,ges-5,ges-7"


class Console:
    """Serves `/console`: the page without any data, and without a secret."""

    def __init__(self) -> None:
        folder = files("ringback.services.engagement.console")
        page = folder.joinpath("page.html").read_text(encoding="utf-8")
        script = folder.joinpath("page.js").read_text(encoding="utf-8")
        self._html = page.replace("{script}", script)

    def add_routes(self, server: HttpServer) -> None:
        """Add the page."""
        server.route("GET", "/console", self._page, public=True, connection=_CONNECTIONS)

    async def _page(self, _request: HttpRequest) -> HttpResponse:
        return one_file(self._html)
