"""Requests of applications to the outside and to the digital channels, bounded in time and size.

The outside is the hosts on the allow-list. An application names the digital channels by the scheme `digital:`
(`digital:/messages`); where they are is the platform's business.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import aiohttp

from ringback.contracts.applications import FetchReply, FetchRequest
from ringback.runtime.context import Context
from ringback.runtime.http import HttpError
from ringback.services.designer.settings import DesignerSettings

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"})
_PORTS = {"http": 80, "https": 443}
_DIGITAL = "digital:"


def origin_of(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an HTTP URL, or None when it is not one."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or parts.username or parts.password:
        return None
    return parts.scheme, parts.hostname.lower(), port or _PORTS[parts.scheme]


class Fetcher:
    """Carries out `FetchRequest`; never follows a redirect, which could lead past the list."""

    def __init__(self, ctx: Context, settings: DesignerSettings) -> None:
        self._ctx = ctx
        self._settings = settings
        self._allowed = {origin_of(entry) for entry in settings.fetch_allow} - {None}
        digital = settings.digital_channels.rstrip("/")
        self._digital = digital if origin_of(digital) else ""

    async def fetch(self, request: FetchRequest) -> FetchReply:
        """Raises HttpError: 403 not allowed, 504 timeout, 502 no answer or too large, 400 not a request."""
        if request.method.upper() not in METHODS:
            raise HttpError(400, "bad_method", f"the methods are {', '.join(sorted(METHODS))}")
        if request.url.startswith(_DIGITAL):
            connection, url = "voice-33", self._digital_url(request.url.removeprefix(_DIGITAL))
        elif origin_of(request.url) in self._allowed:
            connection, url = "voice-44", request.url
        else:
            raise HttpError(403, "not_allowed", "this host is not on the list RINGBACK_DESIGNER_FETCH_ALLOW")
        try:
            reply = await self._send(request, url)
        except TimeoutError as error:
            raise HttpError(504, "timeout", "the outside did not answer in time") from error
        except (aiohttp.ClientError, ValueError) as error:
            raise HttpError(
                502, "no_answer", f"the outside did not answer: {type(error).__name__}"
            ) from error
        self._ctx.connections.count(connection, sent=1)
        return reply

    def _digital_url(self, path: str) -> str:
        """Raises HttpError. A path cannot lead to another host: it begins behind the host."""
        if not self._digital:
            raise HttpError(403, "no_digital_channels", "RINGBACK_DESIGNER_DIGITAL_CHANNELS names no server")
        if not path.startswith("/"):
            raise HttpError(400, "bad_path", "behind 'digital:' is a path that begins with '/'")
        return self._digital + path

    async def _send(self, request: FetchRequest, url: str) -> FetchReply:
        timeout = aiohttp.ClientTimeout(total=min(request.timeout_s, self._settings.fetch_max_s))
        async with self._ctx.http_session().request(
            request.method.upper(),
            url,
            headers=request.headers,
            data=request.body.encode() or None,
            timeout=timeout,
            allow_redirects=False,
        ) as response:
            limit = self._settings.fetch_max_bytes
            body = await response.content.read(limit + 1)
            while len(body) <= limit and (more := await response.content.read(limit + 1 - len(body))):
                body += more
            if len(body) > limit:
                raise HttpError(502, "too_large", f"the answer has more than {limit} bytes")
            text = body.decode(response.charset or "utf-8", "replace")
            return FetchReply(
                status=response.status,
                content_type=response.content_type,
                body=text,
                etag=response.headers.get("ETag", ""),
                fresh_s=_fresh_s(response.headers.get("Cache-Control", "")),
            )


def _fresh_s(cache_control: str) -> int:
    """`max-age` of a Cache-Control, in seconds; 0 when the answer is not to be kept."""
    directives = [part.strip().lower() for part in cache_control.split(",")]
    if "no-store" in directives or "no-cache" in directives:
        return 0
    ages = [part[8:] for part in directives if part.startswith("max-age=") and part[8:].isdecimal()]
    return int(ages[0]) if ages else 0
