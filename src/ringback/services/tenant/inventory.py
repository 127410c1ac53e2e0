"""What a tenant has had when, for billing: over the configuration link (8888).

`inventory {tenant, at?}` counts what there is, or was at a moment. `history {tenant, category, since, until,
after?, limit?}` lists items with the times between which they existed, page by page. `usage {tenant, since,
until}` says for each category how many there were at most at once, how many different ones, and how many at
the end. Times are seconds since the epoch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from ringback.runtime.link import INVALID_PARAMS, LinkError
from ringback.runtime.sql import load_queries

if TYPE_CHECKING:
    from ringback.runtime.context import Context

SQL = load_queries("ringback.services.tenant", "inventory.sql")
_MAX_LIMIT = 1000
_LATEST = 32_503_680_000.0
"""The year 3000: what lies behind it is no time that anybody means."""


class HistoryParams(Struct, frozen=True, kw_only=True):
    """Items of one category that existed between two moments; `after` is `next` of the page before."""

    tenant: str
    category: str
    since: float = 0.0
    until: float = _LATEST
    after: int = 0
    limit: int = 100


class UsageParams(Struct, frozen=True, kw_only=True):
    """The period that is billed."""

    tenant: str
    since: float
    until: float


class Span(Struct, frozen=True, omit_defaults=True):
    """One item between two moments; without `until` it is there still. `owner`: the person of a login."""

    item: str
    since: float
    until: float | None = None
    owner: str = ""


class HistoryPage(Struct, frozen=True):
    """Items in the order in which they appeared; `next` is 0 on the last page."""

    items: list[Span]
    next: int


class Usage(Struct, frozen=True):
    """One category over a period."""

    category: str
    peak: int
    items: int
    at_end: int


class Inventory:
    """Reads the history of every tenant."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def at(self, tenant: str, moment: float) -> dict[str, int]:
        """How many items of each category there were at a moment."""
        rows = await self._fetch("inventory_at", tenant, _time(moment))
        return {row["category"]: row["number"] for row in rows}

    async def history(self, wanted: HistoryParams) -> HistoryPage:
        """One page of items."""
        if "\0" in wanted.category:
            raise LinkError(INVALID_PARAMS, "no category is called so")
        limit = max(1, min(wanted.limit, _MAX_LIMIT))
        since, until = _time(wanted.since), _time(wanted.until)
        after = max(0, min(wanted.after, 2**62))
        rows = await self._fetch("spans", wanted.tenant, wanted.category, since, until, after, limit)
        items = [Span(row["item"], row["since"], row["until"], row["owner"]) for row in rows]
        return HistoryPage(items, rows[-1]["seq"] if len(rows) == limit else 0)

    async def usage(self, wanted: UsageParams) -> list[Usage]:
        """Every category that had an item in the period."""
        rows = await self._fetch("usage", wanted.tenant, _time(wanted.since), _time(wanted.until))
        return [Usage(row["category"], row["peak"], row["items"], row["at_end"]) for row in rows]

    async def _fetch(self, query: str, *args: Any) -> list[Any]:
        self._ctx.connections.count("voice-13", sent=1)
        rows: list[Any] = await self._ctx.postgres.pool.fetch(SQL[query], *args)
        return rows


def _time(seconds: float) -> float:
    if not math.isfinite(seconds) or not 0.0 <= seconds <= _LATEST:
        raise LinkError(INVALID_PARAMS, "a time is in seconds since the epoch")
    return seconds
