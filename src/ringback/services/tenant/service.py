"""Wiring of the tenant service: configuration, routing, wait times, statistics, telephony, campaigns."""

from collections.abc import Callable
from functools import partial

from prometheus_client import Counter, Gauge

from ringback.contracts.configuration import ConfigClient
from ringback.contracts.rq import RequestTold, tenant_of
from ringback.runtime.context import Context
from ringback.runtime.link import LinkClient, LinkServer
from ringback.runtime.link_session import MAX_LONG_LINE
from ringback.runtime.service import Service
from ringback.services.tenant.at_leader import presence
from ringback.services.tenant.campaigns.wiring import Campaigns
from ringback.services.tenant.configuration import ConfigurationStore
from ringback.services.tenant.configuration_link import ConfigurationLink
from ringback.services.tenant.decisions import DecisionPages
from ringback.services.tenant.figure_metrics import FigureMetrics
from ringback.services.tenant.figures import Figures
from ringback.services.tenant.http import RoutingHttp
from ringback.services.tenant.interactions import REQUEST as INTERACTION_STATUS
from ringback.services.tenant.interactions import Interactions
from ringback.services.tenant.leader import Leader
from ringback.services.tenant.promise_metrics import PromiseMetrics
from ringback.services.tenant.settings import TenantSettings
from ringback.services.tenant.statistics import StatisticsLink
from ringback.services.tenant.telephony import TelephonyLink
from ringback.services.tenant.wait_times import WaitTimes, queue_view


class TenantService(Service):
    """Listens on HTTP 5580 and 5581 and on the links 8888, 8000, 2060 and 5050."""

    name = "tenant"
    settings_type = TenantSettings
    needs_postgres = True

    def __init__(self, ctx: Context, settings: TenantSettings) -> None:
        super().__init__(ctx, settings)
        tenants = ctx.common.tenants
        self.rq = LinkClient(ctx, "rq", "link", connection="voice-16")
        config = ConfigClient(ctx, "voice-26")
        self.leaders = {name: Leader(ctx, name, settings, self.rq, config) for name in tenants}
        self.stores = {name: ConfigurationStore(ctx, name) for name in tenants}
        self._config_server = LinkServer(ctx, "config", max_line=MAX_LONG_LINE)
        self._configuration = ConfigurationLink(ctx, self._config_server, self.stores)
        self._wait_times = WaitTimes(ctx, self.leaders)
        self.figures = {name: Figures(ctx, name, config, self._outside(name)) for name in tenants}
        self._http = RoutingHttp(ctx, self.leaders, self.rq, self.figures)
        self._telephony = TelephonyLink(ctx, config)
        self._statistics = StatisticsLink(ctx, self.leaders, self.figures)
        DecisionPages(ctx, self._http.server)
        self._interactions = Interactions(ctx, settings, self.leaders)
        self._telephony.tool(INTERACTION_STATUS, self._interactions.status)
        self._campaigns = Campaigns(ctx, settings, self.stores, self.leaders, self.figures, self._http.server)
        self._telephony.on_user_event = self._campaigns.desktop
        self._presence = presence(ctx)
        self._describe()

    async def start(self) -> None:
        """Publish the configuration, stand for the routing, listen."""
        for store in self.stores.values():
            store.start()
        self._configuration.start()
        self.rq.on("request", self._on_request, RequestTold)
        self.rq.on_connect(self._subscribe)
        await self.rq.start()
        for leader in self.leaders.values():
            leader.start()
        for figures in self.figures.values():
            figures.start()
        self._interactions.start()
        await self._config_server.start()
        await self._wait_times.server.start()
        await self._http.server.start()
        await self._telephony.start()
        await self._statistics.start()
        await self._campaigns.start()
        await self._presence.begin()

    async def stop(self) -> None:
        """Give the lead up and close the listeners."""
        for leader in self.leaders.values():
            await leader.resign()
        await self._presence.leave()
        await self._campaigns.stop()
        await self._statistics.server.stop()
        await self._telephony.server.stop()
        await self._http.server.stop()
        await self._wait_times.server.stop()
        await self._config_server.stop()

    def checks(self) -> dict[str, bool]:
        """The request queue is there, the configuration has been published once, and somebody routes."""
        published = all(store.published for store in self.stores.values())
        routing = all(leader.settled for leader in self.leaders.values())
        return {"rq": self.rq.connected, "configuration": published, "routing": routing}

    def _outside(self, tenant: str) -> Callable[[str, str], float | None]:
        """What the router knows of a queue; None while this node does not route, or cannot tell."""

        def told(vq: str, name: str) -> float | None:
            if name in ("records", "idle"):
                return self._campaigns.told(tenant, vq, name)
            router = self.leaders[tenant].router
            if router is None or vq not in router.core.queues:
                return None
            view = queue_view(router, vq, self.ctx.now())
            found = {"wait": view.ewt, "logged_in": view.agents_logged_in, "ready": view.agents_ready}[name]
            return None if found < 0 else float(found)

        return told

    async def _subscribe(self) -> None:
        for leader in self.leaders.values():
            await leader.subscribe()

    async def _on_request(self, told: RequestTold) -> None:
        leader = self.leaders.get(told.tenant or tenant_of(told.request))
        if leader is not None and leader.feeder is not None:
            leader.feeder.request(told)

    def _describe(self) -> None:
        registry = self.ctx.metrics
        state = Gauge("tenant_rq_client_state", "2 connected, 0 not", registry=registry)
        state.set_function(lambda: 2.0 if self.rq.connected else 0.0)
        clients = Gauge("tenant_cs_clients", "Clients of the configuration's link", registry=registry)
        clients.set_function(lambda: float(len(self._config_server.sessions)))
        leading = Gauge("tenant_routing_leader", "1 while this node routes", ["tenant"], registry=registry)
        waiting = Gauge("tenant_interactions", "Interactions in queues", ["tenant"], registry=registry)
        vanished = Counter(
            "tenant_reserved_phones_vanished",
            "Reserved agents whose phone went out of service",
            ["tenant"],
            registry=registry,
        )
        registry.register(FigureMetrics(self.figures))
        registry.register(PromiseMetrics({name: each.experience for name, each in self.leaders.items()}))
        for name, leader in self.leaders.items():
            leader.on_vanished = vanished.labels(name).inc
            leader.on_entries = self.figures[name].tell
            leader.on_lead = self.figures[name].beside_router
            leading.labels(name).set_function(partial(_leads, leader))
            waiting.labels(name).set_function(partial(_in_queues, leader))


def _leads(leader: Leader) -> float:
    return float(leader.router is not None)


def _in_queues(leader: Leader) -> float:
    return float(len(leader.router.book)) if leader.router else 0.0
