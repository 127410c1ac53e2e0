"""No agent stays stuck: leases end on time, and agents are compared with the calls that live.

A repair is a change that no event had brought: a reservation, a ringing or a conversation that time or the
comparison had to end. After-call work ends by its lease as a matter of course.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

from ringback.contracts.calls import call_key, calls_key
from ringback.contracts.reservation import AgentSessions
from ringback.domain.agents import AgentSession, State
from ringback.domain.agents.session import LeaseExpired, Release, Renew
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.agent_state.settings import AgentStateSettings


class Reconciler:
    """Watches the leases of all tenants. Any number of nodes may do so: a step is stored once."""

    def __init__(
        self, ctx: Context, sessions: dict[str, AgentSessions], settings: AgentStateSettings
    ) -> None:
        self._ctx = ctx
        self._sessions = sessions
        self._settings = settings
        self._missing: set[tuple[str, str, str]] = set()
        self.repairs = Counter(
            "agent_repairs_total",
            "Agents brought back by time or comparison",
            ["tenant", "state"],
            registry=ctx.metrics,
        )
        self._logged_in = Gauge(
            "agent_logged_in_agents", "Agents logged in", ["tenant"], registry=ctx.metrics
        )

    def start(self) -> None:
        """Begin to watch."""
        self._ctx.spawn(self._watch(), "reconcile-leases")
        self._ctx.spawn(self._sweep(), "compare-with-calls")

    async def _watch(self) -> None:
        while True:
            await self._guarded(self.end_leases)
            await asyncio.sleep(self._settings.reconcile_s)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._settings.sweep_s)
            await self._guarded(self.compare)

    async def _guarded(self, work: object) -> None:
        assert callable(work)
        try:
            for tenant in self._sessions:
                await work(tenant)
        except (ValkeyUnavailable, ValkeyError) as error:
            self._ctx.log.warning("reconciler_waits", error=str(error))

    async def end_leases(self, tenant: str) -> None:
        """End what has lasted too long, unless its call is known to live."""
        sessions, now = self._sessions[tenant], self._ctx.now()
        for agent_id in await sessions.due(now):
            session = await sessions.load(agent_id)
            if session.state is State.TALKING and await self._lives(tenant, session.conn_id):
                await sessions.apply(agent_id, Renew(session.conn_id), now)
                continue
            outcome = await sessions.apply(agent_id, LeaseExpired(), now)
            if outcome.events and session.state is not State.ACW:
                self._repaired(tenant, session)

    async def compare(self, tenant: str) -> None:
        """Release agents whose call is gone, when it is found missing twice in a row."""
        sessions = self._sessions[tenant]
        missing: set[tuple[str, str, str]] = set()
        for agent_id in await sessions.transient():
            session = await sessions.load(agent_id)
            if session.state not in (State.RINGING, State.TALKING):
                continue
            if not await self._lives(tenant, session.conn_id):
                missing.add((tenant, agent_id, session.conn_id))
        for each in missing & self._missing:
            outcome = await sessions.apply(each[1], Release(each[2]), self._ctx.now())
            if outcome.events:
                self._repaired(tenant, outcome.session)
        self._missing = {each for each in self._missing if each[0] != tenant} | missing
        self._logged_in.labels(tenant).set(await sessions.count_logged_in())

    async def _lives(self, tenant: str, conn_id: str) -> bool:
        valkey = self._ctx.valkey.using("voice-37")
        if await valkey.call("EXISTS", call_key(tenant, conn_id)):
            return True
        return bool(await valkey.call("SISMEMBER", calls_key(tenant), conn_id))

    def _repaired(self, tenant: str, session: AgentSession) -> None:
        self.repairs.labels(tenant, session.state.value).inc()
        self._ctx.log.warning("agent_repaired", agent=session.agent_id, state=session.state.value)
