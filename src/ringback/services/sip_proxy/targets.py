"""Where a request may go from the proxy, and how it ended."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache

from msgspec import Struct

from ringback.contracts.telephony import ClusterNode, SipNode
from ringback.sip import Request, SipUri
from ringback.sip.digest import DigestClient
from ringback.sip.message import FORGOTTEN
from ringback.sip.transport import Destination
from ringback.sip.uri import format_host_port


class Target(Struct, frozen=True, gc=False):
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
    proven_route: Callable[[int], str] | None = None
    """What stands for `record_routes` once so many challenges were answered."""
    shift: int = 0
    """How much higher the CSeq is there than the sender's (22.2: each try has a number of its own)."""
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
    place = _place(node.sip_host, node.sip_port)
    return Target(role, node.node, "inside", place, record_routes=record_routes, headers=headers)


@lru_cache(1024)
def _place(host: str, port: int) -> Destination:
    return Destination("tcp", host, port)


class Outcome(Struct, frozen=True):
    """How a forwarded request ended."""

    status: int
    target: Target | None
    attempts: int
    stale: bool = False
    """Nothing was wrong with the credentials but the age of their nonce."""


def behind_us(request: Request, place: Destination) -> str:
    """The Contact of a node, for which outside there stands ours (RFC 3261 12.2.1.1)."""
    return behind(request.uri, place)


def behind(uri: SipUri, place: Destination) -> str:
    """The Contact of a node behind a URI that leads to us."""
    user = f"{uri.user}@" if uri.user else ""
    return f"sip:{user}{format_host_port(place.host, place.port)};transport=tcp"


def salt_of(seed: str, target: Target) -> str:
    """The part of a branch that differs from target to target."""
    # One name may stand for several addresses; a phone may come back behind another one.
    place = target.destination if target.role == "trunk" else ""
    text = f"{seed} {target.role} {target.name} {target.uri} {place} {target.shift or ''}"
    return hashlib.blake2s(text.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()


def for_repetitions(request: Request, target: Target) -> Request:
    """What is still needed of a request that was accepted: the 2xx may come again for half a minute."""
    if target.side != "edge":
        return FORGOTTEN
    kept = Request(request.method, request.raw_uri)
    kept.headers = [pair for pair in request.headers if pair[0] in ("Via", "CSeq")]
    return kept
