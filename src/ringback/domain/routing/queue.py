"""The callers' side of the router: interactions, and the virtual queues in which they have their places."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from .ewt import QueueHistory
from .growth import Growth
from .lines import Line, Waiting, place_of
from .messages import Submit
from .plans import Plan
from .standing import Index

NEW, WAITING, RESERVED = "new", "waiting", "reserved"
HISTORY_LIMIT = 15

Note = tuple[Any, ...]
"""When, what (`explain` has the words), and its figures."""

NOBODY: Mapping[str, float] = MappingProxyType({})


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
    """One request for an agent, from Submit until it leaves. `place` orders it among all others. It grows
    `since` its arrival, by the router's clock. `queued`: when it came, None where that was before a restart.
    `left`: when it left, with an `outcome`.

    A million may wait: what most of them do not have costs no object of its own.
    """

    __slots__ = (
        "agent",
        "attempt",
        "deadline",
        "excluded",
        "grows_at",
        "growth",
        "history",
        "lease_until",
        "left",
        "lines",
        "order",
        "outcome",
        "place",
        "plan",
        "queue",
        "queued",
        "rate",
        "request",
        "since",
        "state",
        "step",
        "step_due",
        "targets",
        "unclaimed",
    )

    def __init__(
        self, request: Submit, growth: Growth, queue: VirtualQueue, plan: Plan, order: str, now: float
    ) -> None:
        self.request = request
        self.since = request.arrived
        self.grows_at: float | None = None
        self.grow(growth, now)
        self.queued: float | None = None
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
        self.excluded = NOBODY
        self.history: tuple[Note, ...] = ()
        self.lines: tuple[Line, ...] = ()
        self.outcome = ""
        self.left = 0.0

    @property
    def priority(self) -> int:
        """As it stands: with the steps by which it has grown."""
        return self.request.priority if self.rate else int(-self.place[0])

    def grow(self, growth: Growth, now: float) -> None:
        """Take the place that is its own now. Whoever stands in line is taken out of it before."""
        request = self.request
        self.growth, self.rate = growth, growth.rate if growth.points else 0.0
        priority = (
            growth.priority(request.priority, now - self.since) if growth.interval else request.priority
        )
        self.place = place_of(priority, request.arrived, request.sequence, request.interaction, self.rate)

    def next_growth(self, now: float) -> float | None:
        """When the priority grows by a step."""
        after = self.growth.next_step(self.request.priority, now - self.since)
        return None if after is None else self.since + after

    def note(self, *note: Any) -> None:
        """Remember a moment: when, what, figures."""
        self.history = (*self.history[1 - HISTORY_LIMIT :], note) if self.history else (note,)
