"""Callbacks as a CSV file, page by page from the database, however many there are."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ringback.domain.permissions import Action
from ringback.services.engagement.management import csv
from ringback.services.engagement.management.api import CSV, Call, Operation
from ringback.services.engagement.management.callbacks import (
    FILTER,
    SORTING,
    read_filter,
    read_sorting,
    where_of,
)
from ringback.services.engagement.management.listing import Order, Sort, Where, cursor_after, page
from ringback.services.engagement.management.models import CallbackRow, row_of
from ringback.services.engagement.store import Store

_PAGE = 1_000
COLUMNS = (
    "id",
    "service",
    "state",
    "reason",
    "number",
    "desired",
    "created",
    "updated",
    "due",
    "offer_type",
    "channel",
    "priority",
    "attempt",
    "dials",
    "last_result",
)


class Export:
    """The handler of `/api/v1/callbacks.csv`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def operations(self) -> list[Operation]:
        """What can be fetched as a file."""
        return [
            Operation(
                "GET",
                "callbacks.csv",
                "exportCallbacks",
                "All callbacks that fit a filter, as a file (RFC 4180).",
                self._export,
                Action.EXPORT_CALLBACKS,
                None,
                parameters=(*FILTER, *SORTING),
                refusals=(400,),
                media=CSV,
            )
        ]

    async def _export(self, call: Call) -> object:
        where = where_of(call, read_filter(call.request.query))
        sort, order = read_sorting(call.request.query)
        async with self._store.transaction() as session:
            asked = {name: value for name, value in call.request.query.items() if name != "number"}
            await call.note(session, "callback.export", "callbacks", None, asked)
        return await csv.stream(call.request, "callbacks.csv", self._lines(call, where, sort, order))

    async def _lines(self, call: Call, where: Where, sort: Sort, order: Order) -> AsyncIterator[bytes]:
        """Each page in a statement of its own: no transaction stays open for a client that reads slowly."""
        yield csv.line(COLUMNS)
        after = None
        while True:
            async with self._store.statement() as session:
                records = await page(session, where, sort, order, after, _PAGE)
            for record in records:
                yield csv.line(_cells(row_of(record, number=call.may(Action.SEE_NUMBERS, record.service))))
            if len(records) < _PAGE:
                return
            after = cursor_after(records, sort)


def _cells(row: CallbackRow) -> list[object]:
    return [
        row.id,
        row.service,
        row.state.value,
        row.reason.value if row.reason else "",
        row.number,
        row.desired.isoformat(),
        row.created.isoformat(),
        row.updated.isoformat(),
        row.due.isoformat() if row.due else "",
        row.offer_type,
        row.channel,
        row.priority,
        row.attempt,
        row.dials,
        row.last_result.value if row.last_result else "",
    ]
