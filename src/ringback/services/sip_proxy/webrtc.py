"""The WebRTC media gateways: who they are, whether they are there, and the calls that go through them.

Browsers speak DTLS-SRTP, all others plain RTP. A gateway stands in the settings (`webrtc_gateways`) or
announces itself in the directory (kind `webrtc`); each proxy asks it by OPTIONS. Calls of browsers pass the
proxy twice, with the gateway in between; without a gateway in service they are refused, for a call that
cannot be heard is worse than none.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ringback.contracts.sip import WebrtcState
from ringback.runtime.settings import SettingsError
from ringback.services.sip_proxy.asking import ask
from ringback.services.sip_proxy.marks import Mark
from ringback.services.sip_proxy.passage import Passage, is_plain_rtp, mark_of, unveil
from ringback.services.sip_proxy.supervision import Health, Watch
from ringback.services.sip_proxy.targets import Target
from ringback.sip import Request, SipParseError
from ringback.sip.transport import WEB, Destination, Source, is_address
from ringback.sip.uri import parse_host_port
from ringback.topology import WEBRTC_PORT

if TYPE_CHECKING:
    from ringback.contracts.sip import Binding
    from ringback.runtime.http import HttpRequest, HttpServer
    from ringback.services.sip_proxy.callers import Caller
    from ringback.services.sip_proxy.core import ProxyCore

OUT_OF_SERVICE = [("Retry-After", "5"), ("Warning", '399 ringback "No WebRTC gateway in service"')]
_LOOK_S = 0.25
_ANSWER_S = 2.0


@dataclass(slots=True)
class Gateway:
    """One gateway and what is known of it."""

    place: Destination
    watch: Watch
    busy: bool = False
    draining: bool = False
    told: Health = field(default=Health.UNKNOWN)

    @property
    def usable(self) -> bool:
        """True if it may be given calls."""
        return self.watch.health is not Health.OUT and not self.draining


class WebGateways:
    """All gateways, as this proxy sees them."""

    def __init__(self, core: ProxyCore) -> None:
        self._core = core
        self._ctx = core.ctx
        self._configured = read_places(core.settings.webrtc_gateways)
        self._known: dict[Destination, Gateway] = {}
        self._turn = 0

    def start(self) -> None:
        """Follow settings and directory, and ask the gateways, from now on."""
        self.refresh()
        self._ctx.spawn(self._keep(), "webrtc")

    def add_routes(self, server: HttpServer) -> None:
        """What `ringback sip webrtc` asks for."""
        server.route("GET", "/webrtc", self._list)

    # What others ask

    @property
    def hosts(self) -> tuple[str, ...]:
        """Addresses of those in the settings; of those by name `inside_networks` must tell."""
        return tuple(place.host for place in self._configured if is_address(place.host))

    def speaks_to(self, place: Destination) -> bool:
        """True for the address of a gateway."""
        return Destination("udp", place.host, place.port) in self._known

    def is_wanted(self, transport: str, body: bytes) -> bool:
        """True if a call between the platform and a phone on this transport needs a gateway."""
        return transport in WEB and bool(self._known) and not is_plain_rtp(body)

    def leads_to(self, binding: Binding, request: Request) -> bool:
        """True if the way of an INVITE to a binding leads through a gateway."""
        if not self._known or request.method != "INVITE" or binding.path:
            return False
        web = binding.received.partition(":")[0] in WEB
        return web and (not request.body or is_plain_rtp(request.body))

    def from_browser(self, request: Request, caller: Caller, source: Source) -> list[Target]:
        """The gateways for a call of a browser, the best first; none if all are out of service."""
        core, targets = self._core, []
        flow = Destination(source.transport, source.host, source.port)
        for gateway in self._order()[: core.settings.attempts]:
            mark = mark_of(gateway.place)
            passage = Passage(tenant=caller.tenant, mark=mark, uri=request.raw_uri, origin=caller.origin)
            routes = (
                core.edge.route(Mark(mark, flow), source.transport, source.host),
                core.inside.route(Mark(mark), "tcp"),
            )
            targets.append(self._target(request, passage, gateway.place, routes))
        return targets

    def to_browser(self, request: Request, tenant: str, binding: Binding, sender: str) -> Target | None:
        """The gateway for a call to a phone in a browser; None if all are out of service."""
        order = self._order()
        if not order:
            return None
        place = order[0].place
        passage = Passage(
            tenant=tenant,
            mark=mark_of(place),
            contact=binding.contact,
            received=binding.received,
            instance=binding.instance,
        )
        return self._target(request, passage, place, (self._core.inside.route(Mark(sender), "tcp"),))

    def _target(
        self, request: Request, passage: Passage, place: Destination, routes: tuple[str, ...]
    ) -> Target:
        core = self._core
        return Target(
            "webrtc",
            str(place),
            "inside",
            place,
            uri=passage.through(request.uri.user, core.inside.host, core.inside.port, core.flow_key),
            record_routes=routes,
            instance=passage.instance,
            hunts=bool(passage.contact),
        )

    def passage(self, request: Request) -> Passage | None:
        """For whom a call is that a gateway makes."""
        return Passage.of(request.uri, self._core.flow_key)

    def behind(self, request: Request, place: Destination) -> Target:
        """The gateway that a browser's request in a dialog is for."""
        hidden = unveil(request.uri, self._core.flow_key) if self._core.edge.owns(request.uri) else None
        return Target("webrtc", str(place), "inside", place, uri=hidden)

    def unreachable(self, place: Destination) -> None:
        """A gateway did not answer a call: it is asked at once whether it is there."""
        known = self._known.get(place)
        if known is not None:
            known.watch.told(408, self._ctx.now() - known.watch.every_s, local=True)

    def _order(self) -> list[Gateway]:
        """Those that may be given calls, each first in its turn."""
        usable = [gateway for gateway in self._known.values() if gateway.usable]
        if not usable:
            return []
        self._turn = (self._turn + 1) % len(usable)
        return usable[self._turn :] + usable[: self._turn]

    # Keeping

    async def _keep(self) -> None:
        while True:
            self.refresh()
            now = self._ctx.now()
            for gateway in self._known.values():
                if gateway.watch.due_at <= now and not gateway.busy:
                    gateway.busy = True
                    self._ctx.spawn(self._ask(gateway), "webrtc")
            await asyncio.sleep(_LOOK_S)

    def refresh(self) -> None:
        """Take over who is configured and who has announced itself."""
        found = dict.fromkeys(self._configured, False)
        for node in self._core.directory.webrtc.values():
            found[Destination("udp", node.sip_host, node.sip_port)] = node.draining
        for place in [place for place in self._known if place not in found]:
            del self._known[place]
        for place, draining in found.items():
            if place not in self._known:
                self._known[place] = Gateway(place, Watch(self._core.settings.webrtc_options_s))
            self._known[place].draining = draining

    async def _ask(self, gateway: Gateway) -> None:
        core = self._core
        core.count("webrtc", sent=1)
        try:
            response = await ask(core.endpoints["inside"], gateway.place, _ANSWER_S)
        finally:
            gateway.busy = False
        if not response.local:
            core.count("webrtc", received=1)
        gateway.watch.told(response.status, self._ctx.now(), local=response.local)
        self._tell(gateway)

    def _tell(self, gateway: Gateway) -> None:
        health = gateway.watch.health
        if health is not gateway.told and health in (Health.IN, Health.OUT):
            gateway.told = health
            self._ctx.log.info("webrtc_gateway", place=str(gateway.place), state=health.value)

    def in_service(self) -> int:
        """How many gateways answer."""
        return sum(gateway.watch.health is Health.IN for gateway in self._known.values())

    async def _list(self, _request: HttpRequest) -> list[WebrtcState]:
        return [
            WebrtcState(
                address=str(gateway.place),
                health=gateway.watch.health.value,
                status=gateway.watch.status,
                draining=gateway.draining,
            )
            for gateway in self._known.values()
        ]


def read_places(texts: tuple[str, ...]) -> list[Destination]:
    """Addresses `host` or `host:port`. Raises SettingsError that names the one that is wrong."""
    places = []
    for text in texts:
        try:
            host, port = parse_host_port(text)
        except SipParseError as error:
            name = "RINGBACK_SIP_PROXY_WEBRTC_GATEWAYS"
            raise SettingsError(f"{name}: {text}: {error.reason}") from error
        places.append(Destination("udp", host, port or WEBRTC_PORT))
    return places
