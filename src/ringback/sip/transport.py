"""Where messages come from and go to (RFC 3261 18)."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from ringback.sip.connection import StreamConnection
    from ringback.sip.udp import UdpSocket

WEB = frozenset({"ws", "wss"})
"""WebSocket, plain and over TLS (RFC 7118)."""
TRANSPORTS = frozenset({"udp", "tcp", "tls"}) | WEB


class Destination(Struct, frozen=True, gc=False):
    """Where to send: transport (one of `TRANSPORTS`), host, port.

    `identity` is the domain that the certificate of the other side must name, where that is not `host`.
    """

    transport: str
    host: str
    port: int
    identity: str = ""

    @property
    def reliable(self) -> bool:
        """True for all but UDP."""
        return self.transport != "udp"

    @property
    def uri_transport(self) -> str:
        """The transport parameter of a URI that leads here; WebSocket has one name there (RFC 7118 5.2)."""
        return "ws" if self.transport in WEB else self.transport

    def __str__(self) -> str:
        return f"{self.transport}:{self.host}:{self.port}"


class Source(Destination, frozen=True, gc=True):
    """Where a message came from, with what is needed to answer on the same way."""

    connection: StreamConnection | None = None
    socket: UdpSocket | None = None


@lru_cache(maxsize=4096)
def is_address(host: str) -> bool:
    """True for an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
