"""How long will it take: estimates of the waiting time in a virtual queue.

Three estimates, named as the field names them. `urs`: the mean time between two interactions that leave the
queue, over the last 32, times the position. `urs2`: the mean handling time shared by the agents who serve the
queue. `stat`: as urs2, with the ready agents taken off the line. Unknown is -1, and the reason says why.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

INTERVALS = 32
DEFAULT_HANDLING_TIME = 90.0

UNKNOWN = -1.0
METHODS = ("urs", "urs2", "stat")


@dataclass(frozen=True, slots=True)
class Estimate:
    """`seconds` is -1 when unknown; `reason` is empty, `no_interactions` or `no_agents`."""

    seconds: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Staff:
    """The agents who serve a queue: all that are logged in, and those that are ready."""

    logged_in: int
    ready: int


@dataclass(slots=True)
class QueueHistory:
    """What a queue remembers of those who left it, in constant space.

    Quitting intervals run only while somebody waits: an hour without callers says nothing about the next
    one's wait.
    """

    entered: int = 0
    left: int = 0
    routed: int = 0
    waiting: int = 0
    intervals: deque[float] = field(default_factory=lambda: deque(maxlen=INTERVALS))
    handling: deque[float] = field(default_factory=lambda: deque(maxlen=INTERVALS))
    running_since: float = 0.0

    def enter(self, now: float) -> None:
        """An interaction has joined the queue."""
        if self.waiting == 0:
            self.running_since = now
        self.entered += 1
        self.waiting += 1

    def quit(self, now: float, routed: bool) -> None:
        """An interaction has left the queue, to an agent or for good."""
        since = self.running_since
        self.intervals.append(now - since if now > since else 0.0)
        self.running_since = now
        self.waiting -= 1
        self.left += 1
        self.routed += routed

    def handled(self, seconds: float) -> None:
        """A conversation of this queue has taken `seconds`, after-call work included."""
        self.handling.append(seconds)

    def resume(self, intervals: list[float], handling: list[float]) -> None:
        """Take over what was remembered before a restart."""
        self.intervals.extend(intervals)
        self.handling.extend(handling)

    @property
    def quitting_time(self) -> float:
        """Mean seconds between two departures, -1 when nobody has left yet."""
        return sum(self.intervals) / len(self.intervals) if self.intervals else UNKNOWN

    @property
    def handling_time(self) -> float:
        """Mean seconds of a conversation; 90 when none has ended yet."""
        return sum(self.handling) / len(self.handling) if self.handling else DEFAULT_HANDLING_TIME


def estimate(method: str, history: QueueHistory, staff: Staff, position: int) -> Estimate:
    """Seconds until the interaction at `position` (1 is next) is served. KeyError: no such method."""
    return {"urs": _urs, "urs2": _urs2, "stat": _stat}[method](history, staff, position)


def _urs(history: QueueHistory, staff: Staff, position: int) -> Estimate:
    if not history.intervals:
        return Estimate(UNKNOWN, "no_interactions")
    return Estimate(history.quitting_time * position)


def _urs2(history: QueueHistory, staff: Staff, position: int) -> Estimate:
    if staff.logged_in == 0:
        return Estimate(UNKNOWN, "no_agents")
    if history.entered == 0 and not history.intervals:
        return Estimate(UNKNOWN, "no_interactions")
    return _stat(history, staff, position)


def _stat(history: QueueHistory, staff: Staff, position: int) -> Estimate:
    if staff.logged_in == 0:
        return Estimate(UNKNOWN, "no_agents")
    ahead = max(0, position - staff.ready)
    return Estimate(history.handling_time * ahead / staff.logged_in)
