"""The paths of customers' pages: `/c/{link}` and what it offers, and the links themselves by API."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import msgspec

from ringback.runtime.http import HttpError, HttpRequest, HttpResponse, HttpUnavailable
from ringback.runtime.sql import PostgresUnavailable
from ringback.services.engagement.records import Record
from ringback.services.engagement.selfservice.languages import LANGUAGES
from ringback.services.engagement.selfservice.limits import Limit
from ringback.services.engagement.selfservice.looking import LINK_OVER, Looking
from ringback.services.engagement.selfservice.page import closed_page, now, page, phase_of
from ringback.services.engagement.selfservice.settings import SelfServiceSettings
from ringback.services.engagement.selfservice.texts import language_for
from ringback.services.engagement.views import CallbackId

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.engagement.changes import Changes
    from ringback.services.engagement.http import EngagementHttp
    from ringback.services.engagement.moving import Moving
    from ringback.services.engagement.selfservice.keys import LinkKeys
    from ringback.services.engagement.store import Store

_PATH = "/c/{link}"
_FORM = "application/x-www-form-urlencoded"
_FORM_BYTES = 1024
_OWN = frozenset({"", "same-origin", "none"})
_NOTES = frozenset({"cancelled", "moved", "now"})
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # the link is the key
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}
_TOO_OFTEN = HttpError(429, "too-often", "too often; wait a minute", {"Retry-After": "60"})
Change = Callable[[Record, HttpRequest], Awaitable[str]]


class LinkMade(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `POST /engagement/v3/callbacks/link`: where the page is, and until when it opens."""

    url: str
    expires: str


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /internal/link-keys`: `revoke` ends every link that there is."""

    revoke: bool = False


class SelfServicePages:
    """Handlers. A page is opened by its link alone: no cookie, so nothing that another site could ride on."""

    def __init__(
        self,
        ctx: Context,
        settings: SelfServiceSettings,
        *,
        store: Store,
        looking: Looking,
        keys: LinkKeys,
        changes: Changes,
        moving: Moving,
    ) -> None:
        self._ctx = ctx
        self._base = settings.public_url.rstrip("/")
        self._store = store
        self._looking = looking
        self._keys = keys
        self._changes = changes
        self._moving = moving
        self._loads = Limit(settings.link_loads)
        self._writes = Limit(settings.link_changes)
        self._guesses = Limit(settings.link_guesses)

    def add_to(self, http: EngagementHttp) -> None:
        """Serve what belongs here."""
        http.add_public("POST", "callbacks/link", self._make)
        http.server.route("POST", "/internal/link-keys", self._rotate)
        self._page(http, "GET", _PATH, self._show)
        self._page(http, "GET", f"{_PATH}/live", self._live)
        for name, change in (("cancel", self._cancel), ("move", self._move), ("now", self._now)):
            self._page(http, "POST", f"{_PATH}/{name}", self._changing(change))
            self._page(http, "GET", f"{_PATH}/{name}", self._back)

    def url(self, word: str) -> str:
        """Where customers find the page of a link."""
        return f"{self._base or self._ctx.url('engagement')}/c/{word}"

    async def url_of(self, record: Record) -> tuple[str, float]:
        """The address of a callback's page, and when it ends; HttpError 503 where no key can be kept."""
        word, ends = await self._looking.link(record)
        return self.url(word), ends

    # The API

    async def _make(self, tenant: str, request: HttpRequest) -> LinkMade:
        asked = request.decode(CallbackId)
        async with self._store.statement() as session:
            record = await session.read(tenant, asked.id)
        if record is None:
            raise HttpError(404, "callback-unknown", "there is no callback with this id")
        url, ends = await self.url_of(record)
        expires = datetime.fromtimestamp(int(ends), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return LinkMade(url=url, expires=expires)

    async def _rotate(self, request: HttpRequest) -> dict[str, int]:
        asked = request.decode(Rotation) if request.body else Rotation()
        number, _ = await self._keys.change(at_once=True, revoke=asked.revoke)
        return {"key": number}

    # The page

    def _page(
        self, http: EngagementHttp, method: str, path: str, handler: Callable[..., Awaitable[HttpResponse]]
    ) -> None:
        async def serve(request: HttpRequest) -> HttpResponse:
            try:
                return await handler(request, await self._open(request))
            except HttpError as error:
                return self._closed(request, error)
            except (HttpUnavailable, PostgresUnavailable):
                return self._closed(request, HttpError(503, "unavailable", "", {"Retry-After": "5"}))

        http.server.route(
            method, path, serve, public=True, connection="ges-2,ges-5,ges-7", max_bytes=_FORM_BYTES
        )

    async def _open(self, request: HttpRequest) -> Record:
        """The callback of the request's link; who guesses links is slowed down."""
        word = request.path_param("link")
        moment = self._ctx.monotonic()
        try:
            record = await self._looking.open(word)
        except HttpError as error:
            if error is LINK_OVER and not self._guesses.allows(request.peer, moment):
                raise _TOO_OFTEN from None
            raise
        if not self._loads.allows(_digest(word), moment):
            raise _TOO_OFTEN
        return record

    async def _show(self, request: HttpRequest, record: Record) -> HttpResponse:
        note = request.query.get("done")
        return await self._whole(request, record, note if note in _NOTES else None)

    async def _whole(
        self, request: HttpRequest, record: Record, note: str | None, refusal: HttpError | None = None
    ) -> HttpResponse:
        seen = await self._looking.see(record)
        seen = replace(seen, note=note, refused=refusal is not None)
        nonce = secrets.token_urlsafe(16)
        language = _language(request, record.details.language)
        text = page(seen, _path(request), language, nonce)
        return _answer(text, language, nonce, refusal.status if refusal else 200)

    async def _live(self, request: HttpRequest, record: Record) -> HttpResponse:
        seen = await self._looking.see(record, whole=False)
        language = _language(request, record.details.language)
        body = {"phase": phase_of(record, seen.to_call), "html": now(seen, language)}
        return HttpResponse(body, headers=_HEADERS)

    async def _back(self, request: HttpRequest, _record: Record) -> HttpResponse:
        """Who comes to the address of a form by itself is shown the page: looking changes nothing."""
        return _see(_path(request), request, "")

    def _changing(self, change: Change) -> Callable[[HttpRequest, Record], Awaitable[HttpResponse]]:
        async def serve(request: HttpRequest, record: Record) -> HttpResponse:
            _check_origin(request)
            try:
                if not self._writes.allows(_digest(request.path_param("link")), self._ctx.monotonic()):
                    raise _TOO_OFTEN
                done = await change(record, request)
            except HttpError as refusal:
                current = await self._looking.open(request.path_param("link"))
                return await self._whole(request, current, refusal.slug, refusal)
            self._ctx.log.info("customer_changed", callback_id=str(record.id), what=done)
            return _see(_path(request), request, done)

        return serve

    async def _cancel(self, record: Record, _request: HttpRequest) -> str:
        await self._changes.cancel(record.tenant, record.id)
        return "cancelled"

    async def _move(self, record: Record, request: HttpRequest) -> str:
        await self._moving.move(record.tenant, record.id, _slot(request))
        return "moved"

    async def _now(self, record: Record, _request: HttpRequest) -> str:
        await self._moving.move(record.tenant, record.id, None)
        return "now"

    def _closed(self, request: HttpRequest, error: HttpError) -> HttpResponse:
        self._ctx.log.info("page_refused", corr_id=request.corr_id, status=error.status, slug=error.slug)
        nonce, language = secrets.token_urlsafe(16), _language(request, "")
        text = closed_page(language, nonce, away=error.status in (429, 503))
        answer = _answer(text, language, nonce, error.status)
        answer.headers.update(error.headers)
        return answer


def _answer(text: str, language: str, nonce: str, status: int) -> HttpResponse:
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {
        **_HEADERS,
        "Content-Security-Policy": policy,
        "Content-Language": language,
        "Vary": "Accept-Language",
    }
    return HttpResponse(text, status=status, content_type="text/html", headers=headers)


def _see(path: str, request: HttpRequest, done: str) -> HttpResponse:
    """Go on at the page itself, so that a reload repeats nothing."""
    asked = request.query.get("lang", "")
    query = "&".join(
        [f"lang={asked}"] * (asked.isalpha() and asked.isascii()) + [f"done={done}"] * bool(done)
    )
    return HttpResponse(status=303, headers={**_HEADERS, "Location": f"{path}?{query}" if query else path})


def _path(request: HttpRequest) -> str:
    return f"/c/{request.path_param('link')}"


def _language(request: HttpRequest, own: str) -> str:
    accepts = request.headers.get("Accept-Language", "")
    return language_for(request.query.get("lang", ""), accepts, own, LANGUAGES)


def _check_origin(request: HttpRequest) -> None:
    """Refuse a form that another site has sent."""
    origin = request.headers.get("Origin", "")
    foreign = bool(origin) and origin != "null" and urlsplit(origin).netloc != request.headers.get("Host", "")
    if foreign or request.headers.get("Sec-Fetch-Site", "") not in _OWN:
        raise HttpError(403, "foreign-origin", "this form belongs to another page")


def _slot(request: HttpRequest) -> float:
    """The time that was picked; HttpError 400."""
    try:
        kind = request.headers.get("Content-Type", "").partition(";")[0].strip()
        [text] = parse_qs(request.body.decode("ascii"), max_num_fields=4)["slot"] if kind == _FORM else [""]
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, KeyError, OverflowError):
        raise HttpError(400, "desired-time-unreadable", "slot is a time") from None


def _digest(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()[:32]
