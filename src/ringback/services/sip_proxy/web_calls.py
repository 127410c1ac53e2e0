"""Calls between browsers and the platform: through the WebRTC media gateway, both ways, on both faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringback.contracts.sip import HEADER_ORIGIN, HEADER_TENANT
from ringback.services.sip_proxy.marks import Mark
from ringback.services.sip_proxy.passage import Passage
from ringback.services.sip_proxy.refusals import Why
from ringback.services.sip_proxy.returning import line_of
from ringback.services.sip_proxy.targets import Outcome, Target, node_target
from ringback.services.sip_proxy.webrtc import OUT_OF_SERVICE
from ringback.sip import Request
from ringback.sip.exchange import ServerTransaction
from ringback.sip.transport import Destination

if TYPE_CHECKING:
    from ringback.services.sip_proxy.callers import Caller
    from ringback.services.sip_proxy.core import ProxyCore


class WebCalls:
    """What the faces of the proxy do with them."""

    def __init__(self, core: ProxyCore) -> None:
        self._core = core

    def begin(self, tx: ServerTransaction, request: Request, caller: Caller) -> None:
        """The call of a browser goes to a gateway; without one in service it is refused."""
        core = self._core
        targets = core.webrtc.from_browser(request, caller, tx.source)
        if not targets:
            core.call_ended(request.call_id)
            core.refusals.turn(Why.NO_WEBRTC)
            core.reply(tx, 503, OUT_OF_SERVICE)
            return

        def done(outcome: Outcome) -> None:
            if outcome.status >= 300:
                core.call_ended(request.call_id)
            core.report(caller.tenant, request, caller.origin, outcome)

        core.forward(tx, request, [[target] for target in targets], role="phone", to_edge=True, done=done)

    def go_on(self, tx: ServerTransaction, request: Request, place: Destination) -> None:
        """A request of a browser in a dialog with a gateway."""
        core = self._core
        target = core.webrtc.behind(request, place)
        if not tx.can_respond:
            core.forward_ack(request, target)
            return

        def done(outcome: Outcome) -> None:
            if request.method == "BYE":
                core.call_ended(request.call_id)

        core.forward(tx, request, [[target]], role="phone", to_edge=True, done=done)

    def come_back(self, tx: ServerTransaction, request: Request) -> None:
        """The call that a gateway makes of one that it was given: to a phone, or to a cluster node."""
        core = self._core
        passage = core.webrtc.passage(request) if request.method == "INVITE" else None
        if passage is None:
            core.reply(tx, 404)
            return
        groups = self._to_phone(request, passage) if passage.contact else self._to_node(request, passage)
        if not groups:
            if passage.contact:
                core.reply(tx, 480)
            else:
                core.refusals.turn(Why.NO_NODE)
                core.reply(tx, 503, [("Retry-After", "5")])
            return
        core.forward(tx, request, groups, role="webrtc", to_edge=False, done=lambda outcome: None)

    def _to_phone(self, request: Request, passage: Passage) -> list[list[Target]]:
        core = self._core
        core.veil(request)
        flow = core.living(passage.received)
        if flow is None:
            return []
        return [
            [
                Target(
                    "phone",
                    passage.contact,
                    "edge",
                    flow,
                    uri=passage.contact,
                    record_routes=(core.edge.route(Mark(passage.mark, flow), flow.transport, flow.host),),
                    near_routes=(core.inside.route(Mark(passage.mark), "tcp"),),
                    line=line_of(passage.tenant, request.uri.user, flow),
                    mark=passage.mark,
                )
            ]
        ]

    def _to_node(self, request: Request, passage: Passage) -> list[list[Target]]:
        core = self._core
        order = core.directory.cluster_order("", core.ctx.monotonic())[: core.settings.attempts]
        if order:
            core.directory.chosen(order[0].node)
        request.retarget(passage.uri)
        headers = ((HEADER_TENANT, passage.tenant), (HEADER_ORIGIN, passage.origin))
        return [
            [node_target(node, record_routes=(core.inside.route(Mark(node.node), "tcp"),), headers=headers)]
            for node in order
        ]
