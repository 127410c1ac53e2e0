"""The queues page: how each callback service stands now, and the rules that it goes by."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Meta

from ringback.contracts.routing import QueueView, WaitTime
from ringback.domain.callbacks import Kind, kind_of
from ringback.domain.permissions import Action
from ringback.runtime.http import HttpClient, HttpFailure, HttpUnavailable
from ringback.services.engagement.management.api import Call, Operation, in_path
from ringback.services.engagement.management.desks import Desks
from ringback.services.engagement.management.listing import QUERIES
from ringback.services.engagement.management.tables import (
    RULE_PROPERTIES,
    Published,
    publish,
    unknown,
    visible,
)
from ringback.services.engagement.store import moment

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_AT_ONCE = 8
_AWAY = (HttpFailure, HttpUnavailable, msgspec.MsgspecError)
RuleName = Annotated[str, Meta(max_length=255, pattern=r"^[^\x00]*$")]


class QueueRow(msgspec.Struct, frozen=True, kw_only=True):
    """One callback service and its virtual queue; null: the router does not tell.

    ewt: expected wait, seconds, -1 unknown. calls: calls that wait. average_quitting_time: seconds between
    two that leave. queued: callbacks in line. scheduled: those whose time has not come. open: by the hours.
    takes_immediate, takes_scheduled: what may be booked.
    """

    service: str
    queue: str
    ewt: float | None
    calls: int | None
    average_quitting_time: float | None
    agents_logged_in: int | None
    agents_ready: int | None
    queued: int
    scheduled: int
    open: bool
    closes: datetime | None
    opens: datetime | None
    hours: str
    capacity_rule: str
    number_rule: str
    takes_immediate: bool
    takes_scheduled: bool


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of a service by name; empty: none; null: as it is."""

    hours: RuleName | None = None
    capacity: RuleName | None = None
    numbers: RuleName | None = None


class QueuesRoom:
    """Handlers below `/api/v1/queues`."""

    def __init__(self, ctx: Context, desks: Desks) -> None:
        self._desks = desks
        self._router = HttpClient(ctx, "tenant", timeout_s=2.0)
        self._waits = HttpClient(ctx, "tenant", "ewt", connection="ges-13", timeout_s=2.0)

    def operations(self) -> list[Operation]:
        """What can be done with queues."""
        return [
            Operation(
                "GET",
                "queues",
                "listQueues",
                "How each queue stands.",
                self._list,
                Action.SEE_QUEUES,
                list[QueueRow],
            ),
            Operation(
                "PUT",
                "queues/{name}/rules",
                "assignRules",
                "Let a queue go by other rules.",
                self._assign,
                Action.CHANGE_SETTINGS,
                Published,
                body=Assignment,
                parameters=(in_path("name", "name of the callback service"),),
                refusals=(400, 404),
            ),
        ]

    async def _list(self, call: Call) -> list[QueueRow]:
        rows = visible(await self._desks.publication.rows(call.tenant), call.scope)
        names = [row.name for row in rows.values() if kind_of(row.properties) == "service"]
        async with self._desks.store.statement() as session:
            found = await session.connection.fetch(QUERIES["count_by_service"], call.tenant)
        counts = {row["service"]: row for row in found}
        views = await self._views(call.tenant)
        few = asyncio.Semaphore(_AT_ONCE)

        async def row(name: str) -> QueueRow | None:
            async with few:
                return await self._row(call, name, counts, views)

        shown = await asyncio.gather(*map(row, names))
        return [each for each in shown if each is not None]

    async def _row(
        self, call: Call, name: str, counts: Mapping[str, Any], views: Mapping[str, QueueView]
    ) -> QueueRow | None:
        offer = await self._desks.catalogue.offer(call.tenant, name)
        if offer is None:
            return None
        queue = offer.settings.vq or name
        view, wait = views.get(queue), await self._wait(call.tenant, queue)
        closes = None if offer.hours is None else offer.hours.closes_at(call.now)
        is_open = offer.hours is None or closes is not None
        opens = None if is_open or offer.hours is None else offer.hours.next_opening(call.now)
        count = counts.get(name)
        return QueueRow(
            service=name,
            queue=queue,
            ewt=None if view is None else view.ewt,
            calls=None if view is None else view.calls,
            average_quitting_time=None if wait is None else wait.aqt,
            agents_logged_in=None if view is None else view.agents_logged_in,
            agents_ready=None if view is None else view.agents_ready,
            queued=count["queued"] if count else 0,
            scheduled=count["scheduled"] if count else 0,
            open=is_open,
            closes=None if closes is None or closes == float("inf") else moment(closes),
            opens=None if opens is None else moment(opens),
            hours=offer.settings.business_hours_service,
            capacity_rule=offer.settings.capacity_rule,
            number_rule=offer.settings.number_rule,
            takes_immediate=offer.settings.immediate_enabled,
            takes_scheduled=offer.settings.scheduled_enabled,
        )

    async def _views(self, tenant: str) -> dict[str, QueueView]:
        try:
            views = await self._router.get(f"/queues/{quote(tenant, safe='')}", list[QueueView])
        except _AWAY:
            return {}
        return {view.queue: view for view in views}

    async def _wait(self, tenant: str, queue: str) -> WaitTime | None:
        query = urlencode({"tenant": tenant, "aqt": "urs"})
        try:
            return await self._waits.get(f"/urs/call/max/lvq/{quote(queue, safe='')}?{query}", WaitTime)
        except _AWAY:
            return None

    async def _assign(self, call: Call) -> Published:
        name, asked = call.part("name"), call.decode(Assignment)
        call.reach(name, Action.SEE_QUEUES, unknown())
        rows = await self._desks.publication.rows(call.tenant)
        if name not in rows or kind_of(rows[name].properties) != "service":
            raise unknown()
        seen = visible(rows, call.caller.grants.scope(Action.SEE_SETTINGS))
        properties = dict(rows[name].properties)
        given: dict[Kind, str | None] = {
            "hours": asked.hours,
            "capacity": asked.capacity,
            "numbers": asked.numbers,
        }
        for kind, wanted in given.items():
            if wanted and wanted not in seen:
                raise unknown()
            if wanted is not None:
                properties[RULE_PROPERTIES[kind]] = wanted
        return await publish(call, self._desks.publication, {name: properties}, expected=rows[name].version)
