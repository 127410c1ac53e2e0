"""The statistics link (8000).

`open {tenant, statistics: [{id, object_type, object, statistic, window?, interval_s?, insensitivity?}]}`
subscribes and answers with the values; from then on `values {tenant, time, values: [{id, value}]}` comes for
what has changed. `close {ids}` ends subscriptions, `peek` reads once, `definitions` and `objects {tenant}`
say what there is. The older `queues {tenant}`, `agents {tenant}` and `subscribe {tenant, interval_s}` (then
`statistics` at that interval, in seconds, 1 at least) tell of all queues at once.

A session that does not read is not told each step, but the last value when it reads again. What has not been
taken for half a minute ends the session.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import msgspec

from ringback.contracts.routing import QueueView
from ringback.contracts.statistics import (
    Closed,
    Figure,
    Objects,
    OpenStatistics,
    Wish,
    definitions,
)
from ringback.contracts.statistics import (
    Figures as FiguresTold,
)
from ringback.domain.agents import State
from ringback.domain.statistics import Asked, Subject, UnknownStatistic, Window
from ringback.domain.statistics.inputs import ObjectType
from ringback.runtime.http import HttpError
from ringback.runtime.link import UNAVAILABLE, LinkError, LinkServer, LinkSession
from ringback.services.tenant.figures import Figures
from ringback.services.tenant.leader import Leader
from ringback.services.tenant.wait_times import queue_view, router_of

if TYPE_CHECKING:
    from ringback.runtime.context import Context

NOT_FOUND = 404
TOO_MANY = 429
_TICK_S = 0.25
_SUBSCRIPTION = "statistics"
_OPENED = "opened"
_MOST_SESSIONS = 1_000
_MOST_OF_A_SESSION = 10_000
_MOST_OF_A_TENANT = 100_000
_SLOW = 1024 * 1024
"""Bytes that a session has not read, above which it is told no more until it reads."""


class Subscription(msgspec.Struct, kw_only=True):
    """What a session wants; `due` is when it is next told (monotonic seconds)."""

    tenant: str
    interval_s: float = 2.0
    due: float = 0.0


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """One set of figures; `agents` counts agents by state."""

    tenant: str
    time: float
    queues: list[QueueView]
    agents: dict[str, int]


class Subscriber(NamedTuple):
    """One wish of one session."""

    session: LinkSession
    id: str


class StatisticsLink:
    """The methods of 8000."""

    def __init__(self, ctx: Context, leaders: dict[str, Leader], figures: dict[str, Figures]) -> None:
        self._ctx = ctx
        self._leaders = leaders
        self._figures = figures
        self._untold: dict[tuple[LinkSession, str], dict[str, Any]] = {}
        self.server = LinkServer(ctx, "stats", max_sessions=_MOST_SESSIONS)
        for name in ("queues", "agents", "subscribe", "open", "close", "peek", "definitions", "objects"):
            self.server.method(name, getattr(self, f"_{name}"))
        self.server.on_close = self._gone

    async def start(self) -> None:
        """Bind the listener and begin to tell."""
        await self.server.start()
        self._ctx.spawn(self._tell(), "statistics")

    # Figures that are asked for one by one

    async def _open(self, session: LinkSession, params: dict[str, Any]) -> FiguresTold:
        wanted = msgspec.convert(params, OpenStatistics)
        figures = self._of(wanted.tenant)
        opened: dict[str, str] = session.state.setdefault(_OPENED, {})
        if len(opened) + len(wanted.statistics) > _MOST_OF_A_SESSION:
            raise LinkError(TOO_MANY, f"a session has {_MOST_OF_A_SESSION} statistics at most")
        if len(figures.watch) + len(wanted.statistics) > _MOST_OF_A_TENANT:
            raise LinkError(TOO_MANY, f"a tenant has {_MOST_OF_A_TENANT} subscriptions at most")
        values = [self._open_one(session, figures, opened, wish) for wish in wanted.statistics]
        return FiguresTold(wanted.tenant, self._ctx.now(), values, figures.since)

    def _open_one(self, session: LinkSession, figures: Figures, opened: dict[str, str], wish: Wish) -> Figure:
        try:
            asked = asked_of(wish)
            other = opened.get(wish.id)
            if other not in (None, figures.tenant):
                raise UnknownStatistic("another tenant's statistic of this session has this id")
            value = figures.watch.open(Subscriber(session, wish.id), asked, self._ctx.now())
        except ValueError as error:
            return Figure(wish.id, error=str(error))
        opened[wish.id] = figures.tenant
        return Figure(wish.id, value)

    async def _peek(self, session: LinkSession, params: dict[str, Any]) -> FiguresTold:
        wanted = msgspec.convert(params, OpenStatistics)
        figures = self._of(wanted.tenant)
        if len(wanted.statistics) > _MOST_OF_A_SESSION:
            raise LinkError(TOO_MANY, f"{_MOST_OF_A_SESSION} statistics at most are read at once")
        values = [peek(figures, wish, self._ctx.now()) for wish in wanted.statistics]
        return FiguresTold(wanted.tenant, self._ctx.now(), values, figures.since)

    async def _close(self, session: LinkSession, params: dict[str, Any]) -> Closed:
        ids = msgspec.convert(params.get("ids", []), list[str])
        opened: dict[str, str] = session.state.get(_OPENED, {})
        return Closed(sum(self._close_one(session, opened, each) for each in ids))

    def _close_one(self, session: LinkSession, opened: dict[str, str], name: str) -> bool:
        tenant = opened.pop(name, None)
        if tenant is None:
            return False
        self._untold.get((session, tenant), {}).pop(name, None)
        return self._figures[tenant].watch.close(Subscriber(session, name))

    def _gone(self, session: LinkSession) -> None:
        opened: dict[str, str] = session.state.get(_OPENED, {})
        for name in list(opened):
            self._close_one(session, opened, name)
        for key in [key for key in self._untold if key[0] is session]:
            del self._untold[key]

    async def _definitions(self, session: LinkSession, params: dict[str, Any]) -> list[Any]:
        return list(definitions())

    async def _objects(self, session: LinkSession, params: dict[str, Any]) -> Objects:
        return objects(self._of(str(params.get("tenant", ""))))

    def _of(self, tenant: str) -> Figures:
        figures = self._figures.get(tenant)
        if figures is None:
            raise LinkError(NOT_FOUND, f"no tenant {tenant[:64]!r} here")
        if not figures.ready:
            raise LinkError(UNAVAILABLE, "the statistics of this tenant are being rebuilt; try again")
        return figures

    def _tell_changes(self) -> None:
        for tenant, figures in self._figures.items():
            for told in figures.watch.tick(self._ctx.now()) if figures.ready else ():
                assert isinstance(told.subscriber, Subscriber)
                session, name = told.subscriber
                self._untold.setdefault((session, tenant), {})[name] = told.value
        for key in [key for key in self._untold if key[0].backlog < _SLOW]:
            session, tenant = key
            values = [Figure(name, value) for name, value in self._untold.pop(key).items()]
            session.notify("values", FiguresTold(tenant, self._ctx.now(), values))

    # All queues at once

    async def _queues(self, session: LinkSession, params: dict[str, Any]) -> list[QueueView]:
        return self._read(str(params.get("tenant", ""))).queues

    async def _agents(self, session: LinkSession, params: dict[str, Any]) -> dict[str, int]:
        return self._read(str(params.get("tenant", ""))).agents

    async def _subscribe(self, session: LinkSession, params: dict[str, Any]) -> Statistics:
        wanted = msgspec.convert(params, Subscription)
        wanted.interval_s = max(1.0, wanted.interval_s)
        figures = self._read(wanted.tenant)
        wanted.due = self._ctx.monotonic() + wanted.interval_s
        session.state[_SUBSCRIPTION] = wanted
        return figures

    def _read(self, tenant: str) -> Statistics:
        try:
            router = router_of(self._leaders, tenant)
        except HttpError as error:
            raise LinkError(error.status, error.message) from None
        now = self._ctx.now()
        feeder = self._leaders[tenant].feeder
        counts = feeder.counts if feeder else Counter[State]()
        queues = [queue_view(router, vq, now) for vq in sorted(router.core.queues)]
        agents = {state.value: counts[state] for state in State}
        return Statistics(tenant=tenant, time=now, queues=queues, agents=agents)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            self._tell_changes()
            now = self._ctx.monotonic()
            due = [s for s in self.server.sessions if _SUBSCRIPTION in s.state]
            due = [s for s in due if s.state[_SUBSCRIPTION].due <= now and s.backlog < _SLOW]
            for tenant in {s.state[_SUBSCRIPTION].tenant for s in due}:
                self._tell_tenant(tenant, [s for s in due if s.state[_SUBSCRIPTION].tenant == tenant], now)

    def _tell_tenant(self, tenant: str, sessions: list[LinkSession], now: float) -> None:
        try:
            figures = self._read(tenant)
        except LinkError:
            return
        for session in sessions:
            session.state[_SUBSCRIPTION].due = now + session.state[_SUBSCRIPTION].interval_s
            session.notify("statistics", figures)


def asked_of(wish: Wish) -> Asked:
    """The figure that is wished for; ValueError says what is wrong."""
    interval = min(max(1.0, wish.interval_s), 3600.0)
    subject = Subject(wish.object_type, wish.object)
    return Asked(subject, wish.statistic, Window.read(wish.window), interval, max(0.0, wish.insensitivity))


def peek(figures: Figures, wish: Wish, now: float) -> Figure:
    """One figure as it is now."""
    try:
        return Figure(wish.id, figures.watch.read(asked_of(wish), now))
    except ValueError as error:
        return Figure(wish.id, error=str(error))


def objects(figures: Figures) -> Objects:
    """Everything that has had a figure since the beginning, by type."""
    found: dict[str, list[str]] = {kind: [] for kind in get_args(ObjectType)}
    for subject in figures.floor.subjects():
        found[subject.type].append(subject.id)
    return Objects({kind: sorted(names) for kind, names in found.items()})
