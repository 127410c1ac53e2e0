"""What each callback service of a tenant allows: its published settings with the hours they name."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from ringback.domain.calendar import BusinessHours, CalendarError, Together, zone_named
from ringback.domain.callbacks import (
    CallbackSettings,
    CapacityRule,
    Grid,
    RetryPolicy,
    SettingsError,
    SlotPlan,
    kind_of,
    properties_of,
    read_capacity,
    read_hours,
    read_number_gate,
    read_settings,
)
from ringback.domain.numbers import NumberGate, NumberRules
from ringback.runtime.bounded import Bounded
from ringback.services.engagement.records import Record
from ringback.services.engagement.store import Session, Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_REMEMBERED = 10_000
UNREADABLE = (SettingsError, CalendarError)
"""What settings raise that this version cannot read: a newer one may have written them."""
Properties = dict[str, str]


@dataclass(frozen=True)
class Offer:
    """The settings of one service with the hours and rules that they name; `hours` None: always open."""

    settings: CallbackSettings
    hours: BusinessHours | None = None
    capacity: CapacityRule | None = None
    gate: NumberGate | None = None

    @cached_property
    def slots(self) -> SlotPlan:
        """The slots that callbacks are booked into."""
        zone = zone_named("UTC") if self.hours is None else self.hours.zone
        minutes = self.settings.request_time_bucket if self.capacity is None else self.capacity.minutes
        return SlotPlan(Grid(zone, minutes), self.settings.max_request_by_time_bucket, self.capacity)

    @property
    def number_rules(self) -> NumberRules:
        """The rules by which the customer's number is judged."""
        return self.settings.number_rules(self.gate)

    def having(self, options: dict[str, str]) -> Offer:
        """The offer with what a request has brought itself; raises SettingsError for what it may not."""
        if not options:
            return self
        strange = [name for name in options if name not in self.settings.overwritable()]
        if strange:
            why = "may not be brought by a request"
            raise SettingsError(f"{strange[0][:60]} {why}", {strange[0]: why})
        return replace(self, settings=read_settings({**properties_of(self.settings), **options}))

    def for_record(self, record: Record) -> Offer:
        """The offer with what the request of a callback brought, for as long as the service permits it."""
        try:
            return self.having(record.details.options)
        except SettingsError:
            return self

    def ringing(self, number: str, zone: str) -> Together:
        """When a number may be called; `zone`: the customer's own, empty when it is not known."""
        return self.settings.ringing(self.hours, number, zone)


class Catalogue:
    """Settings by tenant and service, remembered for a moment; the database holds the truth."""

    def __init__(self, ctx: Context, store: Store, remember_s: float) -> None:
        self._ctx = ctx
        self._store = store
        self._remember_s = remember_s
        self._known = Bounded[tuple[str, str], tuple[float, Offer | None]](_REMEMBERED)
        self._reading: dict[tuple[str, str], asyncio.Future[Offer | None]] = {}

    async def offer(self, tenant: str, service: str, session: Session | None = None) -> Offer | None:
        """What a service allows; None when no such service was published.

        `session`: read within this transaction, for callers that hold one.
        """
        if "\0" in service:
            return None
        until, offer = self._known.get((tenant, service), (0.0, None))
        if self._ctx.monotonic() < until:
            return offer
        if session is not None:
            return await self._read(session, tenant, service)
        return await self._read_once(tenant, service)

    async def _read_once(self, tenant: str, service: str) -> Offer | None:
        """Read once for all who ask while it is being read: many do when it is no longer remembered."""
        reading = self._reading.get((tenant, service))
        if reading is None:
            reading = asyncio.ensure_future(self._read_alone(tenant, service))
            self._reading[(tenant, service)] = reading
            reading.add_done_callback(lambda _: self._reading.pop((tenant, service), None))
        return await asyncio.shield(reading)

    async def _read_alone(self, tenant: str, service: str) -> Offer | None:
        async with self._store.statement() as session:
            return await self._read(session, tenant, service)

    async def offer_of(self, record: Record, session: Session) -> Offer:
        """What holds for a callback that is there; a withdrawn service has the defaults."""
        offer = await self.offer(record.tenant, record.service, session) or Offer(CallbackSettings())
        return offer.for_record(record)

    async def policy(self, record: Record, session: Session) -> RetryPolicy:
        """When a callback that is there already may be dialled, and what follows a dial that fails."""
        offer = await self.offer_of(record, session)
        return offer.settings.retry_policy(offer.ringing(record.number, record.details.timezone))

    def forget(self) -> None:
        """Read all anew: something was published."""
        self._known.clear()
        self._reading.clear()

    async def offers(self, tenant: str) -> dict[str, Offer]:
        """The callback services of a tenant by name, but for those whose settings cannot be read."""
        async with self._store.statement() as session:
            table = await session.all_settings(tenant)
        found = {}
        for name, properties in table.items():
            try:
                offer = await self.offer(tenant, name) if kind_of(properties) == "service" else None
            except UNREADABLE as error:
                self._ctx.log.error("settings_unreadable", tenant=tenant, service=name, error=str(error))
                continue
            if offer is not None:
                found[name] = offer
        return found

    async def _read(self, session: Session, tenant: str, service: str) -> Offer | None:
        table = await session.settings(tenant, [service])
        offer: Offer | None = None
        if service in table and kind_of(table[service]) == "service":
            offer = await _offer(session, tenant, read_settings(table[service]))
        self._known[(tenant, service)] = (self._ctx.monotonic() + self._remember_s, offer)
        return offer


async def _offer(session: Session, tenant: str, settings: CallbackSettings) -> Offer:
    hours, capacity, numbers = names = (
        settings.business_hours_service,
        settings.capacity_rule,
        settings.number_rule,
    )
    table = await session.settings(tenant, [name for name in names if name]) if any(names) else {}
    return Offer(
        settings,
        read_hours(table[hours]) if hours in table else None,
        read_capacity(table[capacity]) if capacity in table else None,
        read_number_gate(table[numbers]) if numbers in table else None,
    )
