"""The lines in which interactions wait for the agents of one index.

Who waits under the same conditions (the same threshold, the same rate of growth, the same share of the
agents' work) stands in one line, whose order never changes; so looking at the heads is enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .ordered import OrderedSet
from .thresholds import Threshold

if TYPE_CHECKING:
    from .standing import Index

Place = tuple[float, float, int, str]
"""Smaller is served earlier; see `place_of`."""

LineKey = tuple[str, str, float]

_LEVEL = 0.0
"""One object for all who have no priority: a million may wait, and what is the same compares at once."""


class Line:
    """One line of those who wait for the agents of `index`. `share`: the virtual queue whose weight counts,
    empty for none.
    """

    __slots__ = ("growth", "index", "key", "places", "plain", "share", "threshold")

    def __init__(self, index: Index, key: LineKey, threshold: Threshold | None) -> None:
        self.index = index
        self.key = key
        self.threshold = threshold
        self.share = key[1]
        self.growth = key[2]
        self.plain = threshold is None and not self.share
        self.places: OrderedSet[Place] = OrderedSet()

    def urgency(self, place: Place, now: float) -> tuple[float, float, int, str]:
        """What compares with places of other lines at this moment: the priority first, highest first."""
        if self.growth > 0:
            return (self.growth * (place[1] - now), place[1], place[2], place[3])
        return place


class Waiting:
    """All who wait in one virtual queue, in order within each rate of growth."""

    __slots__ = ("_by_growth", "_count")

    def __init__(self) -> None:
        self._by_growth: dict[float, OrderedSet[Place]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Place]:
        for places in self._by_growth.values():
            yield from places

    def add(self, growth: float, place: Place) -> None:
        """Stand in line."""
        places = self._by_growth.get(growth)
        if places is None:
            places = self._by_growth[growth] = OrderedSet()
        self._count += places.add(place)

    def discard(self, growth: float, place: Place) -> None:
        """Leave the line."""
        places = self._by_growth.get(growth)
        if places is not None and places.discard(place):
            self._count -= 1
            if not places:
                del self._by_growth[growth]

    def first(self) -> Place | None:
        """Who is next; with several rates of growth, the first of those whose order is known for good."""
        heads = [places.first() for places in self._by_growth.values()]
        return min((head for head in heads if head is not None), default=None)

    def rank(self, growth: float, place: Place, now: float) -> int:
        """How many are served earlier, as the priorities stand now."""
        before = 0
        priority = growth * (now - place[1]) if growth > 0 else -place[0]
        for other, places in self._by_growth.items():
            if other == growth:
                before += places.rank(place)
            elif other > 0:
                before += places.rank((0.0, now - priority / other, 0, ""))
            else:
                before += places.rank((-priority, place[1], place[2], place[3]))
        return before


def place_of(priority: float, arrived: float, sequence: int, interaction: str, growth: float) -> Place:
    """Where a request stands among all others of the same growth: smaller is served earlier.

    Without growth, priority comes first and arrival second. With growth (points gained per second of
    waiting), the priority of a request at time t is `priority + growth * (t - arrived)`. Of two requests the
    one with the smaller `arrived - priority / growth` is ahead at every t, so a priority is a head start, the
    order never changes while they wait, and nothing is ever sorted again.
    """
    if growth > 0:
        return (_LEVEL, arrived - priority / growth, sequence, interaction)
    return (-float(priority) if priority else _LEVEL, arrived, sequence, interaction)
