"""Whether this process keeps up: the delay of its event loop and what waits for it (RFC 6357 2). Pure.

Beyond the limits a growing share of what would begin anew is refused at the door, before it costs a look-up
or a transaction; what is under way goes on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_SMOOTHING = 0.3
_MOST = 2.5
"""Weight of the newest delay, and how often the limit it counts for at most: one slow turn refuses nobody."""
_RETRY_S = 2
_SPREAD_S = 8


@dataclass(slots=True)
class Overload:
    """Measured against `delay_s` seconds of delay and `waiting` transactions under way; 0: no limit."""

    delay_s: float
    waiting: int
    delay: float = 0.0
    queued: int = 0
    patient: int = 0
    """How many more patient requests than others have come since it was measured last."""
    yielding: bool = False
    """Most of what comes can wait: it is for that to make room first."""

    def came(self, *, patient: bool) -> None:
        """Something that would begin anew has come."""
        self.patient += 1 if patient else -1

    def measured(self, delay: float, queued: int) -> None:
        """Take a new measurement."""
        self.yielding, self.patient = self.patient > 0, 0
        self.delay += _SMOOTHING * (min(delay, _MOST * self.delay_s) - self.delay)
        self.queued = queued

    @property
    def level(self) -> float:
        """1 at the limit, 2 at twice as much."""
        delay = self.delay / self.delay_s if self.delay_s else 0.0
        queued = self.queued / self.waiting if self.waiting else 0.0
        return max(delay, queued)

    def wait(self, dice: float, *, patient: bool = False) -> int:
        """0 to let a request in, else the seconds to tell; `dice` is a fair number from 0 up to 1.

        All are refused at twice the limit; what is `patient` begins to be refused at half of it, and all of
        it at the limit. While most of what comes is patient, all else has twice the room. The seconds differ,
        so that not all come back at once.
        """
        level = self.level
        excess = 2.0 * level - 1.0 if patient else level - (2.0 if self.yielding else 1.0)
        if excess <= 0.0 or dice >= excess:
            return 0
        return spread(dice / min(1.0, excess))


def spread(dice: float) -> int:
    """Seconds until who is refused may try again; `dice` is a fair number from 0 up to 1."""
    return _RETRY_S + math.floor(_SPREAD_S * dice)
