"""Priority that grows while an interaction waits, in steps and up to a limit.

The priority at a time is `initial + increment * floor((now - since) / interval)`, at most `limit`. It depends
on nothing but the moment from which the customer waits: a restart, or another session, finds the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .messages import Reprioritize
from .ordered import OrderedSet


@dataclass(frozen=True, slots=True)
class Growth:
    """`increment` points every `interval` seconds from `since` on, up to `limit`."""

    initial: int
    since: float
    increment: int
    interval: float
    limit: int

    @property
    def grows(self) -> bool:
        """Whether the priority ever changes."""
        return self.increment > 0 and self.interval > 0 and self.initial < self.limit

    def priority(self, now: float) -> int:
        """The priority at `now`."""
        if not self.grows:
            return self.initial
        steps = max(0, int((now - self.since) // self.interval))
        return min(self.limit, self.initial + self.increment * steps)

    def next_step(self, now: float) -> float | None:
        """When the priority grows next; None when it has reached its limit."""
        if not self.grows or self.priority(now) >= self.limit:
            return None
        return self.since + self.interval * (max(0, int((now - self.since) // self.interval)) + 1)


class Growing:
    """The interactions whose priority grows, and when each does next."""

    def __init__(self) -> None:
        self._growths: dict[str, Growth] = {}
        self._steps: OrderedSet[tuple[float, str]] = OrderedSet()

    def __len__(self) -> int:
        return len(self._growths)

    def watch(self, interaction: str, growth: Growth, now: float) -> None:
        """Remember one that has just been queued."""
        at = growth.next_step(now)
        if at is not None:
            self._growths[interaction] = growth
            self._steps.add((at, interaction))

    def next_step(self) -> float | None:
        """When `due` is next needed."""
        first = self._steps.first()
        return first[0] if first else None

    def due(self, now: float, waits: Callable[[str], bool]) -> list[Reprioritize]:
        """The priorities that have grown; those for which `waits` is false are forgotten."""
        grown = []
        while (first := self._steps.first()) and first[0] <= now:
            self._steps.discard(first)
            name = first[1]
            growth = self._growths.pop(name)
            if waits(name):
                grown.append(Reprioritize(name, growth.priority(now)))
                self.watch(name, growth, now)
        return grown
