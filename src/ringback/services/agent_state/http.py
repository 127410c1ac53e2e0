"""HTTP 9102: agents' requests and views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringback.contracts.reservation import AgentSessions
from ringback.contracts.telephony import AgentRequest
from ringback.contracts.views import AgentView
from ringback.domain.agents import AgentSession, status
from ringback.runtime.http import HttpError, HttpRequest, HttpResponse, HttpServer
from ringback.services.agent_state.requests import AgentRequests

if TYPE_CHECKING:
    from ringback.runtime.context import Context


class AgentStateHttp:
    """The routes of the service."""

    def __init__(self, ctx: Context, sessions: dict[str, AgentSessions], requests: AgentRequests) -> None:
        self.server = HttpServer(ctx)
        self._sessions = sessions
        self._requests = requests
        self.server.route("POST", "/requests", self._perform)
        self.server.route("GET", "/agents/{tenant}", self._list)
        self.server.route("GET", "/agents/{tenant}/{agent}", self._one)

    async def _perform(self, request: HttpRequest) -> HttpResponse:
        wanted: AgentRequest = request.decode(AgentRequest)  # type: ignore[arg-type]
        return HttpResponse(await self._requests.perform(wanted), status=202)

    async def _list(self, request: HttpRequest) -> list[AgentView]:
        tenant = request.path_param("tenant")
        found = await self._of(tenant).all()
        return [_view(tenant, session) for session in sorted(found, key=lambda one: one.agent_id)]

    async def _one(self, request: HttpRequest) -> AgentView:
        tenant = request.path_param("tenant")
        session = await self._of(tenant).load(request.path_param("agent"))
        if session.version == 0:
            raise HttpError(404, "unknown_agent", "no such agent has ever logged in")
        return _view(tenant, session)

    def _of(self, tenant: str) -> AgentSessions:
        try:
            return self._sessions[tenant]
        except KeyError:
            raise HttpError(404, "unknown_tenant", "no such tenant is served here") from None


def _view(tenant: str, session: AgentSession) -> AgentView:
    return AgentView(
        tenant=tenant,
        agent_id=session.agent_id,
        state=session.state.value,
        since=session.since,
        dn=session.dn,
        reason=session.reason,
        interaction_id=session.interaction,
        conn_id=session.conn_id,
        lease_until=session.lease_until,
        status=status(session).name,
        queues=session.queues,
        place=session.place,
        dnd=session.dnd,
        work_mode=session.work_mode,
        auto_answer=session.policy.auto_answer,
        groups=session.groups,
    )
