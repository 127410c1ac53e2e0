"""Wiring of the agent_state service."""

from ringback.contracts.reservation import AgentSessions
from ringback.domain.agents import Leases
from ringback.runtime.context import Context
from ringback.runtime.service import Service
from ringback.services.agent_state.consumers import Followers
from ringback.services.agent_state.device_sweep import DeviceSweep
from ringback.services.agent_state.http import AgentStateHttp
from ringback.services.agent_state.people import People
from ringback.services.agent_state.reconciler import Reconciler
from ringback.services.agent_state.requests import AgentRequests
from ringback.services.agent_state.settings import AgentStateSettings


class AgentStateService(Service):
    """Listens on HTTP 9102; follows calls, devices and configuration."""

    name = "agent_state"
    settings_type = AgentStateSettings

    def __init__(self, ctx: Context, settings: AgentStateSettings) -> None:
        super().__init__(ctx, settings)
        leases = Leases(settings.ringing_lease_s, settings.talking_lease_s, settings.acw_lease_s)
        valkey = ctx.valkey.using("voice-37")
        tenants = ctx.common.tenants
        self.sessions = {name: AgentSessions(valkey, name, leases, remember=True) for name in tenants}
        people = People(ctx, settings)
        requests = AgentRequests(ctx, self.sessions, people)
        self._followers = Followers(ctx, self.sessions, people, requests)
        self.reconciler = Reconciler(ctx, self.sessions, settings)
        self.device_sweep = DeviceSweep(ctx, self.sessions, self.reconciler, settings)
        self._http = AgentStateHttp(ctx, self.sessions, requests)

    async def start(self) -> None:
        """Follow first, then listen."""
        self._followers.start()
        self.reconciler.start()
        self.device_sweep.start()
        await self._http.server.start()

    async def stop(self) -> None:
        """Close the listener."""
        await self._http.server.stop()
