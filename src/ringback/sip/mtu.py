"""Requests that are too large for a datagram go by TCP where the other side has it (RFC 3261 18.1.1)."""

from __future__ import annotations

from ringback.sip.avoid import Avoided
from ringback.sip.message import Request
from ringback.sip.transport import Destination

LARGEST = 1300
"""Bytes; more do not fit into one packet on every way (the MTU is not known)."""
_VIA = 120
_AGAIN_S, _LONGEST_S = 60.0, 3600.0


class LargeRequests:
    """Chooses the way of a request; who has turned out to have no TCP gets datagrams for a while."""

    def __init__(self) -> None:
        self._without_tcp = Avoided(_AGAIN_S, _LONGEST_S)

    def way(self, request: Request, destination: Destination, now: float) -> Destination:
        """Where the request goes: TCP for what is large, else as it was wanted."""
        if destination.transport != "udp" or size(request) <= LARGEST:
            return destination
        by_tcp = Destination("tcp", destination.host, destination.port)
        return destination if self._without_tcp.is_avoided(by_tcp, now) else by_tcp

    def no_tcp(self, destination: Destination, now: float) -> None:
        """TCP has failed there."""
        self._without_tcp.failed(destination, now)


def size(request: Request) -> int:
    """The bytes of a request with a Via of ours, nearly."""
    head = sum([len(name) + len(value) + 4 for name, value in request.headers])
    return head + len(request.raw_uri) + len(request.body) + _VIA
