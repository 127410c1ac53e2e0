"""What users set on their devices: do not disturb, call forwarding. Written here, read by the dial plan."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from ringback.contracts.dialplan import dn_states_key
from ringback.contracts.events import DnEvent, dns_stream
from ringback.contracts.reservation import AgentSessions
from ringback.contracts.telephony import (
    DeviceRequest,
    RequestCallForwardCancel,
    RequestCallForwardSet,
    RequestSetDNDOff,
    RequestSetDNDOn,
)
from ringback.domain.agents.session import SetDnd
from ringback.domain.dialplan import DnState
from ringback.runtime.http import HttpError
from ringback.runtime.streams import MAXLEN
from ringback.runtime.valkey import Script
from ringback.services.agent_state.people import People

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_NUMBER = re.compile(r"[0-9*#+]{1,32}")
_TRIES = 5

# KEYS: states, stream. ARGV: DN, state as it was (empty: none), state, event (empty: none), MAXLEN.
_SET = Script(
    """
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
if ARGV[4] ~= '' then redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], '*', 'e', ARGV[4]) end
return 1
"""
)


class Devices:
    """The devices of all tenants. A state and its event are stored together, or not at all."""

    def __init__(self, ctx: Context, people: People) -> None:
        self._ctx = ctx
        self._people = people
        self._valkey = ctx.valkey.using("voice-37")

    async def perform(self, sessions: AgentSessions, request: DeviceRequest) -> None:
        """Do what is asked. HttpError 404 for what is no extension, 422 for a number that is none."""
        dn = request.this_dn or (await sessions.load(request.agent_id)).dn
        if not dn or await self._people.extension(sessions.tenant, dn) is None:
            raise HttpError(404, "unknown_dn", "this is no extension of the tenant")
        if isinstance(request, RequestSetDNDOn | RequestSetDNDOff):
            await self._disturb(sessions, dn, isinstance(request, RequestSetDNDOn))
        else:
            await self._forward(sessions.tenant, dn, request)

    async def dnd(self, tenant: str, dn: str) -> bool:
        """Whether nothing is to ring at a device."""
        state, _ = await self._read(tenant, dn)
        if state.dnd is not None:
            return state.dnd
        extension = await self._people.extension(tenant, dn)
        return bool(extension and extension.dnd)

    async def sits(self, tenant: str, dn: str, *, auto_answer: bool) -> None:
        """Somebody has logged in at a device, or nobody sits there any more: whether it answers by itself."""
        await self._write(tenant, dn, {"auto_answer": auto_answer}, "")

    async def _disturb(self, sessions: AgentSessions, dn: str, on: bool) -> None:
        agent = await sessions.at_dn(dn)
        event = "" if agent else "EventDNDOn" if on else "EventDNDOff"
        await self._write(sessions.tenant, dn, {"dnd": on}, event)
        if agent:  # the agent's session says it, with the agent's name
            await sessions.apply(agent, SetDnd(on), self._ctx.now())

    async def _forward(
        self, tenant: str, dn: str, request: RequestCallForwardSet | RequestCallForwardCancel
    ) -> None:
        if isinstance(request, RequestCallForwardCancel):
            # An empty target, not none: the configuration may have one that is cancelled by it.
            await self._write(tenant, dn, {"forward_to": ""}, "EventForwardCancel")
            return
        if not _NUMBER.fullmatch(request.other_dn) or request.other_dn == dn:
            raise HttpError(422, "wrong_number", "calls can be forwarded to another number only")
        await self._write(tenant, dn, {"forward_to": request.other_dn}, "EventForwardSet", request.other_dn)

    async def _read(self, tenant: str, dn: str) -> tuple[DnState, bytes]:
        kept: bytes = await self._valkey.call("HGET", dn_states_key(tenant), dn) or b""
        return (msgspec.json.decode(kept, type=DnState) if kept else DnState()), kept

    async def _write(
        self, tenant: str, dn: str, fields: dict[str, object], event: str, other_dn: str = ""
    ) -> None:
        """Change a state, unless it is so already."""
        keys = [dn_states_key(tenant), dns_stream(tenant)]
        for _ in range(_TRIES):
            before, kept = await self._read(tenant, dn)
            after = msgspec.structs.replace(before, **fields)
            if after == before:
                return
            said = DnEvent(id=event, time=self._ctx.now(), tenant=tenant, this_dn=dn, other_dn=other_dn)
            args = (dn, kept, msgspec.json.encode(after), msgspec.json.encode(said) if event else "", MAXLEN)
            if await self._valkey.script(_SET, keys, args):
                return
        raise HttpError(503, "busy", "others change this device at the same time", {"Retry-After": "1"})
