"""What both faces of the proxy share: sending, counting, refusing, ending."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ringback.contracts.events import TOPIC_SIP_PROXY
from ringback.contracts.sip import HEADER_SILENT, ProxyReport
from ringback.services.sip_proxy.admission import Admission, Limits
from ringback.services.sip_proxy.callers import Callers
from ringback.services.sip_proxy.earlier import EarlierCalls
from ringback.services.sip_proxy.elsewhere import Elsewhere, at_node, owner_of
from ringback.services.sip_proxy.emergency import asks_for_help
from ringback.services.sip_proxy.flows import Flows
from ringback.services.sip_proxy.forwarding import Forwarding
from ringback.services.sip_proxy.guard import Guard
from ringback.services.sip_proxy.hops import NextHops
from ringback.services.sip_proxy.hygiene import Hygiene
from ringback.services.sip_proxy.marks import EDGE, INSIDE, Side
from ringback.services.sip_proxy.metrics import ProxyMetrics
from ringback.services.sip_proxy.node_watch import NodeWatch
from ringback.services.sip_proxy.nodes import NodeDirectory
from ringback.services.sip_proxy.overload import Overload
from ringback.services.sip_proxy.pace import Pace
from ringback.services.sip_proxy.passage import veil
from ringback.services.sip_proxy.refusals import Refusals
from ringback.services.sip_proxy.returning import Returning
from ringback.services.sip_proxy.room import Room
from ringback.services.sip_proxy.routes import loops, onward, shift_numbers
from ringback.services.sip_proxy.targets import Outcome, Target
from ringback.services.sip_proxy.trunk_calls import TrunkCalls
from ringback.services.sip_proxy.trunks import Trunks
from ringback.services.sip_proxy.webrtc import WebGateways
from ringback.sip import Request, Response
from ringback.sip.digest import nonce_key
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.exchange import ClientTransaction, ServerTransaction
from ringback.sip.transport import TRANSPORTS, Destination

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.sip_proxy.settings import SipProxySettings

ROWS = {"node": "voice-51", "media": "voice-58", "trunk": "voice-59", "webrtc": "voice-57"}
"""The row of the connections' table that a message to or from such a peer counts for."""
_LOOK_S = 0.1
_SCHEMES = frozenset({"sip", "sips", "tel"})
ALLOW = "ACK, BYE, CANCEL, INFO, INVITE, OPTIONS, PRACK, REFER, REGISTER, SUBSCRIBE, UPDATE"
_WITHOUT_DIALOG = {
    **dict.fromkeys(("BYE", "INFO", "NOTIFY", "PRACK", "UPDATE"), 481),
    "OPTIONS": 200,
    "REFER": 403,
}
"""What is said where the dialog is missing in which such a request comes (RFC 3261 12.2.2, 15.1.2; RFC 6665
4.1.3); a REFER that begins one of its own is understood and not done (21.4.4). Others are not known: 405."""


