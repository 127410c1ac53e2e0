"""Addresses that have failed come last for a while (RFC 3263 4.3). Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from ringback.sip.transport import Destination

FIRST_S = 10.0
LONGEST_S = 300.0
_MAX = 4096

Place = tuple[str, str, int]


class Avoided:
    """Destinations that have failed, and until when others come first; each failure in a row doubles it."""

    def __init__(self, first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._known: OrderedDict[Place, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """Destinations that have failed and have not answered since."""
        return len(self._known)

    def failed(self, destination: Destination, now: float, retry_after_s: float = 0.0) -> None:
        """It did not answer, or refused with 503 (`retry_after_s` is what it asked for, in seconds)."""
        place = _place(destination)
        until, pause = self._known.pop(place, (now, 0.0))
        if until > now and pause:
            # Calls that were under way fail together: that is one failure.
            self._known[place] = (until, pause)
            return
        pause = min(self._longest_s, max(2 * pause, self._first_s))
        if len(self._known) >= _MAX:
            self._known.popitem(last=False)
        self._known[place] = (now + max(pause, min(retry_after_s, self._longest_s)), pause)

    def worked(self, destination: Destination) -> None:
        """It has answered."""
        self._known.pop(_place(destination), None)

    def is_avoided(self, destination: Destination, now: float) -> bool:
        """True while others come first."""
        known = self._known.get(_place(destination))
        return known is not None and known[0] > now

    def order(self, destinations: Iterable[Destination], now: float) -> list[Destination]:
        """The same, those that have failed last: if all have, the first is tried all the same."""
        return sorted(destinations, key=lambda item: self.is_avoided(item, now))


def _place(destination: Destination) -> Place:
    return (destination.transport, destination.host, destination.port)
