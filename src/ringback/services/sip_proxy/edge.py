"""The outer face: phones and trunks come in here."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable

from msgspec.structs import replace

from ringback.contracts.sip import HEADER_ORIGIN, HEADER_TENANT
from ringback.contracts.telephony import ClusterNode
from ringback.domain.configuration import Trunk
from ringback.runtime.http import HttpFailure, HttpUnavailable
from ringback.services.sip_proxy.admission import RateLimit
from ringback.services.sip_proxy.bans import Offence
from ringback.services.sip_proxy.callers import Caller, Turned
from ringback.services.sip_proxy.core import ProxyCore
from ringback.services.sip_proxy.earlier import seed_of
from ringback.services.sip_proxy.emergency import asks_for_help
from ringback.services.sip_proxy.marks import NOTIFIER, Mark, Taken
from ringback.services.sip_proxy.overload import spread
from ringback.services.sip_proxy.passage import place_of
from ringback.services.sip_proxy.refusals import Why
from ringback.services.sip_proxy.registering import Registering
from ringback.services.sip_proxy.registers import Registers
from ringback.services.sip_proxy.responses import busy
from ringback.services.sip_proxy.room import Limit
from ringback.services.sip_proxy.routes import marked, take_routes
from ringback.services.sip_proxy.targets import Outcome, Target, behind_us, node_target
from ringback.services.sip_proxy.web_calls import WebCalls
from ringback.sip import Request, Response, SipParseError, SipUri
from ringback.sip.exchange import ServerTransaction
from ringback.sip.transport import Destination, Source

_NO_NODE_RETRY_S = 5


def dialled_at_line(request: Request, trunk: Trunk) -> None:
    """A carrier sends calls to the Contact of the line: the number that was dialled is in To."""
    line, uri, to = trunk.line, request.uri, request.to.uri
    if line is not None and uri.user == line.user and "line" in uri.params and to.user:
        request.uri = SipUri("sip", to.user, uri.host, uri.port)


def _offence_of(caller: Turned, request: Request) -> Offence | None:
    """What there is to blame who is turned away for."""
    if caller.stranger:
        return Offence.STRANGER
    guessed = caller.status == 407 and not caller.stale and request.has("Proxy-Authorization")
    return Offence.PASSWORD if guessed else None


class Edge:
    """Decides about requests from outside: they go to the registrar or to a cluster node, nowhere else."""

    def __init__(self, core: ProxyCore) -> None:
        self._core = core
        self._ctx = core.ctx
        rate = core.settings.registers_per_second
        self._others = RateLimit(rate, 2 * rate)
        in_dialogs = core.settings.requests_per_second
        self._in_dialogs = RateLimit(in_dialogs, 2 * in_dialogs)
        self._web = WebCalls(core)
        self._registering = Registering(core)
        self.registers = Registers(core, self._registering, self.turns_away)

    def admit(self, request: Request, source: Source) -> Response | None:
        """The refusal of a request that exceeds the limits; it costs neither look-up nor transaction."""
        if request.method == "REGISTER" and request.to_tag is None:
            turned = self.turns_away(source)
            return None if turned is None else self._busy(request, *turned)
        if wait := self._shed(request):
            return self._busy(request, wait, Why.OVERLOAD)
        now, why = self._ctx.monotonic(), Why.SOURCE_RATE
        if request.to_tag is not None:
            wait = math.ceil(self._in_dialogs.wait(source.host, now))
        elif request.method == "INVITE":
            wait = self._core.admission.admit(source.host, request.call_id, now)
            if wait:
                why = self._core.admission.why(source.host)
        else:
            wait = math.ceil(self._others.wait(source.host, now))
        if not wait:
            return None
        self._flooded(source)
        return self._busy(request, wait, why)

    def turns_away(self, source: Source) -> tuple[int, Why] | None:
        """What `admit` says to a REGISTER: the seconds after which it may come again, and why.

        All phones come back at once when their proxy does: they can wait, and calls cannot.
        """
        overload = self._core.overload
        overload.came(patient=True)
        if wait := overload.wait(random.random(), patient=True):  # noqa: S311 - a lottery, no secret
            self._core.metrics.shed.inc()
            return wait, Why.OVERLOAD
        if wait := math.ceil(self._others.wait(source.host, self._ctx.monotonic())):
            self._flooded(source)
            return wait, Why.SOURCE_RATE
        return None

    def _flooded(self, source: Source) -> None:
        self._core.metrics.rejected.inc()
        self._core.guard.offend(source, Offence.FLOOD)

    def _shed(self, request: Request) -> int:
        """The seconds to tell a request that cannot be taken now; dialogs and emergencies go first."""
        core = self._core
        if request.to_tag is not None:
            return 0
        core.overload.came(patient=False)
        wait = core.overload.wait(random.random())  # noqa: S311 - a lottery, no secret
        if not wait or core.callers.is_emergency(request):
            return 0
        core.metrics.shed.inc()
        return wait

    def waited(self, request: Request) -> Response:
        """The refusal of a call that has waited at the entrance for too long."""
        self._core.metrics.shed.inc()
        return self._busy(request, spread(random.random()), Why.OVERLOAD)  # noqa: S311 - no secret

    def _busy(self, request: Request, wait: int, why: Why) -> Response:
        self._core.refusals.turn(why)
        return busy(request, wait)

    def on_request(self, tx: ServerTransaction, request: Request) -> Awaitable[None] | None:
        """A request from outside; what needs no look-up is done at once."""
        core = self._core
        core.metrics.request(request.method, "edge")
        if core.refused(tx, request):
            if request.to_tag is None:
                core.call_ended(request.call_id)
            return None
        work = request.copy()
        # An INVITE loses what its sender may not assert once it is known who that is.
        core.hygiene.inward(work, trusted=request.method == "INVITE")
        if core.hygiene.refuses_body(work):
            if request.to_tag is None:
                core.call_ended(request.call_id)
            core.reply(tx, 415, [("Accept", ", ".join(core.hygiene.bodies))])
            return None
        taken = take_routes(work, core.sides)
        if request.method == "CANCEL":
            self._lost_cancel(tx, work, taken)
        elif request.to_tag is not None:
            self._in_dialog(tx, work, taken)
        elif request.method in ("INVITE", "SUBSCRIBE"):
            return self._invite(tx, work)
        elif request.method == "REGISTER":
            return self._registering.on_request(tx, work)
        elif tx.can_respond:
            core.reply_without_dialog(tx, request.method)
        return None

    def _in_dialog(self, tx: ServerTransaction, request: Request, taken: list[Taken]) -> None:
        core = self._core
        name, by_flow = marked(taken)
        if not taken:
            # Some user agents know nothing of route sets: the call itself says where it is.
            name = core.admission.node_of(request.call_id)
        if name == NOTIFIER:
            self._to_notifier(tx, request)
            return
        if (gateway := place_of(name)) is not None:
            self._web.go_on(tx, request, gateway)
            return
        name = core.moved.node_of(request.call_id, name)
        order = core.directory.cluster_order(name, self._ctx.monotonic()) if taken or name else []
        if not order:
            if tx.can_respond:
                if taken or name:
                    core.refusals.turn(Why.NO_NODE)
                core.reply(tx, 503 if taken or name else 481)
            elif not taken:
                core.earlier.ack(request)
            return
        if order[0].node != name:
            core.metrics.reselected.inc()
            self._ctx.log.info("node_reselected", gone=name, node=order[0].node)
        targets = self._behind_us(request, [node_target(node) for node in order[: core.settings.attempts]])
        if not tx.can_respond:
            core.forward_ack(request, targets[0], core.earlier.branch(request, targets[0]))
            return

        role = "phone" if by_flow else "trunk"

        def done(outcome: Outcome) -> None:
            if request.method == "BYE":
                core.call_ended(request.call_id)

        seed = seed_of(request) if request.method == "INVITE" else ""
        groups = [[target] for target in targets]
        core.forward(tx, request, groups, role=role, to_edge=True, seed=seed, done=done)

    def _behind_us(self, request: Request, targets: list[Target]) -> list[Target]:
        """The same targets, for a request in a dialog: who sends it may take us for the node."""
        if not self._core.edge.owns(request.uri):
            return targets
        return [replace(target, uri=behind_us(request, target.destination)) for target in targets]

    def _lost_cancel(self, tx: ServerTransaction, request: Request, taken: list[Taken]) -> None:
        """A CANCEL without its INVITE: an earlier proxy may have had that (RFC 3261 16.10)."""
        core = self._core
        line = core.trunks.line_of(request)
        if line is not None:
            dialled_at_line(request, line[1])
        name, _ = marked(taken)
        targets = core.earlier.nodes(name)
        if request.to_tag is not None:
            targets = self._behind_us(request, targets)
        core.earlier.cancel(tx, request, targets)

    def _invite(self, tx: ServerTransaction, request: Request) -> Awaitable[None] | None:
        """A call or a subscription begins; nearly always all that is needed is at hand."""
        try:
            caller = self._core.callers.identify_now(request, tx.source)
        except SipParseError as error:
            caller = Turned(error.status)
        if caller is None:
            return self._ask_who(tx, request)
        return self._known(tx, request, caller)

    async def _ask_who(self, tx: ServerTransaction, request: Request) -> None:
        caller: Caller | Turned
        try:
            caller = await self._core.callers.identify(request, tx.source)
        except (HttpUnavailable, HttpFailure) as error:
            self._ctx.log.warning("configuration_away", error=repr(error))
            self._core.refusals.turn(Why.LOOKUP)
            caller = Turned(503, [("Retry-After", str(_NO_NODE_RETRY_S))])
        except SipParseError as error:
            caller = Turned(error.status)
        more = self._known(tx, request, caller)
        if more is not None:
            await more

    def _known(
        self, tx: ServerTransaction, request: Request, caller: Caller | Turned
    ) -> Awaitable[None] | None:
        core = self._core
        if isinstance(caller, Turned):
            core.call_ended(request.call_id)
            core.reply(tx, caller.status, caller.headers)
            offence = _offence_of(caller, request)
            if offence is not None:
                # Once the answer has left, or the clock would tell a stranger from a number of ours.
                asyncio.get_running_loop().call_soon(self._offended, tx.source, offence)
            return None
        if not caller.is_trunk:
            core.guard.prove(tx.source)
        if request.method == "SUBSCRIBE":
            self._to_notifier(tx, request, caller)
        elif full := self._full(request, caller):
            self._no_room(tx, request, *full)
        elif limits := self._limits(request, caller):
            return self._ask_room(tx, request, caller, limits)
        else:
            self._let_in(tx, request, caller)
        return None

    def _offended(self, source: Source, offence: Offence) -> None:
        if offence is Offence.STRANGER:
            self._ctx.log.info("caller_unknown", source=source.host)
        self._core.guard.offend(source, offence)

    async def _ask_room(
        self, tx: ServerTransaction, request: Request, caller: Caller, limits: list[Limit]
    ) -> None:
        """There is room as far as this proxy knows; the others have calls too."""
        core = self._core
        for limit in limits:
            wait = await core.room.claim(limit)
            if wait:
                if limit.trunk:
                    core.trunk_calls.turned(limit.tenant, limit.trunk, request.call_id)
                    core.metrics.trunk_rejected.labels(limit.tenant, limit.trunk).inc()
                else:
                    core.metrics.rejected.inc()
                self._no_room(tx, request, wait, Why.TRUNK_LIMIT if limit.trunk else Why.TENANT_LIMIT)
                return
        self._let_in(tx, request, caller)

    def _limits(self, request: Request, caller: Caller) -> list[Limit]:
        """What is limited over all proxies; mostly nothing."""
        settings, limits = self._core.settings, []
        calls, rate = settings.max_tenant_calls, settings.tenant_calls_per_second
        if (calls or rate) and not self._core.callers.is_emergency(request):
            limits.append(Limit(caller.tenant, "", calls, rate))
        if caller.trunk is not None and (limit := Limit.of(caller.tenant, caller.trunk)) is not None:
            limits.append(limit)
        return limits

    def _no_room(self, tx: ServerTransaction, request: Request, wait: int, why: Why) -> None:
        self._core.refusals.turn(why)
        self._core.call_ended(request.call_id)
        self._core.reply(tx, 503, [("Retry-After", str(wait))])

    def _let_in(self, tx: ServerTransaction, request: Request, caller: Caller) -> None:
        if asks_for_help(request) and not self._core.callers.help_dialled(request, caller.tenant):
            self._core.call_ended(request.call_id)
            self._core.reply(tx, 404)
            return
        if caller.trunk is not None:
            dialled_at_line(request, caller.trunk)
        request.remove("Proxy-Authorization")
        if self._core.webrtc.is_wanted(tx.source.transport, request.body):
            self._web.begin(tx, request, caller)
        else:
            self._to_cluster(tx, request, caller)

    def _full(self, request: Request, caller: Caller) -> tuple[int, Why] | None:
        """None, or the seconds after which there may be room for this call, and which limit it is."""
        core, now = self._core, self._ctx.monotonic()
        wait = core.admission.admit_tenant(caller.tenant, request.call_id, now)
        if wait and not core.callers.is_emergency(request):
            core.metrics.rejected.inc()
            return wait, Why.TENANT_LIMIT
        if caller.trunk is None:
            return None
        wait = core.trunk_calls.begin(caller.tenant, caller.trunk, request.call_id, now)
        if wait:
            core.metrics.trunk_rejected.labels(caller.tenant, caller.trunk.id).inc()
        return (wait, Why.TRUNK_LIMIT) if wait else None

    def _to_cluster(self, tx: ServerTransaction, request: Request, caller: Caller) -> None:
        core = self._core
        if not caller.is_trunk or not core.trusts(caller.origin.partition("=")[2]):
            request.remove("P-Asserted-Identity")
        order = core.directory.cluster_order("", self._ctx.monotonic())[: core.settings.attempts]
        if not order:
            self._no_room(tx, request, _NO_NODE_RETRY_S, Why.NO_NODE)
            return
        groups = [[self._node_target(node, tx, caller)] for node in order]
        core.directory.chosen(order[0].node)

        def done(outcome: Outcome) -> None:
            if outcome.status == 503:
                core.refusals.turn(Why.NODE)
            if outcome.status >= 300:
                core.call_ended(request.call_id)
            elif outcome.target is not None:
                core.admission.answered_by(request.call_id, outcome.target.name)
            core.report(caller.tenant, request, caller.origin, outcome)

        role = "trunk" if caller.is_trunk else "phone"
        seed = seed_of(request)
        core.forward(tx, request, groups, role=role, to_edge=True, seed=seed, done=done)

    def _node_target(self, node: ClusterNode, tx: ServerTransaction, caller: Caller) -> Target:
        core, source = self._core, tx.source
        flow = None if caller.is_trunk else Destination(source.transport, source.host, source.port)
        known = caller.trunk is not None and core.trunks.digest(caller.tenant, caller.trunk) is not None
        trunk = f"{caller.tenant}/{caller.trunk.id}" if caller.trunk is not None and known else ""
        return node_target(
            node,
            record_routes=(
                core.edge.route(Mark(node.node, flow, 0, trunk), source.transport, source.host),
                core.inside.route(Mark(node.node), "tcp"),
            ),
            headers=((HEADER_TENANT, caller.tenant), (HEADER_ORIGIN, caller.origin)),
        )

    def _to_notifier(self, tx: ServerTransaction, request: Request, caller: Caller | None = None) -> None:
        """A subscription begins, of a `caller`, or goes on: the registrars answer it."""
        core, source = self._core, tx.source
        if caller is not None and caller.is_trunk:
            core.reply(tx, 403)
            return
        request.remove("Proxy-Authorization")
        headers: tuple[tuple[str, str], ...] = ()
        routes: tuple[str, ...] = ()
        if caller is not None:
            headers = ((HEADER_TENANT, caller.tenant), (HEADER_ORIGIN, caller.origin))
            flow = Destination(source.transport, source.host, source.port)
            routes = (
                core.edge.route(Mark(NOTIFIER, flow), source.transport),
                core.inside.route(Mark(NOTIFIER), "tcp"),
            )
        targets = [
            Target(
                "registrar",
                name,
                "inside",
                place,
                uri=behind_us(request, place) if caller is None else None,
                record_routes=routes,
                headers=headers,
            )
            for name, place in core.directory.registrar_order(self._ctx.monotonic())[: core.settings.attempts]
        ]
        if not tx.can_respond:
            return
        groups = [[target] for target in targets]
        core.forward(tx, request, groups, role="phone", to_edge=True, done=lambda outcome: None)
