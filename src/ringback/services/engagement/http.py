"""The Engagement API v3 and the paths for the platform's own services."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from msgspec import Meta

from ringback.contracts.callbacks import BookCallback, CallbackBooked, CallbackStep, CallbackStepReply
from ringback.domain.callbacks import SettingsError, State
from ringback.runtime.http import HttpError, HttpRequest, HttpResponse, HttpServer, refuse_unknown
from ringback.services.engagement.asking import CreateCallback, KeptCallback, Place
from ringback.services.engagement.availability import SlotDesk, read_flag
from ringback.services.engagement.booking import Booking, key_use
from ringback.services.engagement.browsers import Origins
from ringback.services.engagement.changes import Changes
from ringback.services.engagement.envelope import API, render, success
from ringback.services.engagement.keys import ApiKeys
from ringback.services.engagement.limits import GUESSES, Limits
from ringback.services.engagement.metrics import TENANT, Metrics
from ringback.services.engagement.openapi import document
from ringback.services.engagement.publication import DESIGNER, Publication
from ringback.services.engagement.queues import QueueDesk
from ringback.services.engagement.reader import Reader
from ringback.services.engagement.records import identifiers
from ringback.services.engagement.settings import EngagementSettings
from ringback.services.engagement.store import Store
from ringback.services.engagement.views import CallbackId, CallbackView, view

if TYPE_CHECKING:
    from ringback.runtime.context import Context

Handler = Callable[[str, HttpRequest], Awaitable[object]]
_PUBLIC = "ges-2,ges-5,ges-7"
_SETTINGS_BYTES = 4 * 1024 * 1024
_COUNTED = {
    "too_large": "INVALID_CONTENT_LENGTH",
    "number-waiting": "CB_ENQUEUE_LIMIT_REACHED",
    "throttled": "CB_TTL_LIMIT_REACHED",
}
STANDING = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""With every answer of port 3050 that does not say it differently itself."""
_IN_QUEUE = frozenset({State.QUEUED, State.ROUTING, State.PROCESSING})


