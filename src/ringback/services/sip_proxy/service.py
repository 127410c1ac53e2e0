"""Wiring of sip_proxy."""

from __future__ import annotations

from ringback.runtime.context import Context
from ringback.runtime.http import HttpServer
from ringback.runtime.service import Service
from ringback.runtime.settings import ServiceSettings
from ringback.services.sip_proxy.core import ProxyCore
from ringback.services.sip_proxy.edge import Edge
from ringback.services.sip_proxy.inside import Inside
from ringback.services.sip_proxy.routes import Side
from ringback.services.sip_proxy.settings import SipProxySettings
from ringback.sip.endpoint import SipEndpoint


class SipProxyService(Service):
    """Listens on SIP UDP and TCP 5060 outside, SIP/TCP 5080 inside."""

    name = "sip_proxy"
    settings_type = SipProxySettings

    def __init__(self, ctx: Context, settings: ServiceSettings) -> None:
        super().__init__(ctx, settings)
        assert isinstance(settings, SipProxySettings)
        self._settings = settings
        self._core = ProxyCore(ctx, settings)
        edge, inside = Edge(self._core), Inside(self._core)
        advertised = settings.advertised_host or None
        self._edge = SipEndpoint(edge.on_request, advertised_host=advertised, admit=edge.admit)
        self._inside = SipEndpoint(inside.on_request)
        self._core.endpoints = {"edge": self._edge, "inside": self._inside}
        self._http = HttpServer(ctx)

    async def start(self) -> None:
        """Read the directory, listen inside, then outside."""
        core = self._core
        await self._http.start()
        await core.directory.start()
        host, port = await self._inside.listen_tcp(*self.ctx.address("sip_proxy", "inside"))
        core.inside = Side("inside", host, port)
        self.ctx.bound("inside", (host, port))
        host, port = await self._listen_outside()
        core.edge = Side("edge", self._settings.advertised_host or host, port)
        self.ctx.bound("edge", (host, port))
        self._watch_gauges()

    async def drain(self) -> None:
        """Refuse new calls; return when the calls under way have ended."""
        self._core.admission.closed = True
        if self._core.admission.calls:
            await self._core.idle.wait()

    async def stop(self) -> None:
        """Close every socket."""
        await self._edge.close()
        await self._inside.close()
        await self._http.stop()

    def checks(self) -> dict[str, bool]:
        """There is a node to give calls to."""
        return {"nodes": bool(self._core.directory.cluster)}

    async def _listen_outside(self) -> tuple[str, int]:
        """UDP and TCP on the same port."""
        host, port = await self._edge.listen_udp(*self.ctx.address("sip_proxy", "edge"))
        await self._edge.listen_tcp(host, port)
        return host, port

    def _watch_gauges(self) -> None:
        core, metrics = self._core, self._core.metrics
        metrics.calls.set_function(lambda: core.admission.calls)
        metrics.nodes.set_function(lambda: len(core.directory.cluster))
        metrics.active_nodes.set_function(
            lambda: sum(not node.draining for node in core.directory.cluster.values())
        )
