"""What the platform says to an agent's desktop, and what the desktop answers.

EventUserEvent goes to the stream of agent events, where desktops listen, with what is sent as extensions.
An answer comes by RequestPrivateService and goes, as EventPrivateInfo, to the stream of private answers,
where the session that asked reads it. Only the agent who is reserved for that session may answer.
"""

from __future__ import annotations

from ringback.contracts.events import AgentEvent, agents_stream, private_stream
from ringback.contracts.telephony import RequestDistributeUserEvent, RequestPrivateService
from ringback.domain.agents import AgentSession
from ringback.runtime.http import HttpError
from ringback.runtime.streams import append
from ringback.runtime.valkey import Commands


async def distribute(
    valkey: Commands, request: RequestDistributeUserEvent, session: AgentSession, now: float
) -> None:
    """Tell the agent's desktop. The event says nothing new about the agent: its sequence is as before."""
    event = _event("EventUserEvent", request.tenant, session, now, request.reference_id, request.user_data)
    await append(valkey, agents_stream(request.tenant), event)


async def answer(valkey: Commands, request: RequestPrivateService, session: AgentSession, now: float) -> None:
    """Hand an answer on to the session that asked. HttpError 409 when the agent is not reserved for it."""
    asker = request.reference_id.rpartition(":")[0]
    if not asker or not session.reservation.startswith(f"{asker}:"):
        raise HttpError(409, "not_asked", "this agent is not reserved for what the answer is about")
    extensions = {"Service": request.service, **request.user_data}
    event = _event("EventPrivateInfo", request.tenant, session, now, request.reference_id, extensions)
    await append(valkey, private_stream(request.tenant), event)


def _event(
    name: str, tenant: str, session: AgentSession, now: float, reference: str, extensions: dict[str, object]
) -> AgentEvent:
    return AgentEvent(
        id=name,
        time=now,
        tenant=tenant,
        agent_id=session.agent_id,
        this_dn=session.dn,
        state=session.state.value,
        since=session.since,
        reservation_id=session.reservation,
        interaction_id=session.interaction,
        sequence=session.version,
        reference_id=reference,
        extensions=extensions,
    )
