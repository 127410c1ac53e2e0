"""Wiring of a cluster node."""

import asyncio

from ringback.contracts.configuration import ConfigClient
from ringback.contracts.handover import PATH
from ringback.contracts.sip_trace import SipTracer
from ringback.contracts.telephony import ClusterNode
from ringback.runtime.addresses import bracketed
from ringback.runtime.context import Context
from ringback.runtime.http import HttpFailure, HttpUnavailable
from ringback.runtime.presence import Presence
from ringback.runtime.service import Service
from ringback.services.sip_cluster.audit import Audit
from ringback.services.sip_cluster.details import CallDetailsLink
from ringback.services.sip_cluster.driver import Driver
from ringback.services.sip_cluster.handover import Handover
from ringback.services.sip_cluster.incoming import Incoming
from ringback.services.sip_cluster.index import Index
from ringback.services.sip_cluster.live import LiveCall, SipLeg
from ringback.services.sip_cluster.metrics import ClusterMetrics
from ringback.services.sip_cluster.outgoing import Outgoing
from ringback.services.sip_cluster.questions import Questions
from ringback.services.sip_cluster.referring import Referrals
from ringback.services.sip_cluster.replacing import Replacing
from ringback.services.sip_cluster.requests import Requests
from ringback.services.sip_cluster.settings import SipClusterSettings
from ringback.services.sip_cluster.store import CallStore
from ringback.services.sip_cluster.takeover import Takeover
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.transport import Destination

KIND = "sip_cluster"
_DOMAINS_S = 10.0


