"""The callers' side of the router: interactions, and the virtual queues in which they have their places."""

from __future__ import annotations

from typing import Any

from .ewt import QueueHistory
from .lines import Line, Place, Waiting
from .messages import Submit
from .plans import Plan
from .pool import Index

NEW, WAITING, RESERVED = "new", "waiting", "reserved"
HISTORY_LIMIT = 16

Note = tuple[Any, ...]
"""When, what (`explain` has the words), and its figures."""


class VirtualQueue:
    """The line of one virtual queue: who waits, in order, how many are reserved, and what it remembers.

    `served`: how much of the agents' work the queue has had, in parts of its `weight`.
    """

    __slots__ = ("history", "name", "reserved", "served", "staffed_by", "target", "waiting", "weight")

    def __init__(self, name: str) -> None:
        self.name = name
        self.waiting = Waiting()
        self.reserved = 0
        self.history = QueueHistory()
        self.staffed_by: Index | None = None
        self.target = ""
        self.weight = 0.0
        self.served = 0.0

    @property
    def own_target(self) -> tuple[str, ...]:
        """The target that the configuration gives it, if any."""
        return (self.target,) if self.target else ()


class Interaction:
    """One request for an agent, from Submit until it leaves. `place` orders it among all others."""

    __slots__ = (
        "agent",
        "attempt",
        "deadline",
        "excluded",
        "growth",
        "history",
        "lease_until",
        "lines",
        "order",
        "outcome",
        "place",
        "plan",
        "queue",
        "request",
        "state",
        "step",
        "step_due",
        "targets",
        "unclaimed",
    )

    def __init__(
        self, request: Submit, place: Place, growth: float, queue: VirtualQueue, plan: Plan, order: str
    ) -> None:
        self.request = request
        self.place = place
        self.growth = growth
        self.queue = queue
        self.plan = plan
        self.order = order
        self.targets = request.targets
        self.state = NEW
        self.agent: str | None = None
        self.attempt = 0
        self.deadline: float | None = None
        self.lease_until = 0.0
        self.unclaimed = 0
        self.step = 0
        self.step_due: float | None = None
        self.excluded: dict[str, float] = {}
        self.history: list[Note] = []
        self.lines: list[tuple[Index, Line]] = []
        self.outcome = ""

    def note(self, *note: Any) -> None:
        """Remember a moment: when, what, figures."""
        self.history.append(note)
        if len(self.history) > HISTORY_LIMIT:
            del self.history[1]
