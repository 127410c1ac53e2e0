"""What a proxy does to the headers of routing (RFC 3261 16.3 to 16.6, RFC 5658). Pure.

The user part of our Record-Route names the cluster node that has the dialog and, towards a phone, the address
behind which it sits (its flow): in-dialog requests need no lookup.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

from ringback.sip import NameAddr, Request, SipUri, Via
from ringback.sip.ids import BRANCH_COOKIE
from ringback.sip.message import Message
from ringback.sip.transport import TRANSPORTS, WEB, Destination
from ringback.sip.uri import split_commas

_SEPARATOR = "~"


@dataclass(frozen=True, slots=True)
class Mark:
    """The user part of a Record-Route of ours."""

    node: str = ""
    flow: Destination | None = None

    def encode(self) -> str:
        """The user part."""
        parts = [self.node]
        if self.flow is not None:
            parts += [self.flow.transport, self.flow.host, str(self.flow.port)]
        return _SEPARATOR.join(quote(part, safe="").replace(_SEPARATOR, "%7E") for part in parts)

    @classmethod
    def decode(cls, user: str | None) -> Mark:
        """Read a user part; what is not of ours is an empty mark."""
        return _known_mark(user)

    @classmethod
    def _decode(cls, user: str | None) -> Mark:
        parts = [unquote(part) for part in (user or "").split(_SEPARATOR)]
        if len(parts) == 4 and parts[3].isdigit() and parts[1] in TRANSPORTS:
            return cls(parts[0], Destination(parts[1], parts[2], int(parts[3])))
        return cls(parts[0])


_known_mark = lru_cache(1024)(Mark._decode)


@dataclass(frozen=True, slots=True)
class Side:
    """One face of the proxy: `name` is edge or inside; it answers to `host`:`port`.

    `others` are the ports of transports that have their own (tls, ws, wss).
    """

    name: str
    host: str
    port: int
    others: tuple[tuple[str, int], ...] = ()

    def owns(self, uri: SipUri) -> bool:
        """True if a URI leads to this face."""
        port = uri.port or 5060
        return uri.host == self.host and (port == self.port or any(port == other for _, other in self.others))

    def port_of(self, transport: str) -> int:
        """The port of a transport."""
        return next((port for name, port in self.others if name == transport), self.port)

    def route(self, mark: Mark, transport: str) -> str:
        """A Record-Route value of this face."""
        return _known_route(self.host, self.port_of(transport), mark.node, mark.flow, transport)

    @staticmethod
    def _write_route(host: str, port: int, node: str, flow: Destination | None, transport: str) -> str:
        params: dict[str, str | None] = {}
        if transport != "udp":
            params["transport"] = "ws" if transport in WEB else transport
        uri = SipUri("sip", Mark(node, flow).encode() or None, host, port, {**params, "lr": None})
        return f"<{uri}>"


# The same few for every call of a trunk; a phone's are seen again with its next call.
_known_route = lru_cache(4096)(Side._write_route)


@dataclass(frozen=True, slots=True)
class Taken:
    """A Route of ours that was taken off a request."""

    side: Side
    mark: Mark


def take_routes(request: Request, sides: tuple[Side, ...]) -> list[Taken]:
    """Take our own values off the top of the Route set (16.4; two where the request crosses the proxy)."""
    taken: list[Taken] = []
    while (line := request.get("Route")) is not None:
        uri = NameAddr.parse(split_commas(line)[0]).uri
        side = next((side for side in sides if side.owns(uri)), None)
        if side is None:
            break
        request.pop_first("Route")
        taken.append(Taken(side, Mark.decode(uri.user)))
    return taken


def fingerprint(request: Request) -> str:
    """A hash over all that decides where a request goes (16.6 step 8)."""
    parts = (
        request.raw_uri,
        request.call_id,
        str(request.cseq.number),
        request.from_tag or "",
        request.to_tag or "",
        ",".join(request.get_all("Route")),
        ",".join(request.get_all("Proxy-Require")),
    )
    return hashlib.blake2s("\n".join(parts).encode("utf-8", "surrogateescape"), digest_size=6).hexdigest()


def branch_for(request: Request, random: str) -> str:
    """A branch that lets this proxy recognise the request if it comes back unchanged."""
    return f"{BRANCH_COOKIE}{fingerprint(request)}.{random}"


def loops(request: Request, sides: tuple[Side, ...]) -> bool:
    """True if the request was here before and would go the same way again (16.3 step 4)."""
    ours = [value for value in request.get_all("Via") if any(side.host in value for side in sides)]
    if not ours:
        return False
    mark = f"{BRANCH_COOKIE}{fingerprint(request)}."
    found = [Via.parse(value) for line in ours if mark in line for value in split_commas(line)]
    return any(mark in via.branch and via.host == side.host for via in found for side in sides)


def strip_private(message: Message) -> None:
    """Take off what the platform says to itself; nobody outside may say it or see it."""
    if any(name.startswith("X-") for name, _ in message.headers):
        message.headers = [pair for pair in message.headers if not pair[0].startswith("X-")]


def onward(request: Request) -> Request:
    """A copy with Max-Forwards lowered by one, or set to 70 where there was none (16.6 step 3)."""
    copy = request.copy()
    left = request.max_forwards
    copy.set("Max-Forwards", 70 if left is None else left - 1)
    return copy
