"""Moving a callback to another slot, or to now: what the customer's own page and the console do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from ringback.domain.callbacks import CallbackRefusedError
from ringback.domain.callbacks.events import Moved
from ringback.domain.callbacks.lifecycle import Accepted
from ringback.domain.callbacks.moving import moved
from ringback.runtime.http import HttpError
from ringback.services.engagement.attempts import trail
from ringback.services.engagement.availability import SlotDesk
from ringback.services.engagement.booking import Told
from ringback.services.engagement.catalogue import Catalogue, Offer
from ringback.services.engagement.records import Record
from ringback.services.engagement.store import Session, Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_TAKE = "SELECT engagement.take($1, $2, $3, NULL, NULL, NULL, NULL, $4, $5, $6)"
_LEAVE = """
WITH had AS (SELECT id, slot_minutes, slot_at FROM engagement.callbacks WHERE id = $1 AND slot_at IS NOT NULL)
UPDATE engagement.callbacks c SET slot_at = NULL FROM had WHERE c.id = had.id
RETURNING had.slot_minutes, had.slot_at
"""
_FREE = """
UPDATE engagement.slots SET taken = greatest(taken - 1, 0)
WHERE tenant = $1 AND service = $2 AND minutes = $3 AND starts_at = $4
"""
_REMIND_AGAIN = "UPDATE engagement.push_watch SET reminded = false WHERE callback_id = $1"
_MOVE = """
UPDATE engagement.callbacks
SET desired_at = $2, arrived_at = $3, expires_at = $4, slot_at = $5, slot_minutes = $6
WHERE id = $1
"""


class Moving:
    """One transaction a move: the old place is given back only when the new one is taken."""

    def __init__(
        self,
        ctx: Context,
        store: Store,
        catalogue: Catalogue,
        slots: SlotDesk,
        on_effects: Callable[[], None],
    ) -> None:
        self._ctx = ctx
        self._store = store
        self._catalogue = catalogue
        self._slots = slots
        self._on_effects = on_effects

    async def move(
        self, tenant: str, callback_id: UUID, desired: float | None, told: Told | None = None
    ) -> Record:
        """The callback at its new time; None: now. HttpError 400, 404 or 429 says why not.

        A time must be one that `availability` offers; now must lie within the hours. `told` writes what else
        belongs into the transaction.
        """
        record = await self._read(tenant, callback_id)
        offer = await self._catalogue.offer(tenant, record.service)
        if offer is None:
            raise HttpError(400, "unknown-service", "the service takes no callbacks any more")
        offer = offer.for_record(record)
        begins = await self._begins(record, offer, desired)
        async with self._store.transaction() as session:
            current = await session.read(tenant, callback_id, lock=True)
            if current is None:
                raise _unknown()
            accepted = self._judge(current, offer, desired, begins)
            changed = replace(
                current.after(accepted.progress, self._ctx.now()),
                desired_at=desired,
                position=None,
                ewt=None,
            )
            await self._take(session, changed, offer, begins)
            await session.save(changed, accepted.effects)
            await trail.note(session, current, changed, Moved(), None)
            if told is not None:
                await told(session, changed)
        self._on_effects()
        self._ctx.log.info("callback_moved", callback_id=str(callback_id), to_now=desired is None)
        return changed

    async def _read(self, tenant: str, callback_id: UUID) -> Record:
        async with self._store.statement() as session:
            record = await session.read(tenant, callback_id)
        if record is None:
            raise _unknown()
        return record

    def _judge(self, record: Record, offer: Offer, desired: float | None, begins: float) -> Accepted:
        settings, now = offer.settings, self._ctx.now()
        try:
            return moved(
                record.progress,
                now,
                desired_at=desired,
                ttl=settings.ttl,
                lead=settings.request_execution_time_buffer,
                opens_at=begins if begins > (now if desired is None else desired) else None,
            )
        except CallbackRefusedError as refused:
            raise HttpError(400, refused.slug, str(refused)) from None

    async def _begins(self, record: Record, offer: Offer, desired: float | None) -> float:
        """When it begins at its new time; HttpError when that is no time for this service or number."""
        now = self._ctx.now()
        if desired is None:
            if not offer.settings.immediate_enabled:
                raise HttpError(400, "immediate-disabled", "this service takes scheduled callbacks only")
            wanted = now
        else:
            if desired < offer.slots.grid.start_of(now):
                raise HttpError(400, "desired-time-past", "the time lies in the past")
            await self._check_slot(record, desired)
            wanted = max(now, desired)
        opens_at = wanted if offer.hours is None else offer.hours.next_opening(wanted)
        if opens_at is not None:
            opens_at = offer.ringing(record.number, record.details.timezone).next_opening(opens_at)
        if opens_at is None or (desired is None and opens_at > now):
            raise HttpError(400, "out-of-office-hours", "nobody can be called at this time")
        return opens_at

    async def _check_slot(self, record: Record, desired: float) -> None:
        start = datetime.fromtimestamp(desired, UTC).isoformat()
        query = {"start": start, "reportBusy": "true"}
        offered = await self._slots.availability(record.tenant, record.service, query)
        starts = [datetime.fromisoformat(slot.utc_time).timestamp() for slot in offered.slots]
        if not any(begin <= desired < begin + offered.duration_min * 60 for begin in starts):
            raise HttpError(400, "out-of-office-hours", "callbacks are not taken for this time")

    async def _take(self, session: Session, record: Record, offer: Offer, begins: float) -> None:
        """Give back the slot it had and take the one it begins in; HttpError 429.

        The two in the order in which bookings lock slots, so that opposite moves do not wait for each other.
        """
        grid = offer.slots.grid
        slot = grid.start_of(begins)
        wanted = (grid.minutes, slot)
        left = await session.connection.fetchrow(_LEAVE, record.id)
        had = None if left is None else (left["slot_minutes"], left["slot_at"])
        if had is not None and had <= wanted:
            await session.connection.execute(_FREE, record.tenant, record.service, *had)
        take = (record.tenant, record.service, record.number, slot, grid.minutes, offer.slots.capacity(slot))
        if await session.connection.fetchval(_TAKE, *take):
            raise HttpError(429, "no-capacity", "all places at this time are taken")
        if had is not None and had > wanted:
            await session.connection.execute(_FREE, record.tenant, record.service, *had)
        progress = record.progress
        desired = None if record.desired_at is None else _moment(record.desired_at)
        row = (desired, _moment(progress.arrived_at), _moment(progress.expires_at), slot, grid.minutes)
        await session.connection.execute(_MOVE, record.id, *row)
        await session.connection.execute(_REMIND_AGAIN, record.id)


def _unknown() -> HttpError:
    return HttpError(404, "callback-unknown", "there is no callback with this id")


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
