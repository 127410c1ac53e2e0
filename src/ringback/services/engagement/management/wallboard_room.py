"""The wallboard: how all queues stand now and today. Gathered once a moment for all who look."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from ringback.contracts.routing import QueueView
from ringback.contracts.statistics import ObjectFigures
from ringback.domain.callbacks import kind_of
from ringback.domain.permissions import Action
from ringback.runtime.http import HttpClient, HttpFailure, HttpUnavailable
from ringback.services.engagement.fresh import Fresh
from ringback.services.engagement.management.api import Call, Operation
from ringback.services.engagement.management.desks import Desks
from ringback.services.engagement.management.relaying import Relay
from ringback.services.engagement.management.tables import visible
from ringback.services.engagement.store import moment

if TYPE_CHECKING:
    from ringback.runtime.context import Context

FRESH_S = 1.0
RECENT = "sliding:1800"
TODAY = "growing"
T = TypeVar("T")
Values = Mapping[str, float | str | None]
_NOW = ("CurrNumberWaitingCalls", "CurrNumberWaitingCallbacks", "CurrMaxCallWaitingTime")
_LEVEL = "ServiceFactor"
_COUNTED = (
    "TotalCallsAnswered",
    "TotalCallsAbandoned",
    "TotalCallsAbandonedShort",
    "TotalCallbacksAnswered",
)
_MEAN = ("AverageWaitTime", "AverageCallbackWaitTime")
_AGENTS = {
    "logged_in": "CurrNumberLoggedIn",
    "ready": "CurrNumberReady",
    "reserved": "CurrNumberReserved",
    "busy": "CurrNumberBusy",
    "not_ready": "CurrNumberNotReady",
}
_NOTHING: Values = dict.fromkeys((*_NOW, *_COUNTED), 0)
_PAGE = 200


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Of a queue over a time; null: the statistics are away.

    service_level: percent of `rated` calls that were answered in time; null: there were none. rated: answered
    and abandoned calls without those abandoned at once. answered, abandoned: calls. callbacks: those
    connected to an agent.
    """

    service_level: float | None
    rated: int | None
    answered: int | None
    abandoned: int | None
    callbacks: int | None


class WallboardQueue(msgspec.Struct, frozen=True, kw_only=True):
    """One virtual queue. null: nobody knows.

    services: callback services that use it. calls: those that wait, longest of them for `longest_wait`
    seconds. callbacks: in line. expected, p50, p90: what somebody who comes now would wait, seconds: on
    average, and within which half and nine in ten are served. average_wait, average_callback_wait: seconds,
    of today. agents_…: whom the queue's target takes.
    """

    queue: str
    services: list[str]
    calls: int | None
    callbacks: int
    longest_wait: float | None
    expected: float | None
    p50: float | None
    p90: float | None
    agents_ready: int
    agents_busy: int
    agents_not_ready: int
    today: Counted
    recent: Counted
    average_wait: float | None
    average_callback_wait: float | None


class WallboardAgents(msgspec.Struct, frozen=True, kw_only=True):
    """All agents of the tenant. busy: ringing, talking or in after-call work."""

    logged_in: int
    ready: int
    reserved: int
    busy: int
    not_ready: int


class Wallboard(msgspec.Struct, frozen=True, kw_only=True):
    """since: from when on `today` counts (midnight in the tenant's time zone); null: nobody knows.
    recent_s: seconds that `recent` is of. agents: null to who may not see agents.
    """

    at: datetime
    since: datetime | None
    recent_s: int
    queues: list[WallboardQueue]
    agents: WallboardAgents | None


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """What other services tell of a tenant; None, empty or 0: the statistics are away."""

    at: float
    views: list[QueueView]
    today: dict[str, Values] | None
    recent: dict[str, Values] | None
    agents: Values
    since: float


