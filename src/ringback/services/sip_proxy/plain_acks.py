"""The ACK of a 2xx on its way through the proxy, line by line: it has no transaction and changes little.

What is in any way unusual goes the way of all other requests, which does the same with more care.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringback.services.sip_proxy.hygiene import hidden_contact
from ringback.services.sip_proxy.passage import place_of
from ringback.services.sip_proxy.routes import known_ours, marked, outer_mark, was_here
from ringback.services.sip_proxy.targets import Target, behind, node_target
from ringback.sip.plain_ack import START, PlainAck, read_ack
from ringback.sip.transport import Destination, Source
from ringback.sip.uri import format_host_port

if TYPE_CHECKING:
    from ringback.services.sip_proxy.core import ProxyCore
    from ringback.sip.endpoint import SipEndpoint


class PlainAcks:
    """Sends them on."""

    def __init__(self, core: ProxyCore) -> None:
        self._core = core

    def connect(self, edge: SipEndpoint, inside: SipEndpoint) -> None:
        """From now on both faces ask here before they read an ACK."""
        self._edge, self._inside = edge, inside
        edge.takes_unread[START] = self.inward
        inside.takes_unread[START] = self.outward

    def inward(self, data: bytes, source: Source) -> bool:
        """From a trunk or a phone to the node that has the dialog."""
        core = self._core
        ack = read_ack(data)
        if ack is None or core.earlier.owes_acks or not _passes(ack, self._edge):
            return False
        via = _noted(ack, source)
        ours, others = known_ours(ack.routes, core.sides)
        name = core.moved.node_of(ack.first["Call-ID"], marked(ours)[0])
        node = core.directory.cluster.get(name)
        if not via or others or node is None or name in core.directory.distrusted:
            return False
        core.metrics.request("ACK", "edge")
        target = node_target(node)
        uri = behind(ack.uri, target.destination) if core.edge.owns(ack.uri) else ack.uri_text
        # The top Via as it is noted, then all lines but that one.
        first = ack.lines.index(("Via", ack.first["Via"]))
        kept = [*ack.lines[:first], via, *ack.lines[first + 1 :]]
        self._send(self._inside, target, uri, ack, kept)
        return True

    def outward(self, data: bytes, source: Source) -> bool:
        """From a node to a phone behind its flow."""
        core = self._core
        if source.host not in core.directory.hosts or source.transport == "udp":
            return False
        ack = read_ack(data)
        if ack is None or not _passes(ack, self._inside):
            return False
        ours, others = known_ours(ack.routes, core.sides)
        outer = outer_mark(ours)
        if outer is None or others or place_of(outer.node) is not None:
            return False
        flow = core.living_flow(outer.flow)
        if flow is None:
            return False
        core.metrics.request("ACK", "inside")
        kept = self._shown(ack, flow)
        self._send(self._edge, Target("phone", "", "edge", flow), ack.uri_text, ack, kept)
        return True

    def _shown(self, ack: PlainAck, flow: Destination) -> list[tuple[str, str]]:
        """The lines that may be seen outside, as `Hygiene.outward` leaves them."""
        agent, edge, kept = self._core.hygiene.agent, self._core.edge, []
        host = edge.host_toward(flow.host)
        for pair in ack.lines:
            name = pair[0]
            if name == "Contact":
                kept.append((name, hidden_contact(pair[1], edge, flow.transport, host)))
            elif name == "User-Agent":
                kept += [(name, agent)] if agent else []
            elif name != "Via":
                kept.append(pair)
        return kept

    def _send(
        self, endpoint: SipEndpoint, target: Target, uri: str, ack: PlainAck, kept: list[tuple[str, str]]
    ) -> None:
        self._core.count_forwarded("ACK", target)
        place = target.destination
        host, port = endpoint.local_address(place.transport, place.host)
        mark = ";rport" if place.transport == "udp" else ""
        sent_by = f"{place.transport.upper()} {format_host_port(host, port)}"
        lines = [
            f"ACK {uri} SIP/2.0",
            f"Via: SIP/2.0/{sent_by};branch={endpoint.ids.branch()}{mark}",
            f"Max-Forwards: {ack.fewer}",
        ]
        lines += [f"{name}: {value}" for name, value in kept if name not in _OURS]
        lines.append("Content-Length: 0\r\n\r\n")
        endpoint.send_bytes("\r\n".join(lines).encode("ascii"), place)


_OURS = frozenset({"Max-Forwards", "Route", "Content-Length"})


def _passes(ack: PlainAck, endpoint: SipEndpoint) -> bool:
    """True for the ACK of a 2xx that was not here before; that of a refusal belongs to its INVITE."""
    if any(name == "Via" and was_here(value) for name, value in ack.lines):
        return False
    return not endpoint.awaits_ack(ack.via)


def _noted(ack: PlainAck, source: Source) -> tuple[str, str] | None:
    """The top Via with where it came from (RFC 3261 18.2.1, RFC 3581 4); None where that is not plain."""
    line, params = ack.first["Via"], ack.via.params
    if "received" in params:
        return None
    if "rport" in params:
        return ("Via", f"{line}={source.port};received={source.host}") if line.endswith(";rport") else None
    return ("Via", line) if ack.via.host == source.host else None
