"""What engagement has to do with the outside, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from ringback.runtime.http import HttpError, HttpRequest
from ringback.services.engagement.outside.captcha import Captcha
from ringback.services.engagement.outside.channels import Channels
from ringback.services.engagement.outside.credentials import KINDS, Credentials, Kind, Name
from ringback.services.engagement.outside.egress import Egress
from ringback.services.engagement.outside.publishing import publish
from ringback.services.engagement.outside.push import NoticeView, Push
from ringback.services.engagement.outside.statistics import Statistics
from ringback.services.engagement.outside.writing import Words, Writing

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.engagement.asking import CreateCallback
    from ringback.services.engagement.catalogue import Catalogue
    from ringback.services.engagement.http import EngagementHttp
    from ringback.services.engagement.published import Published
    from ringback.services.engagement.queues import QueueDesk
    from ringback.services.engagement.settings import EngagementSettings
    from ringback.services.engagement.store import Store

_PATH = "/internal/credentials/{tenant}/{kind}"


class VerifyCaptcha(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`POST /engagement/v3/captcha/verify`."""

    site_key: Annotated[str, Meta(min_length=1, max_length=4096)]
    captcha_token: Annotated[str, Meta(min_length=1, max_length=16_384)]


class Outside:
    """Captcha, push, statistics, and the credentials for them, served on the service's own server."""

    def __init__(
        self,
        ctx: Context,
        settings: EngagementSettings,
        *,
        store: Store,
        catalogue: Catalogue,
        desk: QueueDesk,
        published: Published,
    ) -> None:
        egress = Egress(ctx, settings.egress_proxy, lambda: published.event("DNS_FAILURE"))
        self._ctx = ctx
        self.credentials = Credentials(ctx, store, settings.settings_cache_s)
        self._captcha = Captcha(ctx, settings, self.credentials, egress)
        self._channels = Channels(ctx, settings, self.credentials, egress, published.push_sent)
        self._statistics = Statistics(ctx, settings, self.credentials, egress, published.event)
        self.words = Words()
        self.writing = Writing(ctx, self.words)
        self._push = Push(ctx, settings, store, catalogue, desk, self._channels, self.writing)

    @asynccontextmanager
    async def admit(self, tenant: str, asked: CreateCallback) -> AsyncIterator[None]:
        """Around what makes a callback: entered when the outside has nothing against it; HttpError.

        When there is no room for it, its captcha is good for another time.
        """
        passed = await self._captcha.admit(tenant, asked.captcha_token)
        try:
            yield
        except HttpError as error:
            if passed and error.slug == "no-capacity":
                await self._captcha.keep(tenant, asked.captcha_token or "")
            raise

    def start(self) -> None:
        """Begin to look after notices."""
        self._push.start()

    def add_routes(self, http: EngagementHttp) -> None:
        """Serve what belongs here."""
        http.add_public("POST", "captcha/verify", self._verify)
        http.add_public("POST", "notification/publish", self._publish)
        for method in ("POST", "GET"):
            http.add_public(method, "statistics/operations/get-statistic-ex", self._statistics.answer)
        http.server.route("GET", "/internal/notices/{tenant}/{id}", self._notices)
        http.server.route("GET", _PATH, self._list)
        http.server.route("PUT", f"{_PATH}/{{name}}", self._put)
        http.server.route("DELETE", f"{_PATH}/{{name}}", self._delete)

    async def _verify(self, tenant: str, request: HttpRequest) -> dict[str, bool]:
        asked = request.decode(VerifyCaptcha)
        return {"success": await self._captcha.verify(tenant, asked.site_key, asked.captcha_token)}

    async def _publish(self, tenant: str, request: HttpRequest) -> dict[str, str]:
        return {"name": await publish(self._channels, tenant, request)}

    async def _notices(self, request: HttpRequest) -> list[NoticeView]:
        try:
            callback_id = UUID(request.path_param("id"))
        except ValueError:
            return []
        return await self._push.of_callback(request.path_param("tenant"), callback_id)

    async def _list(self, request: HttpRequest) -> dict[str, dict[str, Any]]:
        return await self.credentials.shown(request.path_param("tenant"), _kind(request))

    async def _put(self, request: HttpRequest) -> dict[str, str]:
        tenant, name = request.path_param("tenant"), _name(request)
        await self.credentials.put(tenant, _kind(request), name, request.body)
        self._ctx.log.info("credential_stored", tenant=tenant, kind=_kind(request), name=name)
        return {"name": name}

    async def _delete(self, request: HttpRequest) -> dict[str, str]:
        await self.credentials.delete(request.path_param("tenant"), _kind(request), _name(request))
        return {"name": _name(request)}


def _kind(request: HttpRequest) -> Kind:
    for kind in KINDS:
        if kind == request.path_param("kind"):
            return kind
    raise HttpError(404, "unknown-kind", f"there are credentials of the kinds {', '.join(KINDS)}")


def _name(request: HttpRequest) -> str:
    try:
        return msgspec.convert(request.path_param("name"), Name)
    except msgspec.ValidationError:
        raise HttpError(400, "invalid-name", "a name has 1 to 64 letters, digits, dots and dashes") from None
