"""What the data tables of the designer say to an application when its session begins."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from ringback.domain import tables
from ringback.domain.calendar import CalendarError
from ringback.runtime.http import HttpClient, HttpFailure
from ringback.services.orchestration.records import Json, Record

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_FRESH_S = 1.0
Rows = dict[str, dict[str, Json]]


class Tables:
    """Published tables, asked for by their entity tag, and remembered while the designer is away."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._client = HttpClient(ctx, "designer", connection="voice-43")
        self._known: dict[tuple[str, str], tuple[str, Rows, float]] = {}
        self._refreshing: set[tuple[str, str]] = set()

    async def tell(self, record: Record, now: float) -> None:
        """Put hours and menu that the parameters name into the session's data, and prompts into parameters.

        An office whose hours are not known is open.
        """
        given: dict[str, str] = record.data["parameters"]
        if any(value.startswith("@") for value in given.values()):
            prompts = await self.rows(record.tenant, tables.PROMPTS)
            given = record.data["parameters"] = tables.with_prompts(given, prompts)
        if given.get("hours"):
            record.data["hours"] = await self._hours(record.tenant, given["hours"], now)
        if given.get("menu"):
            rows = await self.rows(record.tenant, tables.MENUS)
            record.data["menu"] = tables.menu(given["menu"], rows)

    async def _hours(self, tenant: str, name: str, now: float) -> dict[str, Json]:
        hours = await self.rows(tenant, tables.BUSINESS_HOURS)
        days = await self.rows(tenant, tables.SPECIAL_DAYS)
        try:
            found = tables.opening(name, hours, days, now)
        except CalendarError as error:
            self._ctx.log.warning("hours_not_understood", tenant=tenant, hours=name, error=str(error))
            found = None
        known = found is not None
        return {"name": name, "known": known, **asdict(found or tables.Opening(True, None, None))}

    def known(self, tenant: str, name: str) -> Rows:
        """The rows that this node has, at once; old ones are asked for anew beside."""
        place = (tenant, name)
        _, rows, until = self._known.get(place, ("", {}, 0.0))
        if self._ctx.monotonic() >= until and place not in self._refreshing:
            self._refreshing.add(place)
            self._ctx.spawn(self._refresh(place), f"table-{name}")
        return rows

    async def _refresh(self, place: tuple[str, str]) -> None:
        try:
            await self.rows(*place)
        finally:
            self._refreshing.discard(place)

    async def rows(self, tenant: str, name: str) -> Rows:
        """The rows of a published table; none when there is no such table."""
        place = (tenant, name)
        tag, known, until = self._known.get(place, ("", {}, 0.0))
        if self._ctx.monotonic() < until:
            return known
        headers = {"If-None-Match": tag} if tag else {}
        path = f"/tables/{quote(tenant)}/{quote(name)}/published"
        try:
            reply = await self._client.request("GET", path, headers=headers, retry=True)
        except (HttpFailure, ConnectionError) as error:
            self._ctx.log.info("table_not_read", tenant=tenant, table=name, error=str(error))
            self._known[place] = (tag, known, self._ctx.monotonic() + _FRESH_S)
            return known
        rows = known if reply.status == 304 else msgspec.json.decode(reply.body, type=Rows)
        self._known[place] = (reply.headers.get("ETag", tag), rows, self._ctx.monotonic() + _FRESH_S)
        return rows