class SipClusterService(Service):
    """SIP/TCP behind sip_proxy, and HTTP 11300 for requests."""

    name = "sip_cluster"
    settings_type = SipClusterSettings
    signalling = True

    def __init__(self, ctx: Context, settings: SipClusterSettings) -> None:
        super().__init__(ctx, settings)
        self._settings = settings
        self._config = ConfigClient(ctx, "voice-28")
        self._connections = ctx.connections
        self._metrics = ClusterMetrics(ctx.metrics, ctx.common.tenants)
        self._index = Index()
        self._index.on_new = self._index_dialog
        self._store = CallStore(
            ctx, ttl_s=settings.snapshot_ttl_s, idempotency_ttl_s=settings.idempotency_ttl_s
        )
        self._details = CallDetailsLink(ctx)
        self._driver = Driver(ctx, self._store.steps.save, self._metrics, self._details, Questions(ctx))
        self._takeover = Takeover(ctx, self._store, self._driver, self._index, self._metrics)
        self._incoming = Incoming(ctx, settings, self._driver, self._index, self._metrics, self._takeover)
        self._endpoint = SipEndpoint(
            self._incoming.request,
            user_agent="Ringback sip_cluster",
            trace=self._count,
            advertised_host=ctx.announced(0)[0],
        )
        self._outgoing = Outgoing(ctx, self._endpoint, self._driver, self._index, settings)
        handover = Handover(ctx, self._driver, self._index, self._store, self._takeover)
        self._connect(handover)
        self._audit = Audit(
            self._driver, self._outgoing, every_s=settings.audit_s, media_s=settings.media_audit_s
        )
        self._driver.opened = self._audit.watch
        self._requests = Requests(
            ctx, settings, self._driver, self._store, self._takeover, self._metrics, self._endpoint
        )
        self._requests.server.route("POST", PATH, handover.serve)
        self._metrics.calls.set_function(lambda: len(self._driver.calls))
        self._sip: tuple[str, int] = ("", 0)
        self._presence = self._found(settings.lease_s)

    def _connect(self, handover: Handover) -> None:
        """Tell the parts of each other."""
        outgoing, driver, takeover = self._outgoing, self._driver, self._takeover
        referrals = Referrals(self._endpoint, driver, self._index, outgoing.sessions, handover)
        self._incoming.early, self._incoming.sessions = outgoing.early, outgoing.sessions
        self._incoming.refer = referrals.refer
        self._incoming.replacing = Replacing(driver, self._index, takeover)
        driver.perform, driver.told, driver.forget = outgoing.perform, referrals.told, self._forget
        takeover.restored, takeover.resume = outgoing.sessions.resume, outgoing.resume
        self._endpoint.on_connection_lost = outgoing.connection_lost

    async def start(self) -> None:
        """Listen, then stand in the directory."""
        host, port = self.ctx.address(self.name, "sip")
        self._sip = await self._endpoint.listen_tcp(host, port)
        self.ctx.bound("sip", self._sip)
        self._store.steps.sent_by = self._endpoint.local_address("tcp", self._outgoing.proxy.host)
        await self._requests.server.start()
        await self._details.start()
        self._store.start()
        await self._read_domains()
        await self._takeover.adopt_own()
        await self._presence.begin()
        self.ctx.spawn(self._keep_domains(), "domains")
        SipTracer(self.ctx, self._endpoint, kin=self._names).start()
        self.ctx.spawn(self._takeover.watch(self._settings.lease_s / 2), "takeover")

    def _names(self, name: str) -> tuple[str, ...]:
        """All names of the call that has this ConnID, or a leg with this Call-ID."""
        live = self._driver.find(name)
        if live is None and (known := self._index.legs.get(name)) is not None:
            live = known[0]
        return () if live is None else (live.conn_id, *(leg.call_id for leg in live.legs.values()))

    async def drain(self) -> None:
        """No new calls; return when the last one has ended."""
        self._incoming.draining = self._requests.draining = True
        await self._presence.tell()
        await self._driver.idle()

    async def stop(self) -> None:
        """Leave the directory: what calls are left are taken over by another node."""
        await self._requests.server.stop()
        self._driver.let_go()
        await self._presence.leave()
        await self._endpoint.close()

    def checks(self) -> dict[str, bool]:
        """The tenants' domains are known; events do not pile up here."""
        known = len(self._index.domains) == len(self.ctx.common.tenants)
        return {"configuration": known, "events": self._store.backlog < 1000}

    # Directory

    def _found(self, lease_s: float) -> Presence:
        found = Presence(
            self.ctx, KIND, self._entry, ttl_s=lease_s, every_s=lease_s / 4, connection="voice-41"
        )
        found.prepare = self._prepare
        return found

    async def _prepare(self, was_away: bool) -> None:
        """A node that was away may find that its calls are another's now."""
        if was_away:
            await self._takeover.check_ownership()
        await self._store.own()  # no call comes before the announcement

    def _entry(self) -> ClusterNode:
        host, port = self.ctx.announced(self._sip[1])
        return ClusterNode(
            node=self.ctx.node,
            http=f"http://{bracketed(host)}:{self._requests.server.address[1]}",
            sip_host=host,
            sip_port=port,
            calls=len(self._driver.calls),
            capacity=self._settings.capacity,
            draining=self._incoming.draining,
        )

    # Domains

    async def _keep_domains(self) -> None:
        while True:
            known = len(self._index.domains) == len(self.ctx.common.tenants)
            await asyncio.sleep(_DOMAINS_S if known else 0.2)
            await self._read_domains()

    async def _read_domains(self) -> None:
        for name in self.ctx.common.tenants:
            try:
                tenant = await self._config.tenant(name)
            except (HttpFailure, HttpUnavailable):
                continue
            if tenant is not None:
                self._index.domains[name] = tenant.domain

    # SIP

    def _index_dialog(self, live: LiveCall, leg: SipLeg) -> None:
        self._store.steps.index_dialog(live, leg.call_id)

    def _forget(self, live: LiveCall) -> None:
        self._index.forget(live)
        self._outgoing.forget(live)

    def _count(self, direction: str, data: bytes, peer: Destination) -> None:
        if direction == "out":
            self._connections.count("voice-51", sent=1)
        else:
            self._connections.count("voice-51", received=1)
