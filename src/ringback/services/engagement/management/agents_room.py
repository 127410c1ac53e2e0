"""Agents for supervisors: who is there, and the way out for one who has forgotten to leave."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import msgspec
from msgspec import Meta

from ringback.contracts.telephony import (
    AgentRequest,
    RequestAgentLogout,
    RequestAgentNotReady,
    RequestAgentReady,
)
from ringback.contracts.views import AgentView
from ringback.domain.permissions import Action
from ringback.runtime.http import HttpClient
from ringback.services.engagement.management.api import Call, Operation, in_path
from ringback.services.engagement.management.desks import Desks
from ringback.services.engagement.management.relaying import Relay
from ringback.services.engagement.store import moment

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_ID = in_path("id", "the agent's id")
_OURS = frozenset({404, 409, 422})
_OUT = "logged_out"


class AgentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One agent. state: logged_out, not_ready, ready, reserved, ringing, talking or acw, since `since`.

    reason: why not ready. status: what the agent is seen to do. conn_id: of the call that the agent has.
    groups: agent groups of the configuration.
    """

    id: str
    state: str
    since: datetime
    device: str
    reason: str
    status: str
    conn_id: str
    queues: list[str]
    groups: list[str]


class Away(msgspec.Struct, frozen=True, kw_only=True):
    """reason: what desktops and reports show."""

    reason: Annotated[str, Meta(max_length=64)] = ""


class AgentsRoom:
    """Handlers below `/api/v1/agents`."""

    def __init__(self, ctx: Context, desks: Desks) -> None:
        self._store = desks.store
        self._agents = Relay(HttpClient(ctx, "agent_state", timeout_s=5.0), "agent_state", _OURS)

    def operations(self) -> list[Operation]:
        """What can be done. A call under way is not cut: the change then holds when it has ended."""
        return [
            Operation(
                "GET",
                "agents",
                "listAgents",
                "The agents that are logged in.",
                self._list,
                Action.SEE_AGENTS,
                list[AgentRow],
            ),
            self._steering(
                "log-out",
                "logOutAgent",
                "Log an agent out; one with a call when that has ended.",
                lambda call, agent: RequestAgentLogout(tenant=call.tenant, agent_id=agent),
            ),
            self._steering(
                "ready",
                "makeAgentReady",
                "Make an agent ready, also out of after-call work.",
                lambda call, agent: RequestAgentReady(tenant=call.tenant, agent_id=agent),
            ),
            self._steering(
                "not-ready",
                "makeAgentNotReady",
                "Make an agent not ready; one with a call when that has ended.",
                lambda call, agent: RequestAgentNotReady(
                    tenant=call.tenant, agent_id=agent, reason_code=call.decode(Away).reason
                ),
                body=Away,
            ),
        ]

    def _steering(
        self,
        word: str,
        name: str,
        about: str,
        request: Callable[[Call, str], AgentRequest],
        body: Any = None,
    ) -> Operation:
        async def steer(call: Call) -> AgentRow:
            agent = call.part("id")
            wanted = request(call, agent)
            before = await self._one(call, agent)
            async with self._store.transaction() as session:
                await call.note(session, f"agent.{word}", agent, before, wanted)
                # Refused: nothing was changed, nothing is noted.
                await self._agents.ask("POST", "/requests", wanted, Any)
            return await self._one(call, agent)

        return Operation(
            "POST",
            f"agents/{{id}}/{word}",
            name,
            about,
            steer,
            Action.STEER_AGENTS,
            AgentRow,
            body=body,
            parameters=(_ID,),
            refusals=(400, 404, 409),
        )

    async def _list(self, call: Call) -> list[AgentRow]:
        views = await self._agents.ask("GET", f"/agents/{quote(call.tenant, safe='')}", None, list[AgentView])
        return sorted((_row(view) for view in views if view.state != _OUT), key=lambda row: row.id)

    async def _one(self, call: Call, agent: str) -> AgentRow:
        path = f"/agents/{quote(call.tenant, safe='')}/{quote(agent, safe='')}"
        return _row(await self._agents.ask("GET", path, None, AgentView))


def _row(view: AgentView) -> AgentRow:
    return AgentRow(
        id=view.agent_id,
        state=view.state,
        since=moment(view.since),
        device=view.dn,
        reason=view.reason,
        status=view.status,
        conn_id=view.conn_id,
        queues=list(view.queues),
        groups=list(view.groups),
    )
