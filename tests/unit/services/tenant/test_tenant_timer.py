"""The router's timer on the loop that services run on."""

import uvloop

from ringback.contracts.reservation import AgentSessions
from ringback.domain.routing.timers import LOOK
from ringback.runtime.context import Context, Process
from ringback.runtime.link import LinkClient
from ringback.runtime.settings import CommonSettings
from ringback.services.tenant.router import TenantRouter
from ringback.services.tenant.settings import TenantSettings


def test_a_timer_that_is_due_at_once_can_be_set_again() -> None:
    async def armed_twice() -> None:
        ctx = Context(Process(CommonSettings(), env={}), "tenant")
        sessions = AgentSessions(ctx.valkey, "demo")
        router = TenantRouter(ctx, "demo", TenantSettings(), LinkClient(ctx, "rq", "link"), sessions, 0)
        router.core.held.timers.add((0.0, LOOK, ""))
        router._loading = False
        router._arm()
        first = router._timer
        router._arm()
        assert router._timer is first
        router.close()

    uvloop.run(armed_twice())
