"""No agent stays stuck: leases end on time, and agents are compared with the calls that live.

A repair is a change that no event had brought: a reservation, a ringing or a conversation that time or the
comparison had to end, after-call work that nobody ended. Timed after-call work and automatic logout end by
their lease as a matter of course.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from prometheus_client import Counter, Gauge

from ringback.contracts.calls import CallDialogs, call_key, calls_key
from ringback.contracts.reservation import AgentSessions
from ringback.domain.agents import AgentSession, State
from ringback.domain.agents.effects import ACW_EXPIRED
from ringback.domain.agents.session import LeaseExpired, Release, Renew
from ringback.runtime.clock import Clock
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.agent_state.settings import AgentStateSettings


MENDED = frozenset({State.RESERVED, State.RINGING, State.TALKING})


class Reconciler:
    """Watches the leases of all tenants. Any number of nodes may do so: a step is stored once."""

    def __init__(
        self, ctx: Context, sessions: dict[str, AgentSessions], settings: AgentStateSettings
    ) -> None:
        self._ctx = ctx
        self._sessions = sessions
        self._settings = settings
        self._missing: set[tuple[str, str, str]] = set()
        self._clock = Clock(ctx)
        self._stepped, self._before = 0.0, 0.0
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
        now = self._ctx.now()
        self._look_at_clock(now)
        due = await self._sessions[tenant].due(now - min(0.0, self._stepped))
        # All at once: their commands leave together.
        await asyncio.gather(*(self._end_lease(tenant, agent_id, now) for agent_id in due))

    async def _end_lease(self, tenant: str, agent_id: str, now: float) -> None:
        sessions = self._sessions[tenant]
        session = await sessions.load(agent_id)
        stepped = self._stepped_since(session, now)
        if session.due + stepped > now:
            return
        if session.state is State.TALKING and await self._lives(tenant, session):
            await sessions.apply(agent_id, Renew(session.conn_id), now)
            return
        outcome = await sessions.apply(agent_id, LeaseExpired(stepped), now)
        if outcome.events and (session.state in MENDED or outcome.session.reason == ACW_EXPIRED):
            self.repaired(tenant, session)

    def _look_at_clock(self, now: float) -> None:
        """A clock that was set neither ends what has just begun nor makes it last for hours."""
        if stepped := self._clock.stepped():
            self._stepped, self._before = stepped, now - stepped
            self._ctx.log.warning("clock_stepped", seconds=round(stepped, 3))

    def _stepped_since(self, session: AgentSession, now: float) -> float:
        """Seconds by which the clock was set since the agent's state began."""
        before = session.since <= self._before if self._stepped > 0 else session.since > now
        return self._stepped if before else 0.0

    async def compare(self, tenant: str) -> None:
        """Release agents whose call is gone, when it is found missing twice in a row."""
        sessions = self._sessions[tenant]
        missing: set[tuple[str, str, str]] = set()
        for agent_id in await sessions.transient():
            session = await sessions.load(agent_id)
            if session.state not in (State.RINGING, State.TALKING):
                continue
            if not await self._lives(tenant, session):
                missing.add((tenant, agent_id, session.conn_id))
        for each in missing & self._missing:
            outcome = await sessions.apply(each[1], Release(each[2]), self._ctx.now())
            if outcome.events:
                self.repaired(tenant, outcome.session)
        self._missing = {each for each in self._missing if each[0] != tenant} | missing
        self._logged_in.labels(tenant).set(await sessions.count_logged_in())

    async def _lives(self, tenant: str, session: AgentSession) -> bool:
        """Whether the call is there, and the agent's device has a dialog in it."""
        valkey = self._ctx.valkey.using("voice-37")
        snapshot = await valkey.call("GET", call_key(tenant, session.conn_id))
        if not snapshot:
            return bool(await valkey.call("SISMEMBER", calls_key(tenant), session.conn_id))
        return read_dialogs(snapshot).concerns(session.agent_id, session.dn)

    def repaired(self, tenant: str, session: AgentSession) -> None:
        self.repairs.labels(tenant, session.state.value).inc()
        self._ctx.log.warning("agent_repaired", agent=session.agent_id, state=session.state.value)


def read_dialogs(snapshot: bytes) -> CallDialogs:
    """Who has a dialog in a call."""
    try:
        return msgspec.json.decode(snapshot, type=CallDialogs)
    except msgspec.MsgspecError:
        return CallDialogs()
