"""What a proxy writes into its Record-Route, and its two faces (RFC 3261 16.6, RFC 5658). Pure.

The user part, sealed outside, names the cluster node that has the dialog and, towards a phone, the address
behind which it sits (its flow): in-dialog requests need no lookup.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote, unquote

from msgspec import Struct

from ringback.services.sip_proxy.seal import seal, unseal
from ringback.sip import SipUri
from ringback.sip.transport import TRANSPORTS, WEB, Destination

_SEPARATOR = "~"
EDGE, INSIDE = "edge", "inside"
"""The names of the two faces."""
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
