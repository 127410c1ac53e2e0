"""Flows of phones that promised to keep them alive (RFC 5626 4.4, 5.4): a silent one is closed.

What leads to a phone then takes its next flow, instead of going into a connection whose other end is gone.
"""

from __future__ import annotations

from dataclasses import dataclass

from ringback.contracts.sip import HEADER_FLOW_TIMER
from ringback.sip import Request
from ringback.sip.transport import Source

_GRACE_S = 15
_STREAMS = frozenset({"tcp", "tls"})
"""Browsers send no keep-alives of SIP, and a datagram has no flow that could be closed."""


@dataclass(frozen=True, slots=True)
class Flows:
    """`timer_s`: what phones are told; 0: nothing, and nothing is closed."""

    timer_s: int

    def headers(self, source: Source) -> tuple[tuple[str, str], ...]:
        """What the registrar is told about the flow of a REGISTER."""
        told = self.timer_s and source.transport in _STREAMS
        return ((HEADER_FLOW_TIMER, str(self.timer_s)),) if told else ()

    def registered(self, request: Request, source: Source) -> None:
        """A phone has registered over this flow; if it knows flows, it will keep it alive."""
        if source.connection is not None and self.headers(source) and _keeps(request):
            source.connection.expect_life(self.timer_s + _GRACE_S)


def _keeps(request: Request) -> bool:
    supported = any(name.lower() == "outbound" for name in request.values("Supported"))
    return supported and any("reg-id" in item.params for item in request.contacts)
