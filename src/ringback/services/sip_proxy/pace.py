"""Whether cluster nodes keep up: INVITEs of which nothing has come yet but 100 Trying (RFC 6357 5.3.2). Pure.

What a node is sent while it is behind waits there, where nothing tells new calls from those that have begun:
all would be late by as much as it is behind. So not many more calls are under way to it than it deals with in
the time that it takes when there are few: how long phones take to ring is in that time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

_FREE = 64
"""So many may be under way however long they take."""
_LATE_S, _LATE = 0.15, 1.5
"""Later than so many seconds, and so much later than when there are few."""
_LEARNS = 0.1
_GAP_S, _AT_ONCE_S = 0.001, 0.016
"""Beyond the free ones calls come one after the other, so that it is seen in time when they are too many."""


class _Node:
    __slots__ = ("normal", "ready", "waits")

    def __init__(self) -> None:
        self.waits: deque[tuple[float, bool]] = deque()
        """Since when each is under way, and whether few others were then."""
        self.normal = 0.0
        self.ready = 0.0


class Pace:
    """INVITEs under way to each node, oldest first; answers are taken to come in their order."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}

    def sent(self, name: str, now: float) -> None:
        """A node is sent an INVITE."""
        node = self._nodes.get(name)
        if node is None:
            node = self._nodes[name] = _Node()
        free = len(node.waits) < _FREE
        node.waits.append((now, free))
        if not free:
            node.ready = max(node.ready, now - _AT_ONCE_S) + _GAP_S

    def heard(self, name: str, now: float) -> None:
        """Something has come of one of them, if only that it has failed."""
        node = self._nodes.get(name)
        if node is not None and node.waits:
            since, free = node.waits.popleft()
            if free:
                node.normal += _LEARNS * (now - since - node.normal)

    def keeps_up(self, name: str, now: float) -> bool:
        """True if a node may be sent another one."""
        node = self._nodes.get(name)
        if node is None or len(node.waits) < _FREE:
            return True
        return node.ready <= now and now - node.waits[0][0] < max(_LATE_S, _LATE * node.normal)

    def is_open(self, names: Iterable[str], now: float) -> bool:
        """True if any of the nodes keeps up, or none is known: then others answer the call."""
        known = False
        for name in names:
            if self.keeps_up(name, now):
                return True
            known = True
        return not known

    def keep(self, names: Iterable[str]) -> None:
        """Forget the nodes that are gone; what is under way to them goes on."""
        there = set(names)
        for name in [name for name, node in self._nodes.items() if name not in there and not node.waits]:
            del self._nodes[name]