class ProxyCore:
    """The parts of the proxy; `Edge` and `Inside` decide with them where a request goes."""

    def __init__(self, ctx: Context, settings: SipProxySettings) -> None:
        self.ctx = ctx
        self._count = ctx.connections.count
        self.settings = settings
        self.timer_c_s = settings.timer_c_s
        self.fork_ring_s = settings.fork_ring_s
        self.failover_s = settings.failover_s
        self.hops = NextHops(ctx, settings)
        self.metrics = ProxyMetrics(ctx.metrics)
        self.refusals = Refusals(ctx, self.metrics)
        self.hygiene = Hygiene(settings.agent_outside, settings.bodies)
        self.moved = Elsewhere()
        self.directory = NodeDirectory(ctx, settings.directory_s)
        self.pace = Pace()
        key = nonce_key(ctx.common.cluster_secret or secrets.token_hex())
        self.flow_key = hashlib.sha256(b"flows:" + key).digest()
        self.callers = Callers(ctx, key, settings.nonce_s, settings.digest_algorithms)
        self.guard = Guard(ctx, settings, self.callers, self.metrics)
        self.admission = Admission(
            Limits(
                per_second=settings.calls_per_second,
                burst=settings.call_burst,
                calls=settings.max_calls,
                calls_total=settings.max_calls_total,
                max_call_s=settings.max_call_s,
                tenant_per_second=settings.tenant_calls_per_second,
                tenant_calls=settings.max_tenant_calls,
            )
        )
        self.trunk_calls = TrunkCalls(settings.max_call_s)
        self.room = Room(ctx, self._calls_of)
        self.trunks = Trunks(self)
        self.webrtc = WebGateways(self)
        self.earlier = EarlierCalls(self)
        self.flows = Flows(settings.flow_timer_s)
        self.returning = Returning(self)
        self.rings = self.returning.rings
        self.node_watch = NodeWatch(self, settings.node_options_s)
        self.overload = Overload(settings.overload_delay_s, settings.overload_transactions)
        self.idle = asyncio.Event()
        """Set each time the last call that came in from outside has ended."""
        self.endpoints: dict[str, SipEndpoint] = {}
        self.passing: Callable[[], int] = lambda: 0
        """What is under way without transactions."""
        self.edge = Side(EDGE, "", 0)
        self.inside = Side(INSIDE, "", 0)

    @property
    def sides(self) -> tuple[Side, ...]:
        """Both faces."""
        return (self.edge, self.inside)

    async def watch_load(self) -> None:
        """Measure how late the loop is by what it does, how long datagrams wait, and how much is under way.

        A loop that is late because the machine had no time for it is not relieved by refusing calls: what
        waits for it meanwhile shows in the sockets.
        """
        loop = asyncio.get_running_loop()
        while True:
            wanted, worked = loop.time() + _LOOK_S, time.thread_time()
            await asyncio.sleep(_LOOK_S)
            now, endpoints = loop.time(), self.endpoints.values()
            late = min(now - wanted, time.thread_time() - worked)
            delay = late + max(endpoint.behind(now) for endpoint in endpoints)
            queued = sum(endpoint.transactions for endpoint in endpoints) + self.passing()
            self.overload.measured(delay, queued)
            self.refusals.look()
            self.pace.keep(self.directory.cluster)

    # Lines, as `Forwarding` needs them

    def send(
        self, request: Request, target: Target, branch: str, on_response: Callable[[Response], None]
    ) -> ClientTransaction:
        """Send on the target's side, with its own Via; a node is told which others do not answer."""
        directory = self.directory
        if (
            directory.distrusted
            and target.role == "node"
            and (silent := directory.silent(self.ctx.monotonic()))
        ):
            request.set(HEADER_SILENT, silent)
        self.count_forwarded(request.method, target)
        if target.role == "node" and request.method == "INVITE":
            self.pace.sent(target.name, self.ctx.monotonic())
        endpoint = self.endpoints[target.side]
        return endpoint.send_request(
            request,
            target.destination,
            branch=branch,
            on_response=on_response,
            same_transport=target.role == "phone",
        )

    def living(self, received: str) -> Destination | None:
        """The flow of a binding (`udp:192.0.2.1:5060`), as long as it is there."""
        transport, _, rest = received.partition(":")
        host, _, port = rest.rpartition(":")
        if transport not in TRANSPORTS or not host or not port.isdigit():
            return None
        return self.living_flow(Destination(transport, host, int(port)))

    def living_flow(self, flow: Destination | None) -> Destination | None:
        """The flow behind which a phone sits, as long as it is there (RFC 5626 5.3)."""
        if flow is not None and (not flow.reliable or self.endpoints["edge"].is_connected(flow)):
            return flow
        return None

    def random(self) -> str:
        """Something unique for a branch."""
        return self.endpoints["edge"].ids.tag()

    def clean(
        self, message: Request | Response, transport: str = "", *, trusted: bool = False, toward: str = ""
    ) -> None:
        """Make a message fit to cross the edge: outwards on a transport to a host, inwards without one."""
        if transport:
            sides = (self.edge, self.inside)
            self.hygiene.outward(message, sides, transport, trusted=trusted, toward=toward)
        else:
            self.hygiene.inward(message, trusted=trusted)

    def trusts(self, trunk: str) -> bool:
        """True for a trunk that may say who is calling, and is told (RFC 3325)."""
        names = self.settings.trusted_trunks
        return trunk in names or "*" in names

    def unreachable(self, target: Target) -> None:
        """A target did not answer: others come first for a while."""
        self.ctx.log.warning("target_unreachable", target=str(target))
        if target.role in ("node", "media", "registrar"):
            self.directory.distrust(target.name, self.ctx.monotonic())
        elif target.role == "trunk":
            self.hops.failed(target.destination)
        elif target.role == "webrtc":
            self.webrtc.unreachable(target.destination)

    def veil(self, message: Request | Response) -> None:
        """Hide the Contact of a WebRTC gateway from the browser."""
        veil(message, self.flow_key)

    def answered(self, target: Target, response: Response) -> None:
        """A response came from a target."""
        self.metrics.answered(response.status)
        self.count(target.role, received=1)
        if target.role == "trunk":
            self.hops.answered(target.destination, response)

    def heard(self, target: Target) -> None:
        """Something has come of an INVITE to a target, if only that it has failed."""
        if target.role == "node":
            self.pace.heard(target.name, self.ctx.monotonic())

    @property
    def is_open(self) -> bool:
        """True if a new call may go on to a node now: what waits longer than it should waits here."""
        return self.pace.is_open(self.directory.cluster, self.ctx.monotonic())

    def elsewhere(self, request: Request, target: Target, response: Response) -> Target | None:
        """The owner that a node has named; None when it is not there, or is the one that was asked."""
        node = self.directory.cluster.get(owner_of(target, response))
        if node is None or node.node == target.name:
            return None
        if request.to_tag is not None:
            self.moved.note(request.call_id, node.node)
        return at_node(target, node, self.sides)

    def call_ended(self, call_id: str) -> None:
        """A call from outside is over, or never came about."""
        self.admission.ended(call_id)
        self.trunk_calls.ended(call_id)
        self.room.changed()
        if not self.admission.calls:
            self.idle.set()

    def trunk_call(self, tenant: str, call_id: str, outcome: Outcome) -> None:
        """A call to a trunk was answered, perhaps by another one than the first, or failed."""
        if outcome.status >= 300 or outcome.target is None:
            self.trunk_calls.ended(call_id)
        elif self.trunk_calls.moved(tenant, outcome.target.name, call_id):
            self.room.follow(tenant, outcome.target.name)
        self.room.changed()

    def _calls_of(self, tenant: str, trunk: str) -> int:
        """Calls of a trunk at this proxy, or without one of the tenant from outside."""
        return self.trunk_calls.of(tenant, trunk) if trunk else self.admission.calls_of(tenant)

    # Counting

    def count(self, role: str, *, sent: int = 0, received: int = 0) -> None:
        """Count a message for its row of the connections' table."""
        row = ROWS.get(role)
        if row is not None:
            self._count(row, sent=sent, received=received)

    def count_forwarded(self, method: str, target: Target) -> None:
        """Count a request that is sent on."""
        self.count(target.role, sent=1)
        direction = "to" if target.role == "node" else "from"
        node = target.name if target.role == "node" else ""
        self.metrics.sent_on(method, direction, node)

    # Doing

    def refused(self, tx: ServerTransaction, request: Request) -> bool:
        """True if the request is answered already, as 16.3 asks for.

        Scheme (416), hops (483, or 200 to an OPTIONS that is for us: 11), loop (482), extensions (420).
        """
        if request.raw_uri.partition(":")[0].lower() not in _SCHEMES and not asks_for_help(request):
            return self._refuse(tx, 416)
        if request.max_forwards == 0:
            ours = request.method == "OPTIONS" and any(side.owns(request.uri) for side in self.sides)
            return self._refuse(tx, *((200, [("Allow", ALLOW)]) if ours else (483,)))
        if loops(request, self.sides):
            return self._refuse(tx, 482)
        wanted = request.get("Proxy-Require")
        if wanted is not None and request.method not in ("ACK", "CANCEL"):
            return self._refuse(tx, 420, [("Unsupported", wanted)])
        return False

    def _refuse(
        self, tx: ServerTransaction, status: int, headers: list[tuple[str, str]] | None = None
    ) -> bool:
        if tx.can_respond:
            self.reply(tx, status, headers)
        return True

    def reply(self, tx: ServerTransaction, status: int, headers: list[tuple[str, str]] | None = None) -> None:
        """Answer as the proxy itself."""
        self.metrics.self_processed.inc()
        tx.reply(status, headers=headers or [])

    def reply_without_dialog(self, tx: ServerTransaction, method: str) -> None:
        """Answer a request from outside that begins nothing here; 405 says what is known (8.2.1)."""
        status = _WITHOUT_DIALOG.get(method, 405)
        self.reply(tx, status, [("Allow", ALLOW)] if status in (200, 405) else None)

    def forward(
        self,
        tx: ServerTransaction,
        request: Request,
        groups: list[list[Target]],
        *,
        role: str,
        to_edge: bool,
        seed: str = "",
        done: Callable[[Outcome], None],
    ) -> None:
        """Send a request on; `role` is what sent it, `to_edge` says that the responses go outside.

        `seed`: as in `Forwarding`.
        """
        self.count(role, received=1)

        def finished(outcome: Outcome) -> None:
            self.count(role, sent=1)
            done(outcome)

        Forwarding(self, tx, request, groups, to_edge=to_edge, seed=seed, done=finished).start()

    def forward_ack(self, request: Request, target: Target, branch: str | None = None) -> None:
        """Send the ACK of a 2xx on; it has no transaction."""
        copy = onward(request)
        if target.shift:
            shift_numbers(copy, target.shift)
        if target.uri is not None:
            copy.retarget(target.uri)
        if target.side == "edge":
            self.clean(copy, target.destination.transport, toward=target.destination.host)
        self.count_forwarded(copy.method, target)
        self.endpoints[target.side].send_ack(copy, target.destination, branch)

    def report(self, tenant: str, request: Request, origin: str, outcome: Outcome) -> None:
        """Tell Kafka how an INVITE ended."""
        answered = outcome.status < 300
        turned = outcome.target is None
        event = ProxyReport(
            id="InviteAnswered" if answered else "InviteRejected" if turned else "InviteFailed",
            time=self.ctx.now(),
            tenant=tenant,
            server=self.ctx.node,
            call_id=request.call_id,
            origin=origin,
            target=str(outcome.target) if outcome.target else "",
            status=outcome.status,
            attempts=outcome.attempts,
        )
        self.ctx.kafka.report(
            TOPIC_SIP_PROXY,
            event.call_id,
            event,
            connection="voice-60",
            failed=self.report_lost,
            gather=True,
        )

    def report_lost(self, error: BaseException) -> None:
        """Kafka did not take a report."""
        self.ctx.log.warning("report_lost", error=str(error))
