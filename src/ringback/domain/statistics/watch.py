"""Who wants to be told what: subscriptions to figures, and what there is to tell them. Pure.

Rules:
- The same figure at the same interval is read once, however many have asked for it.
- A figure is read when its object was touched, or when time alone may have changed it; never more often than
  its interval. One whose object lies still costs nothing.
- A subscriber is told a value that differs from the last one by `insensitivity` at least.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

from .definitions import BY_NAME, Reading, Scope, Value
from .floor import Floor
from .inputs import Subject
from .windows import DAY, Window


class Asked(NamedTuple):
    """A figure as it is asked for: `statistic` is a name of the table; `interval` in seconds."""

    subject: Subject
    statistic: str
    window: Window = Window("growing", DAY)
    interval: float = 1.0
    insensitivity: float = 0.0


class UnknownStatistic(ValueError):
    """No such statistic, or not of this kind of object; the message says so."""


@dataclass(slots=True, eq=False)
class _Figure:
    asked: Asked
    value: Value = None
    read_at: float = 0.0
    due: float = 0.0
    scheduled: bool = False
    subscribers: dict[Hashable, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """What one subscriber is told."""

    subscriber: Hashable
    value: Value


Outside = Callable[[str, str], float | None]


def nobody_knows(queue: str, name: str) -> float | None:
    """Of what lies outside the totals, when nobody routes here."""
    return None


class Watch:
    """The subscriptions of one tenant. A subscriber is whatever the shell calls one wish of one session."""

    def __init__(self, floor: Floor, outside: Outside = nobody_knows) -> None:
        self.floor = floor
        self._outside = outside
        self._figures: dict[Asked, _Figure] = {}
        self._of: dict[Subject, dict[_Figure, None]] = {}
        self._by_subscriber: dict[Hashable, _Figure] = {}
        self._due: list[tuple[float, int, _Figure]] = []
        self._serial = 0
        self.readings = 0

    def __len__(self) -> int:
        return len(self._by_subscriber)

    def read(self, asked: Asked, now: float) -> Value:
        """A figure once. Raises UnknownStatistic."""
        self.floor.pass_time(now)
        return self._read(asked).value

    def open(self, subscriber: Hashable, asked: Asked, now: float) -> Value:
        """Subscribe; the value as it is now. Raises UnknownStatistic."""
        self.floor.pass_time(now)
        reading = self._read(asked)
        self.close(subscriber)
        figure = self._figures.get(asked)
        if figure is None:
            figure = self._figures[asked] = _Figure(asked, reading.value)
            self._of.setdefault(asked.subject, {})[figure] = None
            figure.read_at = self.floor.clock.now
            self._again(figure, reading)
        figure.subscribers[subscriber] = None
        self._by_subscriber[subscriber] = figure
        return figure.value

    def close(self, subscriber: Hashable) -> bool:
        """End a subscription; False when there was none."""
        figure = self._by_subscriber.pop(subscriber, None)
        if figure is None:
            return False
        figure.subscribers.pop(subscriber)
        if not figure.subscribers:
            del self._figures[figure.asked]
            of = self._of[figure.asked.subject]
            del of[figure]
            if not of:
                del self._of[figure.asked.subject]
        return True

    def tick(self, now: float) -> list[Told]:
        """What has changed since the last time, as far as it is due."""
        self.floor.pass_time(now)
        now = self.floor.clock.now
        touched, self.floor.touched = self.floor.touched, set()
        if len(touched) < len(self._of):
            moved = [subject for subject in touched if subject in self._of]
        else:
            moved = [subject for subject in self._of if subject in touched]
        for subject in moved:
            for figure in self._of[subject]:
                self._schedule(figure, figure.read_at + figure.asked.interval)
        told: list[Told] = []
        while self._due and self._due[0][0] <= now:
            due, _, figure = heapq.heappop(self._due)
            if figure.scheduled and figure.due == due and figure.subscribers:
                self._look(figure, told)
        return told

    def next_due(self) -> float | None:
        """When the next figure is to be looked at, if nothing happens before."""
        return self._due[0][0] if self._due else None

    def _look(self, figure: _Figure, told: list[Told]) -> None:
        figure.scheduled = False
        figure.read_at = self.floor.clock.now
        reading = self._read(figure.asked)
        if _differs(figure.value, reading.value, figure.asked.insensitivity):
            figure.value = reading.value
            told += [Told(each, reading.value) for each in figure.subscribers]
        self._again(figure, reading)

    def _again(self, figure: _Figure, reading: Reading) -> None:
        if reading.again is not None:
            self._schedule(figure, figure.read_at + max(reading.again, figure.asked.interval))

    def _schedule(self, figure: _Figure, due: float) -> None:
        """Look at a figure at a moment, or before when that was said already."""
        if figure.scheduled and figure.due <= due:
            return
        figure.scheduled, figure.due = True, due
        self._serial += 1
        heapq.heappush(self._due, (due, self._serial, figure))

    def _read(self, asked: Asked) -> Reading:
        definition = BY_NAME.get(asked.statistic)
        if definition is None:
            raise UnknownStatistic(f"no statistic is called {asked.statistic[:64]!r}")
        if asked.subject.type not in definition.of:
            raise UnknownStatistic(f"{definition.name} is a figure of: {', '.join(definition.of)}")
        self.readings += 1
        now, midnight = self.floor.clock.now, self.floor.clock.midnight
        begins, turns = asked.window.begins(now, midnight), asked.window.turns(now, midnight)
        return definition.read(Scope(self.floor, asked.subject, begins, turns, self._outside))


def _differs(before: Value, after: Value, insensitivity: float) -> bool:
    if before == after:
        return False
    if isinstance(before, str) or isinstance(after, str) or before is None or after is None:
        return True
    return abs(after - before) >= insensitivity
