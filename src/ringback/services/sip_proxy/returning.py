"""Browsers that lose their WebSocket while they ring: who comes back by another one is rung there.

The libraries (JsSIP, SIP.js) open another WebSocket within seconds and register with the same Contact again;
RFC 7118 leaves the call to them. The INVITE goes out once more, under the branch that it had: a library that
still shows the call takes it for a repetition (RFC 3261 17.2.1), and its answer finds the call; one that has
dropped it rings anew. What follows (CANCEL, ACK) takes the new way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ringback.services.sip_proxy.marks import Mark
from ringback.services.sip_proxy.targets import Target
from ringback.sip import Request
from ringback.sip.transport import WEB, Destination, Source

if TYPE_CHECKING:
    from ringback.services.sip_proxy.core import ProxyCore

Again = Callable[[Target], None]


def line_of(tenant: str, dn: str | None, flow: Destination) -> str:
    """Whose phone it is, for one in a browser; empty for all others: they keep their address."""
    return f"{tenant} {dn}" if dn and flow.transport in WEB else ""


class Returning:
    """The browsers that ring."""

    def __init__(self, core: ProxyCore) -> None:
        self._core = core
        self._ringing: dict[str, dict[Again, Target]] = {}
        """By line."""

    def rings(self, target: Target, again: Again) -> Callable[[], None]:
        """A browser is rung: `again` is called with the way to it where that becomes another one. Gives what
        is to be called when it rings no more.
        """
        self._ringing.setdefault(target.line, {})[again] = target
        return partial(self._over, target.line, again)

    def registered(self, request: Request, source: Source, tenant: str) -> None:
        """A phone of a tenant has registered over this flow."""
        if not self._ringing or source.transport not in WEB:
            return
        flow = Destination(source.transport, source.host, source.port)
        ringing = self._ringing.get(line_of(tenant, request.to.uri.user, flow), {})
        contacts = {str(item.uri) for item in request.contacts}
        for again, target in list(ringing.items()):
            if target.uri in contacts and target.destination != flow:
                self._core.metrics.returned.inc()
                # Not before the answer to its REGISTER.
                asyncio.get_running_loop().call_soon(again, self._through(target, flow))

    def _through(self, target: Target, flow: Destination) -> Target:
        route = self._core.edge.route(Mark(target.mark, flow), flow.transport, flow.host)
        return replace(target, destination=flow, record_routes=(route,))

    def _over(self, line: str, again: Again) -> None:
        ringing = self._ringing.get(line, {})
        ringing.pop(again, None)
        if not ringing:
            self._ringing.pop(line, None)
