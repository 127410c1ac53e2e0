"""What each callback service of a tenant allows: its published settings with the hours they name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringback.domain.calendar import BusinessHours
from ringback.domain.callbacks import (
    CallbackSettings,
    RetryPolicy,
    SettingsError,
    are_hours,
    read_hours,
    read_settings,
)
from ringback.services.engagement.store import Session, Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_REMEMBERED = 10_000
Properties = dict[str, str]


@dataclass(frozen=True, slots=True)
class Offer:
    """The settings of one service; `hours` None: always open."""

    settings: CallbackSettings
    hours: BusinessHours | None = None

    @property
    def policy(self) -> RetryPolicy:
        """What follows a failed dial."""
        return self.settings.retry_policy(self.hours)


class Catalogue:
    """Settings by tenant and service, remembered for a moment; the database holds the truth."""

    def __init__(self, ctx: Context, store: Store, remember_s: float) -> None:
        self._ctx = ctx
        self._store = store
        self._remember_s = remember_s
        self._known: dict[tuple[str, str], tuple[float, Offer | None]] = {}

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
        async with self._store.transaction() as own:
            return await self._read(own, tenant, service)

    async def policy(self, tenant: str, service: str, session: Session) -> RetryPolicy:
        """The retry policy of a callback that is there already; a withdrawn service has the default one."""
        offer = await self.offer(tenant, service, session)
        return (offer or Offer(CallbackSettings())).policy

    async def publish(self, tenant: str, table: dict[str, Properties]) -> None:
        """Store settings and hours by name, all or none; raises SettingsError with the service's name."""
        for service, properties in table.items():
            if "\0" in service:
                raise SettingsError("the name of a service has no U+0000")
            try:
                _check(properties)
            except SettingsError as error:
                raise SettingsError(f"{service}: {error}") from error
        async with self._store.transaction() as session:
            for service in sorted(table):
                await session.publish(tenant, service, table[service], self._ctx.now())
        self._known.clear()

    async def services(self, tenant: str) -> list[str]:
        """The names of the callback services of a tenant."""
        async with self._store.transaction() as session:
            table = await session.all_settings(tenant)
        return [name for name, properties in table.items() if not are_hours(properties)]

    async def _read(self, session: Session, tenant: str, service: str) -> Offer | None:
        table = await session.settings(tenant, [service])
        offer: Offer | None = None
        if service in table and not are_hours(table[service]):
            settings = read_settings(table[service])
            offer = Offer(settings, await _hours(session, tenant, settings.business_hours_service))
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[(tenant, service)] = (self._ctx.monotonic() + self._remember_s, offer)
        return offer


def _check(properties: Properties) -> None:
    """Raises SettingsError for what could never be carried out."""
    if are_hours(properties):
        read_hours(properties)
    elif not read_settings(properties).route_point:
        raise SettingsError("_route_point is empty: the customer is dialled from a route point")


async def _hours(session: Session, tenant: str, name: str) -> BusinessHours | None:
    if not name:
        return None
    table = await session.settings(tenant, [name])
    return read_hours(table[name]) if name in table else None
