"""The statistics link (8000): queues and agents, once or as they change.

`queues {tenant}` and `agents {tenant}` answer once; after `subscribe {tenant, interval_s}` the session gets
`statistics` at that interval (seconds, 1 at least).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from ringback.contracts.routing import QueueView
from ringback.domain.agents import State
from ringback.runtime.http import HttpError
from ringback.runtime.link import LinkError, LinkServer, LinkSession
from ringback.services.tenant.leader import Leader
from ringback.services.tenant.wait_times import queue_view, router_of

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_TICK_S = 0.5
_SUBSCRIPTION = "statistics"


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


class StatisticsLink:
    """The methods of 8000."""

    def __init__(self, ctx: Context, leaders: dict[str, Leader]) -> None:
        self._ctx = ctx
        self._leaders = leaders
        self.server = LinkServer(ctx, "stats")
        self.server.method("queues", self._queues)
        self.server.method("agents", self._agents)
        self.server.method("subscribe", self._subscribe)

    async def start(self) -> None:
        """Bind the listener and begin to tell."""
        await self.server.start()
        self._ctx.spawn(self._tell(), "statistics")

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
            now = self._ctx.monotonic()
            due = [s for s in self.server.sessions if _SUBSCRIPTION in s.state]
            due = [s for s in due if s.state[_SUBSCRIPTION].due <= now]
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
