"""Pages for people: files of HTML that hold no data and ask for it with a token."""

from __future__ import annotations

import secrets
from importlib.resources import files

from ringback.runtime.http import HttpRequest, HttpResponse

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # a token may stand in the address
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Page:
    """One page. All share a style and a script, and ask nobody but this service."""

    def __init__(self, file: str) -> None:
        folder = files("ringback.services.engagement")
        html, style, script = (
            folder.joinpath(each).read_text(encoding="utf-8") for each in (file, "page.css", "page.js")
        )
        self._html = html.replace("{style}", style).replace("{script}", script)

    async def serve(self, _request: HttpRequest) -> HttpResponse:
        """The page, whose own script and style are the only ones that run."""
        nonce = secrets.token_urlsafe(16)
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return HttpResponse(
            self._html.replace("{nonce}", nonce),
            content_type="text/html",
            headers={**HEADERS, "Content-Security-Policy": policy},
        )
