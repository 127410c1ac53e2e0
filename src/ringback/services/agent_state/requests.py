"""Agents' requests, from HTTP and from Kafka: log in, log out, ready, not ready, and what they set on their
phones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ringback.contracts.reservation import AgentSessions, DnTaken
from ringback.contracts.telephony import (
    AgentRequest,
    DeviceRequest,
    RequestAgentLogin,
    RequestAgentLogout,
    RequestAgentNotReady,
    RequestAgentReady,
    RequestDistributeUserEvent,
    RequestPrivateService,
    RequestReply,
)
from ringback.domain.agents import UNTIMED, AgentSession, NotAllowed, State
from ringback.domain.agents.session import (
    AfterCallWork,
    Happening,
    Logout,
    NotReady,
    QueueLogin,
    QueueLogout,
    Ready,
    SetDnd,
)
from ringback.runtime.http import HttpError
from ringback.services.agent_state import messages
from ringback.services.agent_state.devices import Devices
from ringback.services.agent_state.people import People

if TYPE_CHECKING:
    from ringback.runtime.context import Context

AUTO_IN, AFTER_CALL_WORK = "AutoIn", "AfterCallWork"
_LONGEST = 100
_REMEMBER_S = 3600


class AgentRequests:
    """Carries out requests. Refusals are HttpErrors: 404 unknown agent, 409 wrong state or DN taken."""

    def __init__(self, ctx: Context, sessions: dict[str, AgentSessions], people: People) -> None:
        self._ctx = ctx
        self._sessions = sessions
        self._people = people
        self.devices = Devices(ctx, people)

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
        if isinstance(request, DeviceRequest):
            await self.devices.perform(sessions, request)
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
        dn, queues = await self._dn(request, person.dn), _queues(request)
        if session.state is not State.LOGGED_OUT and session.dn == dn:
            await self._more_queues(sessions, session, queues)
            return
        ready = request.agent_work_mode == AUTO_IN
        login = await self._people.login(
            request.tenant, person, dn, ready=ready, place=request.place, queues=queues
        )
        await sessions.apply(person.id, login, self._ctx.now())
        if await self.devices.dnd(request.tenant, dn):
            await sessions.apply(person.id, SetDnd(on=True), self._ctx.now())

    async def _dn(self, request: RequestAgentLogin, own: str) -> str:
        """The device of a login: the one that is named, that of the place, or the agent's own."""
        if request.this_dn:
            return request.this_dn
        if not request.place:
            if own:
                return own
            raise HttpError(422, "no_dn", "name a device or a place: this agent has no phone of their own")
        place = await self._people.place(request.tenant, request.place)
        if place is None:
            raise HttpError(404, "unknown_place", "there is no such place")
        return place.dn

    async def _more_queues(
        self, sessions: AgentSessions, session: AgentSession, queues: tuple[str, ...]
    ) -> None:
        if len({*session.queues, *queues}) > _LONGEST:
            raise HttpError(422, "too_many_queues", f"an agent works for {_LONGEST} queues at most")
        for queue in queues:
            await sessions.apply(session.agent_id, QueueLogin(queue), self._ctx.now())


def _queues(request: RequestAgentLogin) -> tuple[str, ...]:
    queues = tuple(dict.fromkeys(each for each in (request.this_queue, *request.queues) if each))
    if len(queues) > _LONGEST or any(len(each) > _LONGEST for each in queues):
        raise HttpError(422, "too_many_queues", f"an agent works for {_LONGEST} queues at most")
    return queues


def _happening(request: RequestAgentLogout | RequestAgentReady | RequestAgentNotReady) -> Happening:
    if isinstance(request, RequestAgentLogout):
        return QueueLogout(request.this_queue) if request.this_queue else Logout()
    if isinstance(request, RequestAgentReady):
        return Ready()
    if request.agent_work_mode != AFTER_CALL_WORK:
        return NotReady(request.reason_code)
    if request.wrap_up_time < 0:
        raise HttpError(422, "wrong_time", "WrapUpTime is not below 0 seconds")
    return AfterCallWork(request.wrap_up_time or UNTIMED)
