"""The audit log for people: pages, newest first, and CSV."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ringback.domain.permissions import Action
from ringback.services.engagement.management import csv
from ringback.services.engagement.management.api import CSV, Call, Operation
from ringback.services.engagement.management.listing import PAGE, QUERIES, read_query
from ringback.services.engagement.management.models import Text
from ringback.services.engagement.management.ranges import in_utc
from ringback.services.engagement.openapi import Parameter
from ringback.services.engagement.store import Store

_DATE = {"type": "string", "format": "date-time"}
_FILTER = (
    Parameter("who", "the user"),
    Parameter("action", "what was done, as `callback.cancel`, or a whole kind, as `callback`"),
    Parameter("subject", "to what: the id of a callback, the name of a service, …"),
    Parameter("from", "at this time or later", _DATE),
    Parameter("to", "before this time", _DATE),
)


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change: who did what to what, from where; what was there, and what is there now."""

    id: int
    at: datetime
    who: str
    source: str
    action: str
    subject: str
    before: Any
    after: Any


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """Up to 250 entries, newest first. next: `after` of the following page."""

    items: list[AuditEntry]
    next: str | None


class Asked(msgspec.Struct, frozen=True, kw_only=True, rename={"first": "from", "last": "to"}):
    """Which entries."""

    who: Text | None = None
    action: Text | None = None
    subject: Text | None = None
    first: datetime | None = None
    last: datetime | None = None
    after: Annotated[int, Meta(ge=0, le=2**62)] | None = None


class AuditRoom:
    """Handlers below `/api/v1/audit`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def operations(self) -> list[Operation]:
        """What can be done with the audit log: read it."""
        after = Parameter("after", "the `next` of the page before", {"type": "integer"})
        return [
            Operation(
                "GET",
                "audit",
                "listAudit",
                "Who changed what, newest first, 250 a page.",
                self._list,
                Action.SEE_AUDIT,
                AuditPage,
                parameters=(*_FILTER, after),
                refusals=(400,),
            ),
            Operation(
                "GET",
                "audit.csv",
                "exportAudit",
                "The same as a file.",
                self._export,
                Action.SEE_AUDIT,
                None,
                parameters=_FILTER,
                refusals=(400,),
                media=CSV,
            ),
        ]

    async def _list(self, call: Call) -> AuditPage:
        entries = await self._page(call.tenant, read_query(call.request.query, Asked), PAGE + 1)
        more = len(entries) > PAGE
        return AuditPage(items=entries[:PAGE], next=str(entries[PAGE - 1].id) if more else None)

    async def _export(self, call: Call) -> object:
        asked = read_query(call.request.query, Asked)
        return await csv.stream(call.request, "audit.csv", self._lines(call.tenant, asked))

    async def _lines(self, tenant: str, asked: Asked) -> AsyncIterator[bytes]:
        yield csv.line(AuditEntry.__struct_fields__)
        while entries := await self._page(tenant, asked, PAGE):
            for entry in entries:
                yield csv.line(
                    [
                        entry.id,
                        entry.at.isoformat(),
                        entry.who,
                        entry.source,
                        entry.action,
                        entry.subject,
                        _text(entry.before),
                        _text(entry.after),
                    ]
                )
            asked = msgspec.structs.replace(asked, after=entries[-1].id)

    async def _page(self, tenant: str, asked: Asked, limit: int) -> list[AuditEntry]:
        first = None if asked.first is None else in_utc(asked.first)
        last = None if asked.last is None else in_utc(asked.last)
        row = (tenant, asked.after, asked.who, asked.action, asked.subject, first, last, limit)
        async with self._store.statement() as session:
            rows = await session.connection.fetch(QUERIES["list_audit"], *row)
        return [_entry(each) for each in rows]


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(
        id=row["id"],
        at=row["at"],
        who=row["who"],
        source=row["source"],
        action=row["action"],
        subject=row["subject"],
        before=_value(row["before"]),
        after=_value(row["after"]),
    )


def _value(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)


def _text(value: Any) -> str:
    return "" if value is None else msgspec.json.encode(value).decode()
