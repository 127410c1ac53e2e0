"""A request to be called back: what is asked of it, and how it becomes a callback."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID, uuid4

import msgspec
from msgspec import Meta, field

from ringback.domain.callbacks import Accepted, booked
from ringback.domain.numbers import NumberRefusedError, normalise
from ringback.runtime.http import HttpError
from ringback.services.engagement.catalogue import Catalogue, Offer
from ringback.services.engagement.records import Details, Record
from ringback.services.engagement.settings import EngagementSettings
from ringback.services.engagement.store import KeyReusedError, KeyUse, Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_LONGEST_KEY = 255
_LONGEST_HOLD_S = 60.0
Text = Annotated[str, Meta(max_length=4096)]


class CreateCallback(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`POST /engagement/v3/callbacks/create`; fields that are not known are ignored."""

    service_name: Annotated[str, Meta(min_length=1, max_length=255)]
    phone_number: Annotated[str, Meta(max_length=256)]
    desired_time: Text | None = None
    cb_offer_type: Text | None = None
    language: Text | None = None
    inbound_vq: Text | None = field(default=None, name="inboundVQ")
    offer_threshold: float | None = None
    channel: Text | None = None
    offer_timing: Text | None = None
    cb_origination_ixn_id: Text | None = None
    survey_rp: Text | None = field(default=None, name="surveyRP")
    priority: Annotated[float, Meta(ge=-1_000_000, le=1_000_000)] | None = None
    route_point: Text | None = None
    user_data: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Of a caller who has waited in line: since when, and when the line is free; seconds of the epoch."""

    arrived_at: float
    not_before: float


@dataclass(frozen=True, slots=True)
class Booked:
    """The id that the client gets; `new` is false when an Idempotency-Key named a callback already made."""

    id: UUID
    new: bool


class Booking:
    """Judges requests and stores them."""

    def __init__(
        self,
        ctx: Context,
        store: Store,
        catalogue: Catalogue,
        settings: EngagementSettings,
        on_started: Callable[[], None],
    ) -> None:
        self._ctx = ctx
        self._store = store
        self._catalogue = catalogue
        self._settings = settings
        self._on_started = on_started

    async def book(
        self, tenant: str, asked: CreateCallback, use: KeyUse | None, place: Place | None = None
    ) -> Booked:
        """Store a callback; it is promised when this returns. HttpError says why it is refused.

        `place` is that of a caller who has waited in line; others stand at the end of it.
        """
        known = await self._known(tenant, use)
        if known is not None:
            return Booked(known, new=False)
        offer = await self._catalogue.offer(tenant, asked.service_name)
        if offer is None:
            raise HttpError(400, "unknown-service", "no callback service has this serviceName")
        record, accepted = self._judge(tenant, asked, offer, place)
        made = await self._insert(record, accepted, use)
        if accepted.effects:
            self._on_started()
        return made

    async def _known(self, tenant: str, use: KeyUse | None) -> UUID | None:
        if use is None:
            return None
        async with self._store.statement() as session:
            try:
                return await session.known_key(tenant, use)
            except KeyReusedError as error:
                raise HttpError(422, "idempotency-key-reused", str(error)) from None

    async def _insert(self, record: Record, accepted: Accepted, use: KeyUse | None) -> Booked:
        if use is None:
            async with self._store.statement() as session:
                await session.insert(record, accepted.effects)
            return Booked(record.id, new=True)
        try:
            async with self._store.transaction() as session:
                known = await session.take_key(record.tenant, use, record.id, record.created_at)
                if known != record.id:
                    return Booked(known, new=False)
                await session.insert(record, accepted.effects)
        except KeyReusedError as error:
            raise HttpError(422, "idempotency-key-reused", str(error)) from None
        return Booked(record.id, new=True)

    def _judge(
        self, tenant: str, asked: CreateCallback, offer: Offer, place: Place | None
    ) -> tuple[Record, Accepted]:
        now, settings = self._ctx.now(), offer.settings
        try:
            number = normalise(asked.phone_number, settings.number_rules())
        except NumberRefusedError as refused:
            raise HttpError(400, refused.slug, str(refused)) from None
        desired = self._desired(asked.desired_time, offer, now)
        accepted = booked(
            now,
            desired_at=desired,
            ttl=settings.ttl,
            lead=settings.request_execution_time_buffer,
            opens_at=_begins(_opening(desired, offer, now), place, now),
            arrived_at=None if place is None else place.arrived_at,
        )
        record = Record(
            id=uuid4(),
            tenant=tenant,
            service=asked.service_name,
            number=number.e164,
            created_at=now,
            updated_at=now,
            desired_at=desired,
            priority=int(asked.priority or 0),
            details=_details(asked, desired),
            progress=accepted.progress,
        )
        return record, accepted

    def _desired(self, text: str | None, offer: Offer, now: float) -> float | None:
        """The desired time as seconds since the epoch; None: as soon as possible."""
        settings = offer.settings
        if text is None:
            if not settings.immediate_enabled:
                raise HttpError(400, "immediate-disabled", "this service takes scheduled callbacks only")
            return None
        if not settings.scheduled_enabled:
            raise HttpError(400, "scheduled-disabled", "this service takes immediate callbacks only")
        desired = read_time(text)
        if desired < now - self._settings.past_s:
            raise HttpError(400, "desired-time-past", "desiredTime lies in the past")
        if desired < now + settings.min_time_before_callback * 60:
            if settings.min_time_before_callback:
                raise HttpError(400, "desired-time-too-soon", "desiredTime lies too close ahead")
            desired = now
        if desired > now + self._settings.max_ahead_days * 86_400:
            raise HttpError(400, "desired-time-too-far", "desiredTime lies too far ahead")
        return desired


def key_use(key: str | None, body: bytes) -> KeyUse | None:
    """The Idempotency-Key of a request with the digest of its body; HttpError 400 when it is none."""
    if key is None:
        return None
    if not (0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
        raise HttpError(
            400, "idempotency-key", f"an Idempotency-Key has 1 to {_LONGEST_KEY} ASCII characters"
        )
    return KeyUse(key, hashlib.sha256(body).digest())


def read_time(text: str) -> float:
    """An ISO 8601 time, UTC when it names no zone, as seconds since the epoch; HttpError 400."""
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.timestamp()
    except (ValueError, OverflowError):
        form = "yyyy-MM-ddTHH:mm:ss.SSSZ"
        raise HttpError(400, "desired-time-unreadable", f"desiredTime is written as {form}") from None


def _opening(desired: float | None, offer: Offer, now: float) -> float | None:
    """When the office opens for this callback; None when it is open, HttpError 400 when it will not do."""
    hours, settings = offer.hours, offer.settings
    if hours is None:
        return None
    wanted = now if desired is None else desired
    opens_at = hours.next_opening(wanted)
    if opens_at is None or (opens_at > wanted and settings.enable_reject_out_of_office_hours):
        raise HttpError(400, "out-of-office-hours", "the office is closed at this time")
    if desired is None and opens_at <= now and hours.open_for(now) < settings.immediate_blackout * 60:
        raise HttpError(400, "office-closing", "the office closes too soon for an immediate callback")
    return opens_at if opens_at > wanted else None


def _begins(opens_at: float | None, place: Place | None, now: float) -> float | None:
    """When the first attempt may begin; None: at once."""
    not_before = 0.0 if place is None else min(place.not_before, now + _LONGEST_HOLD_S)
    return opens_at if not_before <= now else max(not_before, opens_at or 0.0)


def _details(asked: CreateCallback, desired: float | None) -> Details:
    default = Details()
    return Details(
        user_data={key: value for key, value in (asked.user_data or {}).items() if _is_identifier(key)},
        route_point=asked.route_point or "",
        offer_type=asked.cb_offer_type or ("ASAP" if desired is None else "SCHEDULED"),
        offer_timing=asked.offer_timing or default.offer_timing,
        offer_threshold=asked.offer_threshold,
        language=asked.language or default.language,
        channel=asked.channel or "",
        inbound_vq=asked.inbound_vq or "",
        origination_ixn_id=asked.cb_origination_ixn_id or default.origination_ixn_id,
        survey_rp=asked.survey_rp or "",
    )


def _is_identifier(key: str) -> bool:
    """Whether a key of the user data is a JavaScript identifier; others are ignored, as published."""
    return key.replace("$", "_").isidentifier()
