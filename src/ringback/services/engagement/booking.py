"""A request to be called back: what is asked of it, and how it becomes a callback."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID, uuid4
from weakref import WeakValueDictionary

import msgspec

from ringback.domain.callbacks import Accepted, SettingsError, booked
from ringback.domain.numbers import NumberRefusedError, normalise
from ringback.runtime.http import HttpError, HttpFailure, HttpUnavailable
from ringback.services.engagement.asking import CreateCallback, Place, details_of
from ringback.services.engagement.availability import SlotDesk
from ringback.services.engagement.catalogue import Catalogue, Offer
from ringback.services.engagement.records import Record
from ringback.services.engagement.settings import EngagementSettings
from ringback.services.engagement.store import Claim, Entry, KeyUse, Session, Store, Verdict
from ringback.services.engagement.times import check_zone, line_free, opening, read_time
from ringback.services.engagement.waits import WaitTimes
from ringback.services.engagement.writer import Writer

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_LONGEST_KEY = 255
_MOVES = 50
Told = Callable[[Session, Record], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Booked:
    """The id that the client gets; `new` is false when an Idempotency-Key named a callback already made."""

    id: UUID
    new: bool


class NoRoomError(HttpError):
    """429 with the times that have room: UTC time to places left."""

    def __init__(self, message: str, slots: dict[str, int]) -> None:
        super().__init__(429, "no-capacity", message)
        self.data = {"slots": slots}


class _SlotFull(Exception):
    """The slot has no room left."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A request that may be taken if there is room.

    begins: when it is to begin, the office being open. place: of a caller who has waited in line.
    movable: it may begin later when there is no room. told: called before the commit.
    """

    tenant: str
    asked: CreateCallback
    offer: Offer
    number: str
    now: float
    desired: float | None
    begins: float
    place: Place | None
    movable: bool
    told: Told | None = None

    @property
    def at_once(self) -> bool:
        """Whether it is to begin now."""
        return self.desired is None and self.begins <= self.now


class Booking:
    """Judges requests and stores them."""

    def __init__(
        self,
        ctx: Context,
        store: Store,
        catalogue: Catalogue,
        settings: EngagementSettings,
        desk: SlotDesk,
        waits: WaitTimes,
        on_started: Callable[[], None],
        admit: Callable[[str, CreateCallback], AbstractAsyncContextManager[None]],
    ) -> None:
        self._ctx = ctx
        self._store = store
        self._writer = Writer(ctx, store)
        self._catalogue = catalogue
        self._settings = settings
        self._desk = desk
        self._waits = waits
        self._on_started = on_started
        self._admit = admit
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def book(
        self,
        tenant: str,
        asked: CreateCallback,
        use: KeyUse | None,
        place: Place | None = None,
        told: Told | None = None,
    ) -> Booked:
        """Store a callback; it is promised when this returns. HttpError says why it is refused.

        `place` is that of a caller who has waited in line; others stand at the end of it. `told` writes what
        else belongs into the transaction.
        """
        if use is None:
            return await self._book(tenant, asked, None, place, told)
        # One that is repeated while the first is under way waits for what that comes to: judged beside it, it
        # would be refused for what the first has used up.
        async with self._turns.setdefault((tenant, use.key), asyncio.Lock()):
            return await self._book(tenant, asked, use, place, told)

    async def _book(
        self,
        tenant: str,
        asked: CreateCallback,
        use: KeyUse | None,
        place: Place | None,
        told: Told | None,
    ) -> Booked:
        known = await self._known(tenant, use)
        if known is not None:
            return Booked(known, new=False)
        offer = await self._catalogue.offer(tenant, asked.service_name)
        if offer is None:
            raise HttpError(400, "unknown-service", "no callback service has this serviceName")
        try:
            offer = offer.having(asked.options or {})
        except SettingsError as error:
            raise HttpError(400, "option-refused", str(error)) from None
        wish = replace(self._wish(tenant, asked, offer, place), told=told)
        await self._ask_router(wish)
        # Late, for a captcha's token is good once: a request that is refused for what it says, or for want
        # of room, keeps it.
        try:
            async with self._admit(tenant, asked):
                return await self._place(wish, use)
        except HttpError:
            # Another node may have had the first with this key, which has used up what was refused here.
            if (known := await self._known(tenant, use)) is None:
                raise
            return Booked(known, new=False)

    async def _known(self, tenant: str, use: KeyUse | None) -> UUID | None:
        if use is None:
            return None
        async with self._store.statement() as session:
            known = await session.known_key(tenant, use)
        return None if known is None else _made(known).id

    async def _place(self, wish: Wish, use: KeyUse | None) -> Booked:
        """Store it in the slot that it wants; one that may be moved goes to the next with room."""
        begins = wish.begins
        for _ in range(_MOVES):
            claim = _claim(wish, begins)
            try:
                return await self._insert(wish, begins, claim, use)
            except _SlotFull:
                pass
            later = await self._later(wish, begins) if wish.movable else None
            if later is None:
                break
            begins = later
        slots = await self._desk.proposals(wish.tenant, wish.asked.service_name, wish.offer, wish.begins)
        raise NoRoomError("all places at this time are taken", slots)

    async def _later(self, wish: Wish, begins: float) -> float | None:
        """When it can begin after the slot of `begins`, which is full: with room, and the number may ring."""
        slot = wish.offer.slots.grid.start_of(begins)
        later = await self._desk.earliest(wish.tenant, wish.asked.service_name, wish.offer, slot)
        if later is None:
            return None
        return wish.offer.ringing(wish.number, wish.asked.timezone or "").next_opening(later)

    async def _insert(self, wish: Wish, begins: float, claim: Claim, use: KeyUse | None) -> Booked:
        record, accepted = _record(wish, begins)
        entry = Entry(record, bool(accepted.effects), claim, use)
        made = _made(await self._write(entry, wish.told))
        if made.new and accepted.effects:
            self._on_started()
        return made

    async def _write(self, entry: Entry, told: Told | None) -> Verdict:
        if told is None:
            return await self._writer.write(entry)
        async with self._store.transaction() as session:
            [verdict] = await session.book([entry])
            if not verdict.word:
                await told(session, entry.record)
        return verdict

    def _wish(self, tenant: str, asked: CreateCallback, offer: Offer, place: Place | None) -> Wish:
        now = self._ctx.now()
        if offer.settings.call_direction == "USERORIGINATED" and not asked.push_targets:
            raise HttpError(
                400, "push-targets-missing", "pushTargets are needed: the customer is told to call"
            )
        if not (asked.route_point or offer.settings.route_point):
            raise HttpError(400, "no-route-point", "this service has no route point that dials out")
        try:
            number = normalise(asked.phone_number, offer.number_rules)
        except NumberRefusedError as refused:
            raise HttpError(400, refused.slug, str(refused)) from None
        if asked.timezone:
            check_zone(asked.timezone)
        desired = self._desired(asked.desired_time, asked.timezone or "UTC", offer, now)
        wanted = now if desired is None else desired
        opens_at = max(opening(desired, offer, now) or wanted, line_free(place, now))
        begins = offer.ringing(number.e164, asked.timezone or "").next_opening(opens_at)
        if begins is None:
            raise HttpError(400, "out-of-office-hours", "there is no time at which this number can be called")
        grid = offer.slots.grid
        soon = desired is None or grid.start_of(desired) <= grid.start_of(now)
        return Wish(
            tenant=tenant,
            asked=asked,
            offer=offer,
            number=number.e164,
            now=now,
            desired=desired,
            begins=begins,
            place=place,
            movable=soon and not (asked.always_check_capacity and desired is not None),
        )

    async def _ask_router(self, wish: Wish) -> None:
        """What only the router knows; while it is away, nothing is refused for it."""
        settings, asked = wish.offer.settings, wish.asked
        queue = settings.vq or asked.service_name
        try:
            if (
                settings.logged_in_check
                and wish.at_once
                and not await self._waits.anybody(wish.tenant, queue)
            ):
                raise HttpError(400, "nobody-logged-in", "nobody is logged in to call back")
            if asked.always_check_capacity and wish.desired is not None and wish.offer.hours is not None:
                await self._check_forecast(wish, queue)
        except (HttpUnavailable, HttpFailure, msgspec.MsgspecError) as error:
            self._ctx.log.warning("booked_without_the_router", error=str(error))

    async def _check_forecast(self, wish: Wish, queue: str) -> None:
        """Refuse what would not be dialled before the office closes, by the wait of now."""
        assert wish.offer.hours is not None
        dialled = max(wish.begins, wish.now + await self._waits.of_newcomer(wish.tenant, queue))
        closes = wish.offer.hours.closes_at(wish.begins)
        if closes is not None and dialled >= closes:
            slots = await self._desk.proposals(wish.tenant, wish.asked.service_name, wish.offer, wish.begins)
            raise NoRoomError("it would not be its turn before the office closes", slots)

    def _desired(self, text: str | None, zone: str, offer: Offer, now: float) -> float | None:
        """The desired time as seconds since the epoch; None: as soon as possible."""
        settings = offer.settings
        if text is None:
            if not settings.immediate_enabled:
                raise HttpError(400, "immediate-disabled", "this service takes scheduled callbacks only")
            return None
        if not settings.scheduled_enabled:
            raise HttpError(400, "scheduled-disabled", "this service takes immediate callbacks only")
        desired = read_time(text, zone)
        if desired < now - self._settings.past_s and desired != offer.slots.grid.start_of(now):
            raise HttpError(400, "desired-time-past", "desiredTime lies in the past")
        if settings.min_time_before_callback and desired < now + settings.min_time_before_callback * 60:
            raise HttpError(400, "desired-time-too-soon", "desiredTime lies too close ahead")
        desired = max(desired, now)
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


def _record(wish: Wish, begins: float) -> tuple[Record, Accepted]:
    """The callback that a wish becomes when it begins at `begins`."""
    wanted = wish.now if wish.desired is None else wish.desired
    accepted = booked(
        wish.now,
        desired_at=wish.desired,
        ttl=wish.offer.settings.ttl,
        lead=wish.offer.settings.request_execution_time_buffer,
        opens_at=begins if begins > wanted else None,
        arrived_at=None if wish.place is None else wish.place.arrived_at,
    )
    record = Record(
        id=uuid4(),
        tenant=wish.tenant,
        service=wish.asked.service_name,
        number=wish.number,
        created_at=wish.now,
        updated_at=wish.now,
        desired_at=wish.desired,
        priority=wish.offer.settings.initial_priority(wish.asked.priority),
        details=details_of(wish.asked, wish.desired),
        progress=accepted.progress,
    )
    return record, accepted


def _claim(wish: Wish, begins: float) -> Claim:
    """What a wish asks for of the limits; immediate callbacks are throttled, scheduled ones are not."""
    settings, plan = wish.offer.settings, wish.offer.slots
    slot = plan.grid.start_of(begins)
    fields = settings.throttle_fields() if wish.desired is None else []
    return Claim(
        most_waiting=settings.most_waiting(),
        throttle_key=_throttle_key(wish, fields) if fields else None,
        throttle_limit=settings.throttle_request_parameters_limit if fields else None,
        slot=slot,
        minutes=plan.grid.minutes,
        capacity=plan.capacity(slot),
    )


def _throttle_key(wish: Wish, fields: list[str]) -> str:
    """A digest of the values of the fields, so that what is counted does not hold them."""
    sent = msgspec.to_builtins(wish.asked)
    given = {**(wish.asked.user_data or {}), **sent}
    given["_customer_number"] = given["phoneNumber"] = wish.number
    values = [given.get(name, given.get(name.removeprefix("_"))) for name in fields]
    text = msgspec.json.encode([wish.asked.service_name, values])
    return hashlib.sha256(text).hexdigest()[:32]


def _made(verdict: Verdict) -> Booked:
    """The callback that is there now; HttpError when it was refused, _SlotFull when its slot has no room."""
    if verdict.word in {"", "known"}:
        return Booked(verdict.made, new=not verdict.word)
    if verdict.word == "slot-full":
        raise _SlotFull
    if verdict.word == "key-reused":
        raise HttpError(
            422, "idempotency-key-reused", "this Idempotency-Key came with another request before"
        )
    if verdict.word == "number-waiting":
        raise HttpError(400, "number-waiting", "callbacks to this number are waiting already")
    raise HttpError(
        429, "throttled", "too many callbacks were asked for lately", headers={"Retry-After": "3600"}
    )
