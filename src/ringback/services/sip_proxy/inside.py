"""The inner face: cluster nodes and media send through here, to phones, to trunks and to each other."""

from __future__ import annotations

from collections.abc import Awaitable

import msgspec

from ringback.contracts.sip import (
    HEADER_ORIGIN,
    HEADER_TARGET,
    HEADER_TENANT,
    Binding,
    bindings_key,
)
from ringback.runtime.http import HttpFailure, HttpUnavailable
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable
from ringback.services.sip_proxy.core import ALLOW, ProxyCore
from ringback.services.sip_proxy.fork import target_sets
from ringback.services.sip_proxy.gateways import Gateways
from ringback.services.sip_proxy.marks import Mark, Taken
from ringback.services.sip_proxy.passage import PARAM, place_of
from ringback.services.sip_proxy.refusals import Why
from ringback.services.sip_proxy.returning import line_of
from ringback.services.sip_proxy.routes import outer_mark, take_routes
from ringback.services.sip_proxy.targets import Outcome, Target, node_target
from ringback.services.sip_proxy.trust import networks_of, trusted
from ringback.services.sip_proxy.web_calls import WebCalls
from ringback.services.sip_proxy.webrtc import OUT_OF_SERVICE
from ringback.sip import NameAddr, Request, Response, SipParseError, SipUri
from ringback.sip.dialog import destination_of, next_hop_of
from ringback.sip.exchange import ServerTransaction
from ringback.sip.transport import Destination, Source

_MINE = (HEADER_TARGET, HEADER_TENANT, HEADER_ORIGIN)


class Refusal(Exception):
    """A request of a node that cannot be sent on; `status` is the answer."""

    def __init__(
        self, status: int, headers: list[tuple[str, str]] | None = None, why: Why = Why.NO_GATEWAY
    ) -> None:
        super().__init__(status)
        self.status = status
        self.why = why
        """The reason of a 503."""
        self.headers = headers or []


