"""The simple predictions, to be beaten: each needs no more than one line of code.

All see one queue; only `urs` and `urs2` see its priorities, by the position.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

from ..ewt import QueueHistory, Staff, estimate
from .floor import Call

NAMES = (
    "constant",
    "last-to-enter-service",
    "head-of-line",
    "mean of last 10",
    "by queue length",
    "urs",
    "urs2",
)

Values = tuple[float | None, ...]


@dataclass(slots=True)
class SimpleQueue:
    """One queue as the simple ones see it; seconds. `constant` is set from outside, after the training."""

    history: QueueHistory = field(default_factory=QueueHistory)
    waiting: OrderedDict[Call, float] = field(default_factory=OrderedDict)
    last: float | None = None
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=10))
    handled: int = 0
    handling: float = 0.0
    waits: int = 0
    waited: float = 0.0
    constant: float | None = None

    def enter(self, call: Call, now: float) -> None:
        """A call has to wait."""
        self.waiting[call] = now
        self.history.enter(now)

    def leave(self, call: Call, now: float, *, served: bool) -> None:
        """It waits no longer."""
        since = self.waiting.pop(call)
        self.history.quit(now, routed=served)
        if served:
            self.waits += 1
            self.waited += now - since

    def enter_service(self, waited: float) -> None:
        """A call is taken, after no wait or some."""
        self.last = waited
        self.recent.append(waited)

    def finish(self, seconds: float) -> None:
        """A conversation has ended."""
        self.handled += 1
        self.handling += seconds
        self.history.handled(seconds)

    def predict(self, present: int, position: int, now: float) -> Values:
        """In the order of NAMES; None is unknown. `present`: servers; `position`: 1 is next."""
        head = now - next(iter(self.waiting.values())) if self.waiting else self.last
        length = None
        if self.handled and present:
            length = (len(self.waiting) + 1) * self.handling / self.handled / present
        staff = Staff(present, 0)
        return (
            self.constant,
            self.last,
            head,
            sum(self.recent) / len(self.recent) if self.recent else None,
            length,
            _known(estimate("urs", self.history, staff, position).seconds),
            _known(estimate("urs2", self.history, staff, position).seconds),
        )


def _known(seconds: float) -> float | None:
    return seconds if seconds >= 0 else None
