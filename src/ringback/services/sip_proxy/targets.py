"""Where a request may go from the proxy, and how it ended."""

from __future__ import annotations

from msgspec import Struct

from ringback.contracts.telephony import ClusterNode, SipNode
from ringback.sip import Request
from ringback.sip.digest import DigestClient
from ringback.sip.transport import Destination
from ringback.sip.uri import format_host_port


class Target(Struct, frozen=True):
    """Where a request may go. `role`: node, media, registrar, webrtc, trunk, phone; `side`: edge, inside."""

    role: str
    name: str
    side: str
    destination: Destination
    uri: str | None = None
    """The new Request-URI; None keeps the one that it has."""
    record_routes: tuple[str, ...] = ()
    """Put on top one after the other: the last comes to stand first."""
    near_routes: tuple[str, ...] = ()
    """Record-Route that only the sender's side sees: added to the response (16.7 step 8), in that order."""
    trusted: bool = False
    """A peer that may assert identities and be told them (RFC 3325)."""
    headers: tuple[tuple[str, str], ...] = ()
    routes: tuple[str, ...] = ()
    """The way to a phone behind other proxies (RFC 3327 5.3), the first stop first."""
    digest: DigestClient | None = None
    """Answers the challenges of a trunk."""
    proven_routes: tuple[str, ...] = ()
    """What stands for `record_routes` once a challenge was answered."""
    shift: int = 0
    """How much higher the CSeq is there than the sender's (22.2: each try has a number of its own)."""
    proven: bool = False
    """A challenge was answered already."""
    instance: str = ""
    """Which phone this is, where several flows lead to one (RFC 5626 7)."""
    hunts: bool = False
    """A phone behind a gateway: where it refuses, the next may answer."""
    line: str = ""
    """Whose phone it is, where it may come back by another way (`returning.line_of`)."""
    mark: str = ""
    """The node in its `record_routes`: they are made anew where its flow is another one."""

    def __str__(self) -> str:
        return f"{self.role}={self.name}"


def node_target(
    node: ClusterNode | SipNode,
    role: str = "node",
    *,
    record_routes: tuple[str, ...] = (),
    headers: tuple[tuple[str, str], ...] = (),
) -> Target:
    """A node of the cluster, or of media; no routes and headers: for a request in a dialog that it has."""
    place = Destination("tcp", node.sip_host, node.sip_port)
    return Target(role, node.node, "inside", place, record_routes=record_routes, headers=headers)


class Outcome(Struct, frozen=True):
    """How a forwarded request ended."""

    status: int
    target: Target | None
    attempts: int
    stale: bool = False
    """Nothing was wrong with the credentials but the age of their nonce."""


def behind_us(request: Request, place: Destination) -> str:
    """The Contact of a node, for which outside there stands ours (RFC 3261 12.2.1.1)."""
    user = f"{request.uri.user}@" if request.uri.user else ""
    return f"sip:{user}{format_host_port(place.host, place.port)};transport=tcp"
