"""Windows over time as differences of running totals.

A window costs nothing while it is not read: an event adds to one running total, whatever windows look at it,
and a reading takes the total at the window's beginning off the total of now. Time is cut into steps of STEP
seconds, and a window begins at a step: a sliding window of N seconds holds the last N - STEP to N seconds.
Both kinds of totals keep what they were at the steps of the last hour at least, and at the last midnight.
"""

from __future__ import annotations

import math
import re
from array import array
from bisect import bisect_left
from dataclasses import dataclass

STEP = 5
LONGEST = 3600
DAY = 86_400
_KEPT = LONGEST // STEP + 30
_LIMIT = 2 * _KEPT
_FORM = re.compile(r"(sliding|growing):([0-9]{1,5})")


def step_of(now: float) -> int:
    """The step that a moment lies in."""
    return math.floor(now / STEP)


@dataclass(frozen=True, slots=True)
class Window:
    """`sliding`: the last `seconds`; `growing`: since the last full `seconds` of the day, DAY: midnight."""

    kind: str
    seconds: int

    @classmethod
    def read(cls, text: str) -> Window:
        """From `sliding:600`, `growing:900` or `growing` (since midnight). ValueError says what is wrong."""
        if text == "growing":
            return cls("growing", DAY)
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError("a window is growing, growing:SECONDS or sliding:SECONDS")
        seconds = int(found[2])
        if not STEP <= seconds <= LONGEST or seconds % STEP or (found[1] == "growing" and LONGEST % seconds):
            raise ValueError(
                f"a window has {STEP} to {LONGEST} seconds in steps of {STEP}; a growing one divides an hour"
            )
        return cls(found[1], seconds)

    def begins(self, now: float, midnight: float) -> int:
        """The step with which the window begins."""
        if self.kind == "sliding":
            return step_of(now) + 1 - self.seconds // STEP
        if self.seconds == DAY:
            return step_of(midnight)
        return step_of(now - (now - midnight) % self.seconds)

    def turns(self, now: float, midnight: float) -> float:
        """Seconds until the window begins anew, or a step further."""
        length = STEP if self.kind == "sliding" else self.seconds
        return length - (now - midnight) % length


class Totals:
    """A count and a sum that only grow. `midnight` is the step of the last one."""

    __slots__ = ("_at_midnight", "_counts", "_marks", "_sums", "count", "sum")

    def __init__(self) -> None:
        self.count = 0
        self.sum = 0.0
        self._marks = array("q")
        self._counts = array("q")
        self._sums = array("d")
        self._at_midnight: tuple[int, int, float] = (0, 0, 0.0)

    def add(self, step: int, midnight: int, value: float = 0.0) -> None:
        """One more, in a step that is not before the last one."""
        if not self._marks or self._marks[-1] < step:
            if len(self._marks) >= _LIMIT:
                self._forget(midnight)
            self._marks.append(step)
            self._counts.append(self.count)
            self._sums.append(self.sum)
        self.count += 1
        self.sum += value

    def since(self, begins: int) -> tuple[int, float]:
        """Count and sum from a step on."""
        index = bisect_left(self._marks, begins)
        if index == len(self._marks):
            return 0, 0.0
        if index == 0 and self._at_midnight[0] == begins:
            return self.count - self._at_midnight[1], self.sum - self._at_midnight[2]
        return self.count - self._counts[index], self.sum - self._sums[index]

    def _forget(self, midnight: int) -> None:
        count, total = self.since(midnight)
        self._at_midnight = (midnight, self.count - count, self.sum - total)
        cut = len(self._marks) - _KEPT
        del self._marks[:cut], self._counts[:cut], self._sums[:cut]


class Level:
    """A number that holds until it is set anew, and its integral over time (how many, times how long)."""

    __slots__ = ("_at", "_at_midnight", "_ends", "_integral", "_integrals", "_levels", "_marks", "level")

    def __init__(self) -> None:
        self.level = 0
        self._at = 0.0
        self._ends = -math.inf
        self._integral = 0.0
        self._marks = array("q")
        self._integrals = array("d")
        self._levels = array("q")
        self._at_midnight: tuple[int, float] = (0, 0.0)

    def change(self, by: int, now: float, midnight: int) -> None:
        """Set it higher or lower. A moment before the last change counts as that one."""
        if now >= self._ends:
            self._mark(step_of(now), midnight)
        if now > self._at:
            self._integral += self.level * (now - self._at)
            self._at = now
        self.level += by

    def _mark(self, step: int, midnight: int) -> None:
        """Remember how it was at the beginning of a step, which is the first or a later one."""
        self._ends = float((step + 1) * STEP)
        if len(self._marks) >= _LIMIT:
            self._forget(midnight)
        self._marks.append(step)
        self._integrals.append(self._before(step))
        self._levels.append(self.level)

    def since(self, begins: int, now: float) -> float:
        """The integral from a step until now: seconds, when the level is a number of people."""
        whole = self._integral + self.level * max(0.0, now - self._at)
        return whole - self._integral_at(begins)

    def _integral_at(self, step: int) -> float:
        index = bisect_left(self._marks, step)
        if index == len(self._marks):
            return self._before(step)
        if index == 0 and self._at_midnight[0] == step:
            return self._at_midnight[1]
        return self._integrals[index] - self._levels[index] * (self._marks[index] - step) * STEP

    def _before(self, step: int) -> float:
        """The integral at the beginning of a step that nothing has changed since."""
        return self._integral + self.level * (step * STEP - self._at) if self.level else self._integral

    def _forget(self, midnight: int) -> None:
        self._at_midnight = (midnight, self._integral_at(midnight))
        cut = len(self._marks) - _KEPT
        del self._marks[:cut], self._integrals[:cut], self._levels[:cut]
