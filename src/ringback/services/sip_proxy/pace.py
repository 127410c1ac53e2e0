"""Whether cluster nodes keep up: INVITEs about which they have said nothing yet (RFC 6357 5.3.2). Pure.

A node says 100 Trying after 0.2 s where it has nothing better to say (RFC 3261 17.2.1), however long a phone
takes. One that is silent for longer has more to do than it can; what it is sent meanwhile waits there, where
nothing tells new calls from those that have begun.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

_FEW, _MOST = 16, 150
"""So few may be silent for whatever reason; more than so many would keep a node busy for too long."""
_SILENT_S = 0.3


class Pace:
    """INVITEs under way to each node, oldest first; answers are taken to come in their order."""

    def __init__(self) -> None:
        self._silent: dict[str, deque[float]] = {}

    def sent(self, node: str, now: float) -> None:
        """A node is sent an INVITE."""
        waits = self._silent.get(node)
        if waits is None:
            waits = self._silent[node] = deque()
        waits.append(now)

    def heard(self, node: str) -> None:
        """A node has said something about one of them, or never will."""
        waits = self._silent.get(node)
        if waits:
            waits.popleft()
            if not waits:
                del self._silent[node]

    def keeps_up(self, node: str, now: float) -> bool:
        """True if a node may be sent another one."""
        waits = self._silent.get(node)
        if waits is None or len(waits) < _FEW:
            return True
        return len(waits) < _MOST and now - waits[0] < _SILENT_S

    def is_open(self, nodes: Iterable[str], now: float) -> bool:
        """True if any of the nodes keeps up, or none is known: then others answer the call."""
        known = False
        for node in nodes:
            if self.keeps_up(node, now):
                return True
            known = True
        return not known
