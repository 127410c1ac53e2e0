"""CALLBACK_REMINDER: a while before a scheduled callback, once, where the service wants it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ringback.services.engagement.outside.notices import REMINDER
from ringback.services.engagement.outside.writing import QUERIES, Writing
from ringback.services.engagement.records import Record
from ringback.services.engagement.store import Store, read_records

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.engagement.catalogue import Catalogue

_BATCH = 100


class Reminders:
    """Looks through the services that remind; may run on any number of nodes."""

    def __init__(self, ctx: Context, store: Store, catalogue: Catalogue, writing: Writing) -> None:
        self._ctx = ctx
        self._store = store
        self._catalogue = catalogue
        self._writing = writing

    async def look(self) -> None:
        """Write the reminders that are due."""
        for tenant in self._ctx.common.tenants:
            for service, offer in (await self._catalogue.offers(tenant)).items():
                if offer.settings.enable_notification_reminder:
                    await self._remind(tenant, service, offer.settings.notification_reminder_buffer)

    async def _remind(self, tenant: str, service: str, buffer_s: int) -> None:
        now = self._ctx.now()
        asked = (tenant, service, _moment(now), _moment(now + buffer_s), _BATCH)
        async with self._store.transaction() as session:
            records = read_records(await session.connection.fetch(QUERIES["to_remind"], *asked))
            for record in records:
                await session.connection.execute(QUERIES["reminded"], record.id)
                await self._writing.write(session, record, REMINDER, _desired(record))


def _desired(record: Record) -> dict[str, str]:
    at = datetime.fromtimestamp(record.desired_at or record.progress.arrived_at, UTC)
    return {"desiredTime": at.strftime("%Y-%m-%dT%H:%M:%S.000Z")}


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
