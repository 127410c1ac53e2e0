"""Wiring of sip_proxy."""

from __future__ import annotations

from functools import partial

from msgspec.structs import replace

from ringback.contracts.sip_trace import SipTracer
from ringback.runtime.context import Context
from ringback.runtime.http import HttpServer
from ringback.runtime.service import Service
from ringback.runtime.settings import ServiceSettings
from ringback.services.sip_proxy.bans import Offence
from ringback.services.sip_proxy.core import ProxyCore
from ringback.services.sip_proxy.doors import Doors, read_certificate
from ringback.services.sip_proxy.edge import Edge
from ringback.services.sip_proxy.inside import Inside
from ringback.services.sip_proxy.marks import INSIDE, Side
from ringback.services.sip_proxy.plain_acks import PlainAcks
from ringback.services.sip_proxy.settings import SipProxySettings
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.entrance import Entrance
from ringback.sip.locate import Able


class SipProxyService(Service):
    """Listens on SIP 5060 (UDP, TCP), 5061 (TLS), 8088 and 8089 (WebSocket) outside, SIP/TCP 5080 inside."""

    name = "sip_proxy"
    settings_type = SipProxySettings
    signalling = True

    def __init__(self, ctx: Context, settings: ServiceSettings) -> None:
        super().__init__(ctx, settings)
        assert isinstance(settings, SipProxySettings)
        self._settings = settings
        self._core = ProxyCore(ctx, settings)
        edge, inside = Edge(self._core), Inside(self._core)
        advertised = settings.advertised_host or ctx.announced(0)[0]
        certificate = read_certificate(settings)
        self._edge = SipEndpoint(
            edge.on_request, advertised_host=advertised, admit=edge.admit, tls=certificate.tls
        )
        self._edge.entrance = Entrance(
            self._edge, lambda: self._core.is_open, self._core.callers.is_emergency, edge.waited
        )
        guard = self._core.guard
        self._edge.ignores = guard.ignores
        self._edge.limit_connections(settings.max_connections, guard.connections_of)
        self._edge.on_garbage = partial(guard.offend, offence=Offence.GARBAGE)
        self._doors = Doors(ctx, settings, self._edge, certificate)
        self._edge.hand_on_cancels()
        self._edge.on_connection_lost = self._core.trunks.connection_lost
        self._inside = SipEndpoint(inside.on_request, advertised_host=ctx.announced(0)[0])
        self._inside.tell_strays(inside.on_stray)
        edge.registers.connect(self._edge, self._inside)
        PlainAcks(self._core).connect(self._edge, self._inside)
        self._core.passing = edge.registers.__len__
        self._core.endpoints = {"edge": self._edge, "inside": self._inside}
        self._http = HttpServer(ctx)
        guard.add_routes(self._http)
        self._core.trunks.add_routes(self._http)
        self._core.webrtc.add_routes(self._http)

    async def start(self) -> None:
        """Read the directory, listen inside, then outside."""
        core = self._core
        await self._http.start()
        await core.directory.start()
        core.guard.start()
        self.ctx.spawn(core.watch_load(), "load")
        SipTracer(self.ctx, self._edge, self._inside).start()
        host, port = await self._inside.listen_tcp(*self.ctx.address("sip_proxy", "inside"))
        await self._inside.listen_udp(host, port)  # only what goes to WebRTC gateways, and their answers
        core.inside = Side(INSIDE, *self.ctx.announced(port))
        self.ctx.bound("inside", (host, port))
        core.edge = replace(await self._doors.open(), key=core.flow_key)
        core.hops.able = Able(families=tuple(6 if ":" in host else 4 for host in core.edge.hosts))
        core.trunks.start()
        core.webrtc.start()
        core.node_watch.start()
        self.ctx.spawn(core.room.keep(), "room")
        self._watch_gauges()

    async def drain(self) -> None:
        """Refuse new calls; return when the calls under way have ended."""
        self._core.admission.closed = True
        if self._core.admission.calls:
            await self._core.idle.wait()

    async def stop(self) -> None:
        """Close every socket."""
        await self._core.trunks.stop()
        await self._core.hops.close()
        await self._edge.close()
        await self._inside.close()
        await self._http.stop()

    def checks(self) -> dict[str, bool]:
        """There is a node to give calls to."""
        return {"nodes": bool(self._core.directory.cluster)}

    def _watch_gauges(self) -> None:
        core, metrics = self._core, self._core.metrics
        metrics.loop_delay.set_function(lambda: core.overload.delay)
        metrics.calls.set_function(lambda: core.admission.calls)
        metrics.connections.set_function(lambda: self._edge.connections)
        metrics.refused_connections.set_function(lambda: self._edge.refused_connections)
        if self._edge.entrance is not None:
            line = self._edge.entrance.line
            metrics.waiting.set_function(lambda: len(line))
        metrics.webrtc.set_function(core.webrtc.in_service)
        metrics.nodes.set_function(lambda: len(core.directory.cluster))
        metrics.active_nodes.set_function(
            lambda: sum(not node.draining for node in core.directory.cluster.values())
        )
