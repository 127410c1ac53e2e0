"""Notices are written here: what devices are told, with the customer's link and a receipt to give back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import msgspec

from ringback.runtime.http import HttpError
from ringback.runtime.sql import load_queries
from ringback.services.engagement.records import Record
from ringback.services.engagement.store import Session

if TYPE_CHECKING:
    from ringback.runtime.context import Context

QUERIES = load_queries("ringback.services.engagement.outside")


class Words:
    """What is put into a notice beside its subject; both are set once pages are served.

    link: the address of the callback's page. receipt: what a device gives back when it has the notice.
    """

    def __init__(self) -> None:
        self.link: Callable[[Record], Awaitable[str]] | None = None
        self.receipt: Callable[[UUID], Awaitable[str]] | None = None

    async def of(self, record: Record, notice: UUID) -> dict[str, str]:
        """The words of one notice; none where no key can be kept."""
        if self.link is None or self.receipt is None:
            return {}
        try:
            return {"link": await self.link(record), "receipt": await self.receipt(notice)}
        except HttpError:
            return {}


class Writing:
    """Writes notices in the transaction of what they are about: they are there if that is."""

    def __init__(self, ctx: Context, words: Words) -> None:
        self._ctx = ctx
        self._words = words

    async def write(
        self, session: Session, record: Record, event: str, more: Mapping[str, str], attempt: int = 0
    ) -> None:
        """One notice for each device of the callback."""
        now = datetime.fromtimestamp(self._ctx.now(), UTC)
        common = {"event": event, "id": str(record.id), "serviceName": record.service, **more}
        for each in record.details.push_targets:
            notice = uuid4()
            data = msgspec.json.encode({**common, **await self._words.of(record, notice)}).decode()
            row = (notice, record.tenant, record.id, event, each.channel, each.target, data, now, attempt)
            await session.connection.execute(QUERIES["insert_notice"], *row)
