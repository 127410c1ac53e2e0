"""Calls that ring while a proxy is killed: what the one after it does for them without knowing them.

RFC 3261 16.10 has a CANCEL forwarded statelessly where there is no response context; so a CANCEL, and the ACK
of a refusal, go on to the nodes under the branch that the earlier proxy must have chosen for the INVITE, for
it follows from the INVITE (16.11). What a node answers to such an INVITE is passed back by its Via (16.7).
RFC 6026 8.9 forbids that, for it may come from strangers; this comes from our own nodes. All this ends when
nothing of before can ring any more: then who is not known is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringback.services.sip_proxy.routes import branch_for
from ringback.services.sip_proxy.targets import Target, node_target, salt_of
from ringback.sip import NameAddr, Request, Response
from ringback.sip.exchange import ServerTransaction
from ringback.sip.transport import TRANSPORTS, Destination
from ringback.sip.uri import Via

if TYPE_CHECKING:
    from ringback.services.sip_proxy.core import ProxyCore

_WHILE_S = 900.0
"""Nothing rings longer than this."""


def seed_of(request: Request) -> str:
    """What the branches of an INVITE from outside follow from: the same for it, its CANCEL and its ACK."""
    via = request.via
    return f"{via.branch} {via.sent_by}"


class EarlierCalls:
    """What is forwarded for the proxy that was here before."""

    def __init__(self, core: ProxyCore) -> None:
        self._core = core
        self._until = core.ctx.monotonic() + _WHILE_S
        self._refused: set[tuple[str, int]] = set()
        """Call-ID and sequence number of the INVITEs whose refusal was passed back and has no ACK yet."""

    @property
    def possible(self) -> bool:
        """True as long as something may ring that an earlier proxy has forwarded."""
        return self._core.ctx.monotonic() < self._until

    @property
    def owes_acks(self) -> bool:
        """True if a refusal was passed back whose ACK is to be known by its number."""
        return len(self._refused) > 0

    def nodes(self, name: str = "") -> list[Target]:
        """The nodes that may have an INVITE: the one that its Route names, else all."""
        nodes = self._core.directory.cluster.values() if self.possible else ()
        return [node_target(node) for node in nodes if name in ("", node.node)]

    def cancel(self, tx: ServerTransaction, request: Request, targets: list[Target]) -> None:
        """Send a CANCEL to all nodes that may have the INVITE; the one that has it says 200."""
        core = self._core
        if not targets:
            core.reply(tx, 481)
            return
        core.metrics.earlier.inc()
        seed = seed_of(request)
        core.forward(tx, request, [targets], role="trunk", to_edge=True, seed=seed, done=lambda outcome: None)

    def ack(self, request: Request) -> None:
        """Send the ACK of a refusal after the INVITE (17.1.1.3: under its branch)."""
        self._refused.discard((request.call_id, request.cseq.number))
        invite = request.copy()
        to = request.to
        without = {name: value for name, value in to.params.items() if name != "tag"}
        invite.set("To", NameAddr(to.uri, to.display, without))
        for target in self.nodes():
            branch = branch_for(invite, salt_of(seed_of(request), target))
            self._core.forward_ack(request, target, branch)

    def branch(self, request: Request, target: Target) -> str | None:
        """The branch of the ACK in a dialog where it is that of a refused re-INVITE (17.1.1.3); else None."""
        key = (request.call_id, request.cseq.number)
        if key not in self._refused:
            return None
        self._refused.discard(key)
        return branch_for(request, salt_of(seed_of(request), target))

    def answered(self, response: Response) -> None:
        """A response of a node to an INVITE that an earlier proxy has forwarded from outside."""
        core = self._core
        vias = response.values("Via")
        if not self.possible or response.cseq.method != "INVITE" or len(vias) < 2:
            return
        ours, theirs = Via.parse(vias[0]), Via.parse(vias[1])
        way = theirs.transport.lower()
        if (ours.host, ours.port) != (core.inside.host, core.inside.port) or way not in TRANSPORTS:
            return
        if core.directory.node_at(theirs.host, theirs.port or 5060):
            return
        if response.status >= 300:
            self._refused.add((response.call_id, response.cseq.number))
        response.pop_first("Via")
        place = Destination(way, *theirs.reply_address)
        core.clean(response, way, toward=place.host)
        core.metrics.earlier.inc()
        core.endpoints["edge"].send(response, place)
