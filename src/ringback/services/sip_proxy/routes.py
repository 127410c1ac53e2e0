"""What a proxy does to the headers of routing (RFC 3261 16.3 to 16.6, RFC 5658). Pure.

The user part of our Record-Route, sealed outside, names the cluster node that has the dialog and, towards a
phone, the address behind which it sits (its flow): in-dialog requests need no lookup.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, unquote

from msgspec import Struct

from ringback.services.sip_proxy.seal import seal, unseal
from ringback.sip import NameAddr, Request, SipUri, Via
from ringback.sip.ids import BRANCH_COOKIE
from ringback.sip.message import CSeq, parse_number
from ringback.sip.transport import TRANSPORTS, WEB, Destination
from ringback.sip.uri import split_commas

_SEPARATOR = "~"
NOTIFIER = "@registrar"
"""The mark of dialogs that any registrar goes on with: subscriptions."""


class Mark(Struct, frozen=True):
    """The user part of a Record-Route of ours."""

    node: str = ""
    flow: Destination | None = None
    shift: int = 0
    """How much higher the CSeq numbers are outside, where the proxy has answered challenges itself."""
    trunk: str = ""
    """`tenant/trunk` whose challenges the proxy answers."""

    def encode(self, key: bytes = b"") -> str:
        """The user part. With a `key`, for outside, it is sealed.

        Nobody else may make this proxy send somewhere (RFC 5626 5.2), or learn what our parts are called.
        """
        parts = [self.node]
        if self.flow is not None:
            parts += [self.flow.transport, self.flow.host, str(self.flow.port)]
        elif self.trunk:
            parts += [str(self.shift), self.trunk]
        text = _SEPARATOR.join(quote(part, safe="").replace(_SEPARATOR, "%7E") for part in parts)
        return seal(text, key) if key and text else text

    @classmethod
    def decode(cls, user: str | None, key: bytes = b"") -> Mark:
        """Read a user part; of one that is not of ours no more than a node is believed."""
        return _known_mark(user or "", key)

    @classmethod
    def _decode(cls, text: str, key: bytes) -> Mark:
        if key:
            plain = unseal(text, key)
            # A dialog may be older than the seals: its node may be told, for any node may take a call over.
            text = text.partition(_SEPARATOR)[0] if plain is None else plain
        parts = [unquote(part) for part in text.split(_SEPARATOR)]
        if len(parts) == 4 and parts[3].isdigit() and parts[1] in TRANSPORTS:
            return cls(parts[0], Destination(parts[1], parts[2], int(parts[3])))
        if len(parts) == 3 and parts[1].isdigit():
            return cls(parts[0], None, int(parts[1]), parts[2])
        return cls(parts[0])


_known_mark = lru_cache(1024)(Mark._decode)


class Side(Struct, frozen=True):
    """One face of the proxy: `name` is edge or inside; it answers to `host`:`port`.

    `others` are the ports of transports that have their own (tls, ws, wss); `key` seals what the face writes;
    `second` is its address in the other version of IP.
    """

    name: str
    host: str
    port: int
    others: tuple[tuple[str, int], ...] = ()
    key: bytes = b""
    second: str = ""

    def owns(self, uri: SipUri) -> bool:
        """True if a URI leads to this face."""
        port = uri.port or 5060
        ours = uri.host == self.host or (self.second != "" and uri.host == self.second)
        return ours and (port == self.port or any(port == other for _, other in self.others))

    def port_of(self, transport: str) -> int:
        """The port of a transport."""
        for name, port in self.others:
            if name == transport:
                return port
        return self.port

    @property
    def hosts(self) -> tuple[str, ...]:
        """Its addresses."""
        return (self.host, self.second) if self.second else (self.host,)

    def host_toward(self, other: str) -> str:
        """What the face is called by somebody at this address: the one of the same version of IP."""
        return self.second if self.second and (":" in self.second) == (":" in other) else self.host

    def route(self, mark: Mark, transport: str, toward: str = "") -> str:
        """A Record-Route value of this face, for whoever is at `toward`, or behind the flow of the mark."""
        host = self.host
        if self.second and (other := toward or (mark.flow.host if mark.flow is not None else "")):
            host = self.host_toward(other)
        return _known_route(host, self.port_of(transport), self.key, mark, transport)

    @staticmethod
    def _write_route(host: str, port: int, key: bytes, mark: Mark, transport: str) -> str:
        params: dict[str, str | None] = {}
        if transport != "udp":
            params["transport"] = "ws" if transport in WEB else transport
        uri = SipUri("sip", mark.encode(key) or None, host, port, {**params, "lr": None})
        return f"<{uri}>"


# The same few for every call of a trunk; a phone's are seen again with its next call.
_known_route = lru_cache(4096)(Side._write_route)


class Taken(Struct, frozen=True):
    """A Route of ours that was taken off a request."""

    side: Side
    mark: Mark


def take_routes(request: Request, sides: tuple[Side, ...]) -> list[Taken]:
    """Take our own values off the top of the Route set (16.4; two where the request crosses the proxy)."""
    if "Route" not in request.first_values():
        return []
    taken = _repair(request, sides)
    routes = request.values("Route")
    for place, route in enumerate(routes):
        uri = NameAddr.parse(route).uri
        side = _owner(uri, sides)
        if side is None:
            if place:
                request.remove("Route")
                for other in routes[place:]:
                    request.add("Route", other)
            return taken
        taken.append(Taken(side, Mark.decode(uri.user, side.key)))
    if routes:
        request.remove("Route")
    return taken


def marked(taken: list[Taken]) -> tuple[str, bool]:
    """The node that our routes name, if they do, and whether they lead to a phone by its flow."""
    name, by_flow = "", False
    for item in taken:
        name = name or item.mark.node
        by_flow = by_flow or item.mark.flow is not None
    return name, by_flow


def _owner(uri: SipUri, sides: tuple[Side, ...]) -> Side | None:
    """The face that a URI leads to."""
    for side in sides:
        if side.owns(uri):
            return side
    return None


def _repair(request: Request, sides: tuple[Side, ...]) -> list[Taken]:
    """Undo what a strict router did (16.4): our Record-Route is the Request-URI, the target comes last."""
    if ";lr" not in request.raw_uri or not request.has("Route"):
        return []
    side = _owner(request.uri, sides)
    if side is None:
        return []
    mark = Mark.decode(request.uri.user, side.key)
    *others, last = request.values("Route")
    request.remove("Route")
    for route in others:
        request.add("Route", route)
    request.uri = NameAddr.parse(last).uri
    return [Taken(side, mark)]


def lead_to_strict_router(request: Request) -> None:
    """A next hop that knows no loose routing gets the Request-URI, and the target goes last (16.6 step 6)."""
    line = request.get("Route")
    if line is None:
        return
    first = NameAddr.parse(split_commas(line)[0]).uri
    if "lr" in first.params:
        return
    request.pop_first("Route")
    request.add("Route", f"<{request.raw_uri}>")
    request.uri = first.without_headers()


def shift_numbers(request: Request, shift: int) -> None:
    """Raise the CSeq, and what a PRACK says of the INVITE (RFC 3262 7.2), to what the other side counts."""
    if not shift:
        return
    request.set("CSeq", CSeq(request.cseq.number + shift, request.cseq.method))
    number, _, rest = (request.get("RAck") or "").partition(" ")
    cseq, _, method = rest.strip().partition(" ")
    if cseq.isdigit():
        request.set("RAck", f"{number} {int(cseq) + shift} {method.strip()}")


MAX_BREADTH = 60


def shared_breadth(request: Request, branches: int) -> int:
    """What each of so many branches may fork further (RFC 5393 5.3.3); 0 if there are too many (440)."""
    if branches == 1:
        return MAX_BREADTH
    given = parse_number(request.get("Max-Breadth") or "")
    return (MAX_BREADTH if given is None else given) // branches


_BRANCH_OF_A_PROXY = re.compile(BRANCH_COOKIE + r"[0-9a-f]{12}\.").search
"""Finds what `branch_for` writes."""


def fingerprint(request: Request) -> str:
    """A hash over all that decides where a request goes (16.6 step 8)."""
    first = request.first_values()
    parts = (
        request.raw_uri,
        first.get("Call-ID", ""),
        str(request.cseq.number),
        request.from_tag or "",
        request.to_tag or "",
        ",".join(request.get_all("Route")) if "Route" in first else "",
        ",".join(request.get_all("Proxy-Require")) if "Proxy-Require" in first else "",
    )
    return hashlib.blake2s("\n".join(parts).encode("utf-8", "surrogateescape"), digest_size=6).hexdigest()


def branch_for(request: Request, random: str) -> str:
    """A branch that lets this proxy recognise the request if it comes back unchanged."""
    return f"{BRANCH_COOKIE}{fingerprint(request)}.{random}"


def loops(request: Request, sides: tuple[Side, ...]) -> bool:
    """True if the request was here before and would go the same way again (16.3 step 4)."""
    # A fingerprint is made only where there is one to compare it with.
    ours = [value for name, value in request.headers if name == "Via" and _BRANCH_OF_A_PROXY(value)]
    if not ours:
        return False
    mark = f"{BRANCH_COOKIE}{fingerprint(request)}."
    found = [Via.parse(value) for line in ours if mark in line for value in split_commas(line)]
    return any(mark in via.branch and via.host in side.hosts for via in found for side in sides)


def onward(
    request: Request, on_top: list[tuple[str, str]] | None = None, headers: Iterable[tuple[str, str]] = ()
) -> Request:
    """A copy with Max-Forwards lowered by one, or set to 70 where there was none (16.6 step 3).

    `on_top` comes before all other lines, `headers` stand for those of the same name.
    """
    left = request.max_forwards
    instead = {"Max-Forwards": "70" if left is None else str(left - 1)}
    instead.update(headers)
    return request.onward(on_top or [], instead)
