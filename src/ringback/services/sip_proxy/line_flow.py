"""The flow of a registered line, kept alive towards a carrier that knows flows (RFC 5626 4.4)."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from ringback.sip.endpoint import SipEndpoint
from ringback.sip.registration import Registration, State
from ringback.sip.transport import Destination


@dataclass(slots=True)
class LineFlow:
    """Where a line was registered, how the carrier sees us there, and when it is to hear of us again."""

    place: Destination | None = None
    due_at: float = 0.0
    seen_as: tuple[str, int] | None = None

    def registered(self, line: Registration, place: Destination, now: float) -> None:
        """The line was registered at a place; without flows there is nothing to keep."""
        self.place = place if line.keeps_flow else None
        self.due_at = now + line.alive_again(place.transport)

    def is_due(self, now: float) -> bool:
        """True if the carrier is to hear of us."""
        return self.place is not None and self.due_at <= now

    def goes_over(self, remote: tuple[str, int]) -> bool:
        """True if a connection with this other side is the flow."""
        place = self.place
        return place is not None and place.reliable and (place.host, place.port) == remote

    async def is_alive(self, endpoint: SipEndpoint, line: Registration, now: float) -> bool:
        """Show that we are there: by STUN over UDP (4.4.2), else by line breaks (4.4.1).

        A connection on which nothing comes back is closed later, which is told as its loss.
        """
        place = self.place
        if place is None:
            return True
        self.due_at = now + line.alive_again(place.transport)
        if place.reliable:
            return endpoint.ping(place)
        before, self.seen_as = self.seen_as, None
        with contextlib.suppress(TimeoutError):
            self.seen_as = await endpoint.seen_as(place)
        return self.seen_as is not None and before in (None, self.seen_as)

    def failed(self, line: Registration, now: float) -> bool:
        """The flow is dead: the line is registered anew. False if it is not registered anyhow."""
        self.place = self.seen_as = None
        if line.state is not State.REGISTERED:
            return False
        line.flow_failed(now)
        return True