class EngagementHttp:
    """Handlers of port 3050, but for the status page."""

    def __init__(
        self,
        ctx: Context,
        settings: EngagementSettings,
        *,
        store: Store,
        booking: Booking,
        trusted: Booking,
        slots: SlotDesk,
        changes: Changes,
        publication: Publication,
        desk: QueueDesk,
        keys: ApiKeys,
        limits: Limits,
        metrics: Metrics,
    ) -> None:
        self._ctx = ctx
        self._max_bytes = settings.max_body_bytes
        self._reader = Reader(ctx, store)
        self._booking = booking
        self._trusted = trusted
        self._slots = slots
        self._changes = changes
        self._publication = publication
        self._desk = desk
        self._keys = keys
        self._limits = limits
        self._metrics = metrics
        self.server = HttpServer(ctx)
        self.server.stand(STANDING)
        self.server.error_renderer = self._render
        self.server.on_response = metrics.response
        self.server.metrics_connection = "ges-17"
        self._origins = Origins(settings.cors_origins)
        self._add_routes()

    def _add_routes(self) -> None:
        self._public("POST", "callbacks/create", self._create)
        self._public("POST", "callbacks/retrieve", self._retrieve)
        self._public("POST", "callbacks/cancel", self._cancel)
        self._public("GET", "callbacks/availability/{service}", self._availability)
        self._public("GET", "callbacks/open-for/{service}", self._open_for)
        self._public("GET", "callbacks/queue-status/{queue}", self._queue_status)
        self._public("GET", "estimated-wait-time", self._estimated_wait_time)
        self._public("GET", "estimated-wait-time/virtual-queues/{queues}", self._estimated_wait_time)
        self.server.route("GET", API + "openapi.json", self._document, public=True, connection=_PUBLIC)
        self._public("*", "{rest:.*}", self._unknown)
        self.server.route("POST", "/internal/callbacks/{tenant}/{id}/steps", self._step, connection="ges-12")
        self.server.route("POST", "/internal/callbacks/{tenant}", self._book, connection="ges-12")
        self.server.route(
            "POST",
            "/internal/settings/{tenant}",
            self._publish,
            connection="ges-14",
            max_bytes=_SETTINGS_BYTES,
        )

    def _public(self, method: str, path: str, handler: Handler) -> None:
        async def serve(request: HttpRequest) -> HttpResponse:
            try:
                owner = await self._keys.owner_of(request.headers.get("x-api-key"))
                request.raw[TENANT] = owner.tenant
                self._limits.admit(owner)
                answer = await handler(owner.tenant, request)
            except HttpError as error:
                if error.status in GUESSES:
                    await self._limits.hold_back(request.peer)
                raise
            whole = answer if isinstance(answer, HttpResponse) else success(answer, request)
            return self._origins.mark(whole, request)

        self.server.route(
            method, API + path, serve, public=True, connection=_PUBLIC, max_bytes=self._max_bytes
        )
        if method != "*":
            self._origins.add_to(self.server, API + path)

    def add_public(self, method: str, path: str, handler: Handler) -> None:
        """Serve one more path of the API: with a key, in the envelope unless the handler answers whole."""
        self._public(method, path, handler)

    def _render(self, error: HttpError, request: HttpRequest) -> HttpResponse:
        if error.slug in _COUNTED:
            self._metrics.event(_COUNTED[error.slug])
        return self._origins.mark(render(error, request), request)

    async def _create(self, tenant: str, request: HttpRequest) -> CallbackId:
        use = key_use(request.headers.get("Idempotency-Key"), request.body)
        asked = request.decode(CreateCallback)
        made = await self._booking.book(tenant, asked, use)
        if made.new:
            self._metrics.created()
        self._ctx.log.info(
            "callback_created" if made.new else "callback_repeated",
            callback_id=str(made.id),
            tenant=tenant,
            corr_id=request.corr_id,
            **_warning(asked),
        )
        return CallbackId(id=made.id)

    async def _retrieve(self, tenant: str, request: HttpRequest) -> CallbackView:
        asked = request.decode(CallbackId)
        record = await self._reader.read(tenant, asked.id)
        if record is None:
            raise HttpError(404, "callback-unknown", "there is no callback with this id")
        place = await self._desk.place(record) if record.progress.state in _IN_QUEUE else (None, None)
        return view(record, *place)

    async def _cancel(self, tenant: str, request: HttpRequest) -> CallbackId:
        asked = request.decode(CallbackId)
        await self._changes.cancel(tenant, asked.id)
        self._ctx.log.info("callback_cancelled", callback_id=str(asked.id), corr_id=request.corr_id)
        return asked

    async def _availability(self, tenant: str, request: HttpRequest) -> object:
        return await self._slots.availability(tenant, request.path_param("service"), request.query)

    async def _open_for(self, tenant: str, request: HttpRequest) -> object:
        return await self._slots.open_for(tenant, request.path_param("service"), request.query)

    async def _queue_status(self, tenant: str, request: HttpRequest) -> object:
        return await self._desk.status(tenant, request.path_param("queue"), request.query)

    async def _estimated_wait_time(self, tenant: str, request: HttpRequest) -> object:
        queues = request.raw.match_info.get("queues") or request.query.get("virtual-queues", "")
        return await self._desk.estimates(tenant, queues, request.query)

    async def _document(self, _request: HttpRequest) -> HttpResponse:
        return HttpResponse(document())

    async def _unknown(self, _tenant: str, request: HttpRequest) -> object:
        return await refuse_unknown(request)

    async def _step(self, request: HttpRequest) -> CallbackStepReply:
        step = request.decode(CallbackStep)
        return await self._changes.step(request.path_param("tenant"), _uuid(request.path_param("id")), step)

    async def _book(self, request: HttpRequest) -> CallbackBooked:
        """A caller in line is to be called back, at the place of the call; or somebody at a desired time."""
        wanted, tenant = request.decode(BookCallback), request.path_param("tenant")
        desired = datetime.fromtimestamp(wanted.desired_at, UTC).isoformat() if wanted.desired_at else None
        asked = KeptCallback(
            service_name=wanted.service,
            phone_number=wanted.number,
            desired_time=desired,
            cb_offer_type=None if desired else "IN_QUEUE",
            cb_origination_ixn_id=wanted.interaction_id or None,
            priority=wanted.priority or None,
            user_data=wanted.user_data,
            agent=wanted.agent,
            agent_s=wanted.agent_s,
        )
        place = None if desired else Place(wanted.arrived_at, wanted.not_before)
        made = await self._trusted.book(tenant, asked, key_use(wanted.key, wanted.key.encode()), place)
        if made.new:
            self._metrics.created()
        self._ctx.log.info("callback_offer_taken", callback_id=str(made.id), tenant=tenant)
        return CallbackBooked(id=str(made.id))

    async def _publish(self, request: HttpRequest) -> dict[str, int]:
        table = request.decode(dict[Annotated[str, Meta(min_length=1, max_length=255)], dict[str, str]])
        try:
            whole = read_flag(request.query, "whole")
            await self._publication.publish(request.path_param("tenant"), table, DESIGNER, whole=whole)
        except SettingsError as error:
            raise HttpError(400, "invalid-settings", str(error)) from None
        self._ctx.log.info("settings_published", services=len(table), corr_id=request.corr_id)
        return {"services": len(table)}


def _warning(asked: CreateCallback) -> dict[str, str]:
    """What the log says of a request that was taken but for a part; never names, which are the customer's."""
    given = asked.user_data or {}
    ignored = len(given) - len(identifiers(given))
    return {"warning": f"keys of userData that are no identifiers, ignored: {ignored}"} if ignored else {}


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise HttpError(404, "callback-unknown", "there is no callback with this id") from None