class Inside:
    """Decides about requests from inside."""

    def __init__(self, core: ProxyCore) -> None:
        self._core = core
        self._ctx = core.ctx
        self._networks = networks_of((*core.settings.inside_networks, *core.webrtc.hosts))
        self._gateways = Gateways(core)
        self._web = WebCalls(core)

    def on_request(self, tx: ServerTransaction, request: Request) -> Awaitable[None] | None:
        """A request from a node or from media; what needs no look-up is done at once."""
        core = self._core
        core.metrics.request(request.method, "inside")
        source = tx.source
        # A datagram's source can be made up: the gateways' answers come so, requests never do.
        if source.transport == "udp" or not trusted(source.host, core.directory.hosts, self._networks):
            self._ctx.log.warning("inside_refused", source=source.host)
            if tx.can_respond:
                core.reply(tx, 403)
            return None
        if core.refused(tx, request):
            return None
        work = request.copy()
        taken = take_routes(work, core.sides)
        if request.to_tag is not None:
            return self._in_dialog(tx, work, taken)
        if not tx.can_respond:
            return None
        if request.has(HEADER_TARGET):
            return self._outside_dialog(tx, work)
        if PARAM in work.raw_uri:
            self._web.come_back(tx, work)
            return None
        core.reply(tx, 200 if request.method == "OPTIONS" else 404, [("Allow", ALLOW)])
        return None

    def on_stray(self, response: Response, source: Source) -> None:
        """An answer to what this proxy has not sent: perhaps one before it has."""
        if source.transport != "udp" and trusted(source.host, self._core.directory.hosts, self._networks):
            self._core.earlier.answered(response)

    def _sender(self, request: Request) -> str:
        """The cluster node that sent a request, or an empty string."""
        via = request.via
        return self._core.directory.node_at(via.host, via.port or 5060)

    # Inside a dialog

    def _in_dialog(
        self, tx: ServerTransaction, request: Request, taken: list[Taken]
    ) -> Awaitable[None] | None:
        """Nearly always the way is at hand; a host name in a Contact may have to be asked for."""
        sender = self._sender(request)
        outer = outer_mark(taken)
        if outer is not None and place_of(outer.node) is not None:
            self._core.veil(request)
        try:
            if outer is None:
                self._send_in_dialog(tx, request, self._inner_targets(request, taken, sender), sender)
                return None
            if (flow := self._core.living_flow(outer.flow)) is not None:
                self._send_in_dialog(tx, request, [Target("phone", "", "edge", flow)], sender)
                return None
            uri = next_hop_of(request)
        except SipParseError:
            self._send_in_dialog(tx, request, [], sender)
            return None
        places = self._core.hops.at_once(uri)
        if places is None:
            return self._ask_where(tx, request, outer, uri, sender)
        self._send_in_dialog(tx, request, self._outer_targets(places, outer), sender, 430)
        return None

    async def _ask_where(
        self, tx: ServerTransaction, request: Request, outer: Mark, uri: SipUri, sender: str
    ) -> None:
        places = await self._core.hops.find(uri)
        if not places:
            self._core.refusals.turn(Why.NO_WAY)
        self._send_in_dialog(tx, request, self._outer_targets(places, outer), sender, 503)

    def _send_in_dialog(
        self, tx: ServerTransaction, request: Request, targets: list[Target], sender: str, lost: int = 481
    ) -> None:
        core = self._core
        if not targets:
            if tx.can_respond:
                core.reply(tx, lost)
            return
        if not tx.can_respond:
            core.forward_ack(request, targets[0])
            return

        def done(outcome: Outcome) -> None:
            if request.method == "BYE":
                core.call_ended(request.call_id)

        role = "node" if sender else self._role(request, targets[0])
        core.forward(tx, request, [[target] for target in targets], role=role, to_edge=False, done=done)

    def _inner_targets(self, request: Request, taken: list[Taken], sender: str) -> list[Target]:
        """Where a request inside a dialog of our own parts goes, after our own routes were taken off."""
        core = self._core
        if not taken:
            return []
        if sender:
            place = destination_of(next_hop_of(request))
            return [Target("webrtc" if core.webrtc.speaks_to(place) else "media", "", "inside", place)]
        name = core.moved.node_of(request.call_id, taken[0].mark.node)
        order = core.directory.cluster_order(name, self._ctx.monotonic())[: core.settings.attempts]
        if order and order[0].node != name:
            core.metrics.reselected.inc()
        return [node_target(node) for node in order]

    def _role(self, request: Request, target: Target) -> str:
        """Who sent a request that is from no node."""
        if request.method == "NOTIFY" and target.side == "edge":
            return "registrar"
        return "webrtc" if target.side == "edge" else "media"

    def _outer_targets(self, places: list[Destination], mark: Mark) -> list[Target]:
        """Whoever has no flow of ours is reached by the Contact."""
        role = "phone" if mark.flow else "trunk"
        places = places[: self._core.settings.attempts]
        digest = self._core.trunks.digest_of(mark.trunk)
        return [Target(role, "", "edge", place, shift=mark.shift, digest=digest) for place in places]

    # Outside a dialog

    async def _outside_dialog(self, tx: ServerTransaction, request: Request) -> None:
        core = self._core
        tenant = request.get(HEADER_TENANT) or self._ctx.common.tenants[0]
        wanted = request.get(HEADER_TARGET) or ""
        sender = self._sender(request)
        for name in _MINE:
            request.remove(name)
        kind, _, value = wanted.partition("=")
        try:
            groups = await self._groups(kind, value, tenant, sender, request)
        except SipParseError as error:
            core.reply(tx, error.status)
            return
        except Refusal as refusal:
            if refusal.status == 503:
                core.refusals.turn(refusal.why)
            core.reply(tx, refusal.status, refusal.headers)
            return
        except (ValkeyUnavailable, ValkeyError, HttpUnavailable, HttpFailure) as error:
            self._ctx.log.warning("target_not_found_out", target=wanted, error=repr(error))
            core.refusals.turn(Why.LOOKUP)
            core.reply(tx, 503, [("Retry-After", "2")])
            return

        def done(outcome: Outcome) -> None:
            if kind == "trunk" and request.method == "INVITE":
                core.trunk_call(tenant, request.call_id, outcome)
            if request.method == "INVITE":
                core.report(tenant, request, f"node={sender}", outcome)

        seed = request.via.branch if request.method == "INVITE" else ""
        role = "node" if sender else "registrar"
        core.forward(tx, request, groups, role=role, to_edge=False, seed=seed, done=done)

    async def _groups(
        self, kind: str, value: str, tenant: str, sender: str, request: Request
    ) -> list[list[Target]]:
        if kind == "dn":
            phones = await self._phones(tenant, value, sender, request)
            # A lamp is lit on each phone, whichever is called first.
            return [[phone for group in phones for phone in group]] if request.method == "NOTIFY" else phones
        if kind == "trunk":
            groups = await self._gateways.groups(tenant, value, sender, request)
            if not groups:
                raise Refusal(await self._why_none(tenant, value))
            return groups
        if kind == "media":
            return self._media(sender, value)
        raise Refusal(404)

    async def _why_none(self, tenant: str, names: str) -> int:
        """404 for a trunk that there is not, 503 for one whose gateways are not found."""
        trunks = (await self._core.callers.numbers(tenant)).trunks
        return 503 if any(name in trunks and trunks[name].gateways for name in names.split(",")) else 404

    async def _phones(self, tenant: str, dn: str, sender: str, request: Request) -> list[list[Target]]:
        """The bindings of a DN in their order; Refusal(480) if it has none, 503 if no gateway leads there."""
        rows = await self._ctx.valkey.call("HVALS", bindings_key(tenant, dn))
        bindings = [msgspec.json.decode(row, type=Binding) for row in rows]
        now = self._ctx.now()
        living = [item for item in bindings if item.expires_at > now]
        if not living:
            raise Refusal(480)
        sets = [
            [self._phone(item, sender, tenant, dn, request) for item in group]
            for group in target_sets(living)
        ]
        groups = [[phone for phone in group if phone is not None] for group in sets]
        if not any(groups):
            raise Refusal(503, OUT_OF_SERVICE, Why.NO_WEBRTC)
        return groups

    def _phone(self, binding: Binding, sender: str, tenant: str, dn: str, request: Request) -> Target | None:
        core = self._core
        if core.webrtc.leads_to(binding, request):
            return core.webrtc.to_browser(request, tenant, binding, sender)
        place, flow = self._way_to(binding)
        return Target(
            "phone",
            binding.contact,
            "edge",
            place,
            uri=binding.contact,
            record_routes=(core.edge.route(Mark(sender, flow), place.transport, place.host),),
            near_routes=(core.inside.route(Mark(sender), "tcp"),),
            routes=binding.path,
            instance=binding.instance,
            line=line_of(tenant, dn, place),
            mark=sender,
        )

    def _way_to(self, binding: Binding) -> tuple[Destination, Destination | None]:
        """Where a binding is reached, and the flow for what follows in the dialog.

        Behind other proxies the way is their Path (RFC 3327 5.3), and later what they put into Record-Route.
        """
        if binding.path:
            return destination_of(NameAddr.parse(binding.path[0]).uri), None
        flow = self._core.living(binding.received)
        if flow is not None:
            return flow, flow
        place = destination_of(SipUri.parse(binding.contact))
        return place, place

    def _media(self, sender: str, wanted: str) -> list[list[Target]]:
        """Media nodes, those with the most room first; Refusal(503) if there is none."""
        core = self._core
        nodes = core.directory.media_order(self._ctx.monotonic(), wanted)[: core.settings.attempts]
        if not nodes:
            raise Refusal(503, why=Why.NO_MEDIA)
        core.directory.chosen(nodes[0].node)
        routes = (core.inside.route(Mark(sender), "tcp"),)
        return [[node_target(node, "media", record_routes=routes)] for node in nodes]