class WallboardRoom:
    """Handler of `/api/v1/wallboard`."""

    def __init__(self, ctx: Context, desks: Desks) -> None:
        self._ctx = ctx
        self._desks = desks
        self._tenant = HttpClient(ctx, "tenant", timeout_s=2.0)
        self._router = Relay(self._tenant, "the node that routes", frozenset())
        self._gathered = Fresh(ctx, FRESH_S, self._gather)

    def operations(self) -> list[Operation]:
        """What can be done: look."""
        about = "How all queues stand, now and today."
        return [
            Operation("GET", "wallboard", "getWallboard", about, self._look, Action.SEE_QUEUES, Wallboard)
        ]

    async def _look(self, call: Call) -> Wallboard:
        found = await self._gathered.of(call.tenant)
        services = await self._services(call)
        everything = call.scope.everything
        return Wallboard(
            at=moment(found.at),
            since=moment(found.since) if found.since else None,
            recent_s=int(RECENT.partition(":")[2]),
            queues=[
                line(view, services.get(view.queue, []), found)
                for view in found.views
                if everything or view.queue in services
            ],
            agents=agents_of(found.agents) if call.caller.grants.may(Action.SEE_AGENTS) else None,
        )

    async def _services(self, call: Call) -> dict[str, list[str]]:
        """The callback services that the user may see, by virtual queue."""
        rows = visible(await self._desks.publication.rows(call.tenant), call.scope)
        found: dict[str, list[str]] = {}
        for name in sorted(row.name for row in rows.values() if kind_of(row.properties) == "service"):
            offer = await self._desks.catalogue.offer(call.tenant, name)
            if offer is not None:
                found.setdefault(offer.settings.vq or name, []).append(name)
        return found

    async def _gather(self, tenant: str) -> Gathered:
        """HttpUnavailable: the node that routes is away, without which there is no wallboard."""
        name, at = quote(tenant, safe=""), self._ctx.now()
        views, today, recent, agents = await asyncio.gather(
            self._router.ask("GET", f"/queues/{name}", None, list[QueueView]),
            _or_none(self._figures(name, TODAY, (*_NOW, _LEVEL, *_COUNTED, *_MEAN))),
            _or_none(self._figures(name, RECENT, (_LEVEL, *_COUNTED))),
            _or_none(self._agents(name)),
        )
        return Gathered(
            at=at,
            views=views,
            today=today,
            recent=recent,
            agents=agents.values if agents else {},
            since=agents.since if agents else 0.0,
        )

    async def _figures(self, tenant: str, window: str, names: tuple[str, ...]) -> dict[str, Values]:
        """Figures of all virtual queues that have any."""
        found: dict[str, Values] = {}
        after = ""
        while True:
            query = urlencode({"window": window, "names": ",".join(names), "after": after})
            page = await self._tenant.get(f"/statistics/{tenant}/vq?{query}", list[ObjectFigures])
            found |= {each.object: each.values for each in page}
            if len(page) < _PAGE:
                return found
            after = page[-1].object

    async def _agents(self, tenant: str) -> ObjectFigures:
        query = urlencode({"names": ",".join(_AGENTS.values())})
        return await self._tenant.get(f"/statistics/{tenant}/group/*?{query}", ObjectFigures)


async def _or_none(part: Awaitable[T]) -> T | None:
    try:
        return await part
    except (HttpFailure, HttpUnavailable, msgspec.MsgspecError):
        return None


def line(view: QueueView, services: list[str], found: Gathered) -> WallboardQueue:
    """One queue as the router and the statistics tell of it."""
    today, recent = (_of(view.queue, each) for each in (found.today, found.recent))
    calls, callbacks = _whole(today, _NOW[0]), _whole(today, _NOW[1])
    return WallboardQueue(
        queue=view.queue,
        services=services,
        calls=calls,
        callbacks=view.callbacks if callbacks is None else callbacks,
        longest_wait=_number(today, _NOW[2]),
        expected=_known(view.ewt),
        p50=_known(view.p50),
        p90=_known(view.p90),
        agents_ready=view.agents_ready,
        agents_busy=max(0, view.agents_working - view.agents_ready),
        agents_not_ready=max(0, view.agents_logged_in - view.agents_working),
        today=_counted(today),
        recent=_counted(recent),
        average_wait=_number(today, _MEAN[0]),
        average_callback_wait=_number(today, _MEAN[1]),
    )


def agents_of(values: Values) -> WallboardAgents | None:
    """All agents by what they do; None while the statistics are away."""
    counts = {name: _whole(values, figure) for name, figure in _AGENTS.items()}
    return None if None in counts.values() else msgspec.convert(counts, WallboardAgents)


def _of(queue: str, figures: dict[str, Values] | None) -> Values:
    """Nothing where the statistics are away; noughts where nothing has happened."""
    return {} if figures is None else figures.get(queue, _NOTHING)


def _counted(values: Values) -> Counted:
    answered, abandoned, short, callbacks = (_whole(values, name) for name in _COUNTED)
    if answered is None or abandoned is None or short is None:
        return Counted(service_level=None, rated=None, answered=None, abandoned=None, callbacks=None)
    return Counted(
        service_level=_number(values, _LEVEL),
        rated=answered + abandoned - short,
        answered=answered,
        abandoned=abandoned,
        callbacks=callbacks,
    )


def _number(values: Values, name: str) -> float | None:
    value = values.get(name)
    return value if isinstance(value, int | float) else None


def _whole(values: Values, name: str) -> int | None:
    value = _number(values, name)
    return None if value is None else int(value)


def _known(seconds: float) -> float | None:
    return None if seconds < 0 else seconds
