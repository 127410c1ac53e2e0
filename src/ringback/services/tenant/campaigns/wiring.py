"""The room of campaigns in the tenant service."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

from ringback.services.tenant.campaigns.asking import Asking
from ringback.services.tenant.campaigns.attempts import Attempts
from ringback.services.tenant.campaigns.customers import CustomersHttp
from ringback.services.tenant.campaigns.definitions import Definitions
from ringback.services.tenant.campaigns.desk import Room
from ringback.services.tenant.campaigns.dialler import Dialler
from ringback.services.tenant.campaigns.http import CampaignsHttp
from ringback.services.tenant.campaigns.learning import Learning
from ringback.services.tenant.campaigns.link import CampaignsLink
from ringback.services.tenant.campaigns.outcomes import OutcomeDesk, asked_by_desktop
from ringback.services.tenant.campaigns.preview import Preview
from ringback.services.tenant.campaigns.promises import Promises
from ringback.services.tenant.campaigns.store import Store
from ringback.services.tenant.campaigns.telling import Telling

if TYPE_CHECKING:
    from ringback.contracts.telephony import RequestDistributeUserEvent
    from ringback.runtime.context import Context
    from ringback.runtime.http import HttpServer
    from ringback.services.tenant.configuration import ConfigurationStore
    from ringback.services.tenant.figures import Figures
    from ringback.services.tenant.leader import Leader
    from ringback.services.tenant.settings import TenantSettings


class Campaigns:
    """All tenants' campaigns: the link, the dialling, the events."""

    def __init__(
        self,
        ctx: Context,
        settings: TenantSettings,
        stores: dict[str, ConfigurationStore],
        leaders: dict[str, Leader],
        figures: dict[str, Figures],
        server: HttpServer,
    ) -> None:
        self._telling = Telling(ctx)
        results = Counter(
            "tenant_campaign_attempts",
            "Dials of campaigns that are over, by result",
            ["tenant", "result"],
            registry=ctx.metrics,
        )
        running = Gauge("tenant_campaigns_running", "Campaigns that dial", ["tenant"], registry=ctx.metrics)
        self.rooms: dict[str, Room] = {}
        for tenant, leader in leaders.items():
            store, definitions = Store(ctx, tenant, self._telling.wake), Definitions(stores[tenant])
            attempts = Attempts(ctx, store, results)
            asking = Asking(ctx, store, attempts)
            days = settings.campaign_attempts_days
            learning = Learning(ctx, figures[tenant].after_calls)
            dialler = Dialler(ctx, store, definitions, leader, attempts, asking, learning, days)
            running.labels(tenant).set_function(partial(_running, dialler))
            preview = Preview(ctx, store, definitions, attempts, asking)
            outcomes, promises = OutcomeDesk(ctx, store, definitions, attempts), Promises(ctx, store, leader)
            self.rooms[tenant] = Room(store, definitions, dialler, preview, outcomes, promises)
        self.link = CampaignsLink(ctx, self.rooms)
        CampaignsHttp(ctx, server, self.rooms, leaders)
        CustomersHttp(server, self.rooms)

    async def start(self) -> None:
        """Listen, and go on where it was left."""
        self._telling.start()
        for room in self.rooms.values():
            room.dialler.start()
            room.promises.start()
        await self.link.start()

    def told(self, tenant: str, campaign: str, name: str) -> float | None:
        """`records` that are left, or agents who are `idle`; None unless this node dials the campaign."""
        dialler = self.rooms[tenant].dialler
        if name == "records":
            return dialler.left.get(campaign)
        look = dialler.looks.get(campaign)
        return None if look is None else float(look.idle)

    async def desktop(self, request: RequestDistributeUserEvent) -> bool:
        """Take what an agent's desktop says of a record; False: it says nothing of that. LinkError."""
        wanted = asked_by_desktop(request)
        if wanted is None:
            return False
        await self.rooms[wanted.tenant].enter(wanted)
        return True

    async def stop(self) -> None:
        """Close the listener."""
        await self.link.server.stop()


def _running(dialler: Dialler) -> float:
    return float(dialler.running)
