"""When a service takes callbacks: its slots with the room that is left, and how long it is open.

`GET /engagement/v3/callbacks/availability/{service}` and `…/open-for/{service}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from ringback.domain.calendar import CalendarError, instant_of, zone_named
from ringback.domain.callbacks import bookable
from ringback.runtime.bounded import Bounded
from ringback.runtime.http import HttpError
from ringback.services.engagement.catalogue import Catalogue, Offer
from ringback.services.engagement.store import Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_DAY = 86_400
_MOST_DAYS = 3_660
_EVER_S = 365 * _DAY
_EPOCH = date(1970, 1, 1).toordinal()
_MINUTES = tuple(f"T{minute // 60:02}:{minute % 60:02}:00.000" for minute in range(24 * 60))
PROPOSED = 10
_CLOSE_S = 4 * 3_600
_PROPOSAL_DAYS = 14
_REMEMBER_S = 1.0
_REMEMBERED = 1_000


class SlotView(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """One slot: `capacity` places are left of `total`. `local_time` is what the wall shows."""

    utc_time: str
    local_time: str
    capacity: int
    total: int


class Availabilities(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The slots of a service in order; `duration_min` is the length of each, minutes."""

    slots: list[SlotView]
    duration_min: int
    timezone: str


class OpenFor(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Seconds until the office closes; 0 closed, a year for an office that never closes."""

    open_for: int


class Room(msgspec.Struct, frozen=True, gc=False):
    """A slot and the places that are left in it."""

    start: int
    left: int
    total: int


@dataclass(frozen=True, slots=True)
class Question:
    """The query of an availability request, read."""

    start: float
    end: float
    zone: ZoneInfo
    most: int
    busy: bool


class SlotDesk:
    """Answers from published settings and from what is taken."""

    def __init__(self, ctx: Context, store: Store, catalogue: Catalogue, max_ahead_days: int) -> None:
        self._ctx = ctx
        self._store = store
        self._catalogue = catalogue
        self._horizon_s = max_ahead_days * _DAY
        self._proposed = Bounded[tuple[str, str, int], tuple[float, dict[str, int]]](_REMEMBERED)

    async def availability(self, tenant: str, service: str, query: Mapping[str, str]) -> Availabilities:
        """The slots that a query asks for; HttpError 400."""
        offer = await self._offer(tenant, service)
        asked = read_question(query, self._ctx.now())
        found: list[Room] = []
        if offer.settings.scheduled_enabled:
            rooms = await self._rooms(tenant, service, offer, asked.start, asked.end)
            found = _first_free(rooms, asked.most, asked.busy)
        return Availabilities(
            slots=_views(found, asked.zone),
            duration_min=offer.slots.grid.minutes,
            timezone=asked.zone.key,
        )

    async def open_for(self, tenant: str, service: str, query: Mapping[str, str]) -> OpenFor:
        """How long a service stays open; HttpError 400."""
        offer = await self._offer(tenant, service)
        zone = _zone(query)
        at = self._ctx.now()
        if "start" in query:
            at = _read_wall(query["start"], zone, "start")
            if at != _read_wall(query["start"], zone, "start", last=True):
                raise HttpError(400, "time-ambiguous", "the clock shows this time twice: give an offset")
        seconds = _EVER_S if offer.hours is None else offer.hours.open_for(at)
        return OpenFor(open_for=int(min(seconds, _EVER_S)))

    async def proposals(self, tenant: str, service: str, offer: Offer, wanted: float) -> dict[str, int]:
        """Slots with room, the nearest to a time that has none: UTC time to places left.

        Remembered for a moment: many ask for the same full slot at once.
        """
        key = (tenant, service, offer.slots.grid.start_of(wanted))
        until, proposed = self._proposed.get(key, (0.0, {}))
        if self._ctx.monotonic() >= until:
            proposed = await self._propose(tenant, service, offer, wanted)
            self._proposed[key] = (self._ctx.monotonic() + _REMEMBER_S, proposed)
        return proposed

    async def _propose(self, tenant: str, service: str, offer: Offer, wanted: float) -> dict[str, int]:
        near = await self._rooms(tenant, service, offer, wanted - _CLOSE_S, wanted + _DAY)
        free = [room for room in near if room.left > 0]
        if not free:
            far = await self._rooms(tenant, service, offer, wanted + _DAY, wanted + _PROPOSAL_DAYS * _DAY)
            free = [room for room in far if room.left > 0]
        nearest = sorted(free, key=lambda room: abs(room.start - wanted))[:PROPOSED]
        views = _views(sorted(nearest, key=lambda room: room.start), ZoneInfo("UTC"))
        return {view.utc_time: view.capacity for view in views}

    async def earliest(self, tenant: str, service: str, offer: Offer, after: float) -> int | None:
        """The first slot that begins after an instant and has room; None: none that can be booked."""
        start = after
        while start < after + self._horizon_s:
            for room in await self._rooms(tenant, service, offer, start, start + _DAY, lead=False):
                if room.left > 0 and room.start > after:
                    return room.start
            start += _DAY
        return None

    async def _offer(self, tenant: str, service: str) -> Offer:
        offer = await self._catalogue.offer(tenant, service)
        if offer is None:
            raise HttpError(400, "unknown-service", "no callback service has this name")
        return offer

    async def _rooms(
        self, tenant: str, service: str, offer: Offer, start: float, end: float, *, lead: bool = True
    ) -> Iterator[Room]:
        """Slots in which a callback can be booked, from the one that holds `start`."""
        now, plan = self._ctx.now(), offer.slots
        if start > now + self._horizon_s:
            return iter(())
        first = plan.grid.start_of(max(start, now))
        end = min(max(end, first + 1), now + self._horizon_s)
        soonest = offer.settings.min_time_before_callback * 60
        async with self._store.statement() as session:
            taken = await session.taken(tenant, service, plan.grid.minutes, first, int(end) + 1)
        starts = bookable(plan, offer.hours, first, end, now)
        if lead and soonest:
            starts = (each for each in starts if each >= now + soonest)
        return (
            Room(each, total - taken.get(each, 0), total)
            for each in starts
            for total in (plan.capacity(each),)
            if total > 0
        )


def read_question(query: Mapping[str, str], now: float) -> Question:
    """The query of an availability request; HttpError 400 when it makes no sense."""
    zone = _zone(query)
    _one_of(query, "start", "startMS")
    _one_of(query, "end", "endMS", "numberOfDays")
    start = now
    if "start" in query:
        start = _read_wall(query["start"], zone, "start")
    elif "startMS" in query:
        start = _whole(query, "startMS", 0, 10**14) / 1000
    end = _end(query, start, zone)
    if end < start:
        raise HttpError(400, "invalid_query", "the end lies before the start")
    most = _whole(query, "maxTimeSlots", 1, 10**6) if "maxTimeSlots" in query else -1
    return Question(start, end, zone, most, read_flag(query, "reportBusy"))


def read_flag(query: Mapping[str, str], name: str) -> bool:
    """A query parameter that is `true` or `false` (default); HttpError 400."""
    text = query.get(name, "false").lower()
    if text not in {"true", "false"}:
        raise HttpError(400, "invalid_query", f"{name} is true or false")
    return text == "true"


def _first_free(rooms: Iterator[Room], most: int, busy: bool) -> list[Room]:
    """Slots until `most` (-1: any number) of them have room; `busy`: those without room too."""
    found = []
    for room in rooms:
        if room.left > 0 or busy:
            found.append(room)
        most -= room.left > 0
        if most == 0:
            break
    return found


def _end(query: Mapping[str, str], start: float, zone: ZoneInfo) -> float:
    if "end" in query:
        return _read_wall(query["end"], zone, "end", last=True)
    if "endMS" in query:
        return _whole(query, "endMS", 0, 10**14) / 1000
    if "numberOfDays" not in query:
        return start
    days = timedelta(days=_whole(query, "numberOfDays", 0, _MOST_DAYS))
    try:
        return instant_of(zone, datetime.fromtimestamp(start, zone).replace(tzinfo=None) + days)
    except (ValueError, OverflowError, OSError):
        raise HttpError(400, "invalid_query", "start lies beyond every calendar") from None


def _one_of(query: Mapping[str, str], *names: str) -> None:
    if len([name for name in names if name in query]) > 1:
        raise HttpError(400, "invalid_query", f"give one of {', '.join(names)}")


def _whole(query: Mapping[str, str], name: str, least: int, most: int) -> int:
    text = query[name]
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        raise HttpError(400, "invalid_query", f"{name} is a whole number from {least} to {most}")
    return int(text)


def _zone(query: Mapping[str, str]) -> ZoneInfo:
    try:
        return zone_named(query.get("timezone") or "UTC")
    except CalendarError:
        raise HttpError(400, "invalid_query", "timezone is the IANA name of a time zone") from None


def _read_wall(text: str, zone: ZoneInfo, name: str, *, last: bool = False) -> float:
    """An ISO 8601 time, on the wall of `zone` unless it has an offset itself."""
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
        return moment.timestamp() if moment.tzinfo else instant_of(zone, moment, last=last)
    except (ValueError, OverflowError, OSError):
        form = "yyyy-MM-ddTHH:mm:ss.SSS, with Z when no timezone is given"
        raise HttpError(400, "invalid_query", f"{name} is written as {form}") from None


def _views(rooms: list[Room], zone: ZoneInfo) -> list[SlotView]:
    """The slots as they are answered.

    A full book has thousands: the zone is asked once where its offset is the same at both ends of a day, and
    texts are put together from those of days and minutes.
    """
    views = []
    stop, offset = float("-inf"), 0
    for room in rooms:
        start = room.start
        if start >= stop:
            offset, stop = _offset(zone, start), start + _DAY
            if _offset(zone, stop) != offset:
                stop = start + 1
        utc_day, utc = divmod(start, _DAY)
        wall_day, wall = divmod(start + offset, _DAY)
        view = SlotView(
            utc_time=f"{_day(utc_day)}{_MINUTES[utc // 60]}Z",
            local_time=_day(wall_day) + _MINUTES[wall // 60],
            capacity=max(0, room.left),
            total=room.total,
        )
        views.append(view)
    return views


def _offset(zone: ZoneInfo, at: float) -> int:
    offset = datetime.fromtimestamp(at, UTC).astimezone(zone).utcoffset()
    assert offset is not None, "a zone knows its offset"
    return int(offset.total_seconds())


@lru_cache(maxsize=1024)
def _day(number: int) -> str:
    return date.fromordinal(_EPOCH + number).isoformat()
