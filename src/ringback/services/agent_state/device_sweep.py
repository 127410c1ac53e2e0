"""Agents against what is at their devices: phones that are gone, calls that nobody reported.

What the events say is believed; this looks, now and then, for what they did not say. A difference counts when
it is found twice in a row, so that an event on its way is not overtaken.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ringback.contracts.calls import call_key, calls_key
from ringback.contracts.reservation import AgentSessions, Contended, agent_dns_key
from ringback.contracts.sip import bindings_key
from ringback.domain.agents import AgentSession, State
from ringback.domain.agents.session import Answer, DnOutOfService, Happening
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable
from ringback.services.agent_state.reconciler import Reconciler, read_dialogs

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.agent_state.settings import AgentStateSettings

_AT_REST = frozenset({State.READY, State.NOT_READY})
_PAGE = 200


class DeviceSweep:
    """Looks at every agent who is logged in, every `device_sweep_s` seconds."""

    def __init__(
        self,
        ctx: Context,
        sessions: dict[str, AgentSessions],
        reconciler: Reconciler,
        settings: AgentStateSettings,
    ) -> None:
        self._valkey = ctx.valkey.using("voice-37")
        self._ctx = ctx
        self._sessions = sessions
        self._reconciler = reconciler
        self._settings = settings
        self._found: dict[str, frozenset[tuple[str, Happening]]] = {}

    def start(self) -> None:
        """Begin to look."""
        self._ctx.spawn(self._watch(), "compare-with-devices")

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._settings.device_sweep_s)
            for tenant in self._sessions:
                try:
                    await self.compare(tenant)
                except (ValkeyUnavailable, ValkeyError, Contended) as error:
                    self._ctx.log.warning("device_sweep_waits", error=str(error))

    async def compare(self, tenant: str) -> None:
        """Repair what was found the last time and is so still."""
        rows = await self._valkey.call("HGETALL", agent_dns_key(tenant))
        at = {dn.decode(): agent.decode() for dn, agent in zip(rows[::2], rows[1::2], strict=True)}
        calls = await self._calls(tenant, at)
        gone = await self._without_phone(tenant, list(at))
        found = frozenset(
            [(at[dn], DnOutOfService(dn)) for dn in gone]
            + [(at[dn], Answer(conn_id)) for dn, conn_id in calls.items()]
        )
        stands = set()
        for agent_id, happening in found:
            session = await self._sessions[tenant].load(agent_id)
            if _differs(session, happening):
                stands.add((agent_id, happening))
        for agent_id, happening in stands & self._found.get(tenant, frozenset()):
            outcome = await self._sessions[tenant].apply(agent_id, happening, self._ctx.now())
            if outcome.events:
                self._reconciler.repaired(tenant, outcome.session)
        self._found[tenant] = frozenset(stands)

    async def _calls(self, tenant: str, at: dict[str, str]) -> dict[str, str]:
        """The agents' devices that are talking, and in which call."""
        names = [name.decode() for name in await self._valkey.call("SMEMBERS", calls_key(tenant))]
        talking: dict[str, str] = {}
        for start in range(0, len(names), _PAGE):
            page = names[start : start + _PAGE]
            snapshots = await self._valkey.call("MGET", *(call_key(tenant, name) for name in page))
            for conn_id, snapshot in zip(page, snapshots, strict=True):
                for dn in read_dialogs(snapshot).talking if snapshot else ():
                    if dn in at:
                        talking[dn] = conn_id
        return talking

    async def _without_phone(self, tenant: str, dns: list[str]) -> list[str]:
        """The devices at which no phone is registered."""
        gone: list[str] = []
        for start in range(0, len(dns), _PAGE):
            page = dns[start : start + _PAGE]
            there = await asyncio.gather(
                *(self._valkey.call("EXISTS", bindings_key(tenant, dn)) for dn in page)
            )
            gone += [dn for dn, known in zip(page, there, strict=True) if not known]
        return gone


def _differs(session: AgentSession, happening: Happening) -> bool:
    """Whether the session says otherwise. Only who is logged in by the phone is held to have one."""
    if session.state not in _AT_REST:
        return False
    if isinstance(happening, DnOutOfService):
        return session.policy.auto_login and session.state is State.READY
    return True
