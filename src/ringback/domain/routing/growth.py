"""Priority that grows while an interaction waits: evenly, or in steps and up to a limit.

The priority after `waited` seconds depends on nothing but these: a restart, or another session, finds the
same. Of those who grow evenly at the same rate none ever overtakes another, so nothing is sorted again
(`place_of`); who grows in steps is given another place at each of them.
"""

from __future__ import annotations

from msgspec import Struct


class Growth(Struct, frozen=True, omit_defaults=True):
    """`points` every `interval` seconds of waiting, up to `limit` (None: without end). An interval of 0 is
    even growth: `points` a second, and no limit.
    """

    points: float = 0.0
    interval: float = 0.0
    limit: int | None = None

    @property
    def rate(self) -> float:
        """Points a second of even growth, 0 for steps. Two digits count, so that there are few different
        rates; 0 below 0.001.
        """
        if self.interval > 0 or self.points < 0.001:
            return 0.0
        return float(f"{self.points:.1e}") if self.points <= 1000.0 else 1000.0

    def priority(self, initial: int, waited: float) -> int:
        """The priority after so many seconds, as far as steps have changed it."""
        if self.interval <= 0 or self.points <= 0:
            return initial
        grown = initial + int(self.points * max(0, int(waited // self.interval)))
        return grown if self.limit is None else max(initial, min(self.limit, grown))

    def next_step(self, initial: int, waited: float) -> float | None:
        """After how many seconds of waiting the priority grows next; None when it does not."""
        if self.interval <= 0 or self.points <= 0:
            return None
        if self.limit is not None and self.priority(initial, waited) >= self.limit:
            return None
        return self.interval * (max(0, int(waited // self.interval)) + 1)


NONE = Growth()


def even(rate: float) -> Growth:
    """So many points a second."""
    return Growth(points=rate) if rate > 0 else NONE
