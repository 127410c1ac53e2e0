"""Agents' requests, from HTTP and from Kafka: log in, log out, ready, not ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ringback.contracts.reservation import AgentSessions, DnTaken
from ringback.contracts.telephony import (
    AgentRequest,
    RequestAgentLogin,
    RequestAgentLogout,
    RequestAgentNotReady,
    RequestAgentReady,
    RequestDistributeUserEvent,
    RequestPrivateService,
    RequestReply,
)
from ringback.domain.agents import NotAllowed, State
from ringback.domain.agents.session import Happening, Logout, NotReady, Ready
from ringback.runtime.http import HttpError
from ringback.services.agent_state import messages
from ringback.services.agent_state.people import People

if TYPE_CHECKING:
    from ringback.runtime.context import Context

AUTO_IN = "AutoIn"
_REMEMBER_S = 3600


class AgentRequests:
    """Carries out requests. Refusals are HttpErrors: 404 unknown agent, 409 wrong state or DN taken."""

    def __init__(self, ctx: Context, sessions: dict[str, AgentSessions], people: People) -> None:
        self._ctx = ctx
        self._sessions = sessions
        self._people = people

    async def perform(self, request: AgentRequest) -> RequestReply:
        """Do what is asked, once for each idempotency key."""
        sessions = self._sessions.get(request.tenant)
        if sessions is None:
            raise HttpError(404, "unknown_tenant", "no such tenant is served here")
        key = f"{{{request.tenant}}}:agent-request:{request.idempotency_key}"
        valkey = self._ctx.valkey.using("voice-37")
        if request.idempotency_key and (known := await valkey.call("GET", key)):
            return msgspec.json.decode(known, type=RequestReply)
        try:
            await self._apply(sessions, request)
        except NotAllowed as error:
            raise HttpError(409, "wrong_state", str(error)) from None
        except DnTaken as error:
            raise HttpError(409, "dn_taken", f"another agent is logged in at {error}") from None
        reply = RequestReply(reference_id=request.reference_id, node=self._ctx.node)
        if request.idempotency_key:
            await valkey.call("SET", key, msgspec.json.encode(reply), "EX", _REMEMBER_S)
        return reply

    async def _apply(self, sessions: AgentSessions, request: AgentRequest) -> None:
        if isinstance(request, RequestAgentLogin):
            await self._login(sessions, request)
            return
        person = await self._people.find(request.tenant, request.agent_id)
        agent_id = person.id if person else request.agent_id
        valkey, now = self._ctx.valkey.using("voice-37"), self._ctx.now()
        if isinstance(request, RequestDistributeUserEvent):
            await messages.distribute(valkey, request, await sessions.load(agent_id), now)
            return
        if isinstance(request, RequestPrivateService):
            await messages.answer(valkey, request, await sessions.load(agent_id), now)
            return
        await sessions.apply(agent_id, _happening(request), self._ctx.now())

    async def _login(self, sessions: AgentSessions, request: RequestAgentLogin) -> None:
        person = await self._people.find(request.tenant, request.agent_id)
        if person is None:
            raise HttpError(404, "unknown_agent", "no such agent, or the agent is disabled")
        session = await sessions.load(person.id)
        dn = request.this_dn or person.dn
        if session.state is not State.LOGGED_OUT and session.dn == dn:
            return
        ready = request.agent_work_mode == AUTO_IN
        login = await self._people.login(request.tenant, person, dn, ready=ready)
        await sessions.apply(person.id, login, self._ctx.now())


def _happening(request: RequestAgentLogout | RequestAgentReady | RequestAgentNotReady) -> Happening:
    if isinstance(request, RequestAgentLogout):
        return Logout()
    if isinstance(request, RequestAgentReady):
        return Ready()
    return NotReady(request.reason_code)
