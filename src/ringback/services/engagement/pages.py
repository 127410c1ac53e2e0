"""Pages for people: files of HTML that hold no data and ask for it with a token."""

from __future__ import annotations

import re
import secrets
from importlib.resources import files

from ringback.runtime.http import HttpRequest, HttpResponse

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # a token may stand in the address
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
PAGES = ("status", "console", "campaigns")
_PARTS = re.compile(
    r"<style>\n(?P<style>.*?)</style>\n(?P<body>.*?)<script>\n(?P<script>.*)</script>\n", re.DOTALL
)
_HOLE = re.compile(r"\{(\w+)\}")


class Page:
    """One page. All share a frame, a style and a script, and ask nobody but this service."""

    def __init__(self, name: str) -> None:
        parts = _PARTS.fullmatch(_read(f"{name}.html"))
        assert parts is not None, name
        given = {
            **parts.groupdict(),
            "name": name,
            "body": parts["body"].replace("{nav}", _nav(name)),
            "shared_style": _read("page.css"),
            "shared_script": _read("page.js"),
        }
        # In one pass: what is put in may hold what looks like a hole, as a script's `${name}`.
        self._html = _HOLE.sub(lambda hole: given.get(hole[1], hole[0]), _read("page.html"))

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


def _read(name: str) -> str:
    return files("ringback.services.engagement").joinpath(name).read_text(encoding="utf-8")


def _nav(here: str) -> str:
    links = (f'<a href="/{name}">{name.capitalize()}</a>' for name in PAGES)
    return f"<nav>{''.join(links)}</nav>".replace(f'"/{here}"', f'"/{here}" aria-current="page"')
