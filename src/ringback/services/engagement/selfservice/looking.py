"""What a link opens: the callback, its place and wait, and what may be done with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from ringback.contracts.callbacks import session_id
from ringback.contracts.routing import WaitTime
from ringback.domain.calendar import CalendarError, zone_named
from ringback.domain.callbacks import State
from ringback.domain.callbacks.moving import MOVABLE
from ringback.runtime.http import HttpError, HttpFailure, HttpUnavailable
from ringback.services.engagement.availability import SlotDesk
from ringback.services.engagement.catalogue import Catalogue, Offer
from ringback.services.engagement.records import Record
from ringback.services.engagement.selfservice.keys import QUERIES, LinkKeys
from ringback.services.engagement.selfservice.links import read_link, write_link
from ringback.services.engagement.selfservice.page import Foretold, Seen, ToCall
from ringback.services.engagement.store import Store, read_records
from ringback.services.engagement.waits import WaitTimes

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_DAYS = 7
_APART_MIN = 30
_MOST_SLOTS = 300
LINK_OVER = HttpError(404, "link-over", "this link opens nothing")


class Looking:
    """Reads; changes nothing."""

    def __init__(
        self,
        ctx: Context,
        store: Store,
        catalogue: Catalogue,
        slots: SlotDesk,
        waits: WaitTimes,
        keys: LinkKeys,
        after_s: float,
    ) -> None:
        self._ctx = ctx
        self._store = store
        self._catalogue = catalogue
        self._slots = slots
        self._waits = waits
        self._keys = keys
        self._after_s = after_s

    async def link(self, record: Record) -> tuple[str, float]:
        """The word of a link to a callback, and when it ends; HttpError 503 where no key can be kept."""
        number, secret = await self._keys.newest()
        ends = max(record.progress.expires_at, self._ctx.now()) + self._after_s
        return write_link(number, secret, record.id, ends), ends

    async def open(self, word: str) -> Record:
        """The callback of a link; LINK_OVER when it is forged, over, or the callback is gone."""
        claim = read_link(word)
        if claim is None:
            raise LINK_OVER
        secret = await self._keys.of_number(claim.key)
        if secret is None or not claim.signed_with(secret) or claim.expires_at <= self._ctx.now():
            raise LINK_OVER
        async with self._store.statement() as session:
            rows = await session.connection.fetch(QUERIES["callback_of_link"], claim.callback_id)
        if not rows:
            raise LINK_OVER
        return read_records(rows)[0]

    async def see(self, record: Record, *, whole: bool = True) -> Seen:
        """What there is to show; `whole`: with what may be done, and not the live part alone."""
        offer = await self._catalogue.offer(record.tenant, record.service)
        zone, wait = _zone(record, offer), Foretold()
        if record.progress.state is State.QUEUED:
            wait = await self._foretell(record, offer)
        if record.progress.state is State.ROUTING:
            return Seen(record, zone, wait, to_call=await self._to_call(record, offer))
        if not whole or offer is None or record.progress.state not in MOVABLE:
            return Seen(record, zone, wait)
        can_move = offer.settings.scheduled_enabled
        slots = await self._free(record) if can_move else []
        return Seen(record, zone, wait, slots, can_move=can_move, can_now=self._can_now(record, offer))

    async def _foretell(self, record: Record, offer: Offer | None) -> Foretold:
        """Place and wait as the router says them; without it, the place that the session told last."""
        queue = (offer.settings.vq if offer else "") or record.service
        sid = session_id(str(record.id), record.progress.attempt)
        try:
            found = await self._waits.foretold(record.tenant, queue, sid)
        except (HttpFailure, HttpUnavailable, HttpError, msgspec.MsgspecError):
            found = None
        if found is None or found.pos <= 0:
            return Foretold(place=record.position)
        return Foretold(found.pos, _known(found.p50), _known(found.p90), _nobody(found))

    async def _to_call(self, record: Record, offer: Offer | None) -> ToCall | None:
        """The number that this customer has been told to call; None where we do."""
        if offer is None or offer.settings.call_direction != "USERORIGINATED":
            return None
        now = datetime.fromtimestamp(self._ctx.now(), UTC)
        async with self._store.statement() as session:
            row = await session.connection.fetchrow(QUERIES["call_in_of"], record.tenant, record.id, now)
        return None if row is None else ToCall(row["to_number"], row["code"] or "")

    async def _free(self, record: Record) -> list[str]:
        """Times with room in the next days; of short slots those on the half hour."""
        query = {"numberOfDays": str(_DAYS)}
        found = await self._slots.availability(record.tenant, record.service, query)
        times = [slot.utc_time for slot in found.slots]
        if found.duration_min < _APART_MIN:
            times = [each for each in times if datetime.fromisoformat(each).minute % _APART_MIN == 0]
        now = self._ctx.now()
        return [each for each in times if datetime.fromisoformat(each).timestamp() > now][:_MOST_SLOTS]

    def _can_now(self, record: Record, offer: Offer) -> bool:
        now = self._ctx.now()
        if record.progress.state is not State.SCHEDULED or not offer.settings.immediate_enabled:
            return False
        return offer.ringing(record.number, record.details.timezone).next_opening(now) == now


def _zone(record: Record, offer: Offer | None) -> ZoneInfo:
    """The customer's own zone when it is known, else the office's."""
    try:
        return zone_named(record.details.timezone)
    except CalendarError:
        return offer.slots.grid.zone if offer else zone_named("UTC")


def _known(seconds: float | msgspec.UnsetType) -> float | None:
    return None if isinstance(seconds, msgspec.UnsetType) or seconds < 0 else seconds


def _nobody(found: WaitTime) -> bool:
    return found.reason == "no_agents"
