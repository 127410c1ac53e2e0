"""What is counted on a simulated day, by queue and by hour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from math import exp, log1p

HOUR = 3600.0
_STEPS = 50.0
"""Steps of the waits' histogram for each power of e: two percent each."""


@dataclass(slots=True)
class Tally:
    """What happened to the callers of one queue who came in one hour; seconds are sums.

    `calls` are all; those who took a callback are in `callbacks`, the others in `answered` or `abandoned`.
    A callback ends `connected`, `failed` (all dials were in vain) or `expired` (no time was left for another
    dial).
    """

    calls: int = 0
    answered: int = 0
    in_time: int = 0
    delayed: int = 0
    abandoned: int = 0
    waited: float = 0.0
    callbacks: int = 0
    connected: int = 0
    failed: int = 0
    expired: int = 0
    dials: int = 0
    callback_waited: float = 0.0


@dataclass(slots=True)
class Duty:
    """Seconds that agents were on duty, and busy, in one hour."""

    present: float = 0.0
    busy: float = 0.0


@dataclass(slots=True)
class DayResult:
    """One day: tallies by queue and hour, waits by queue and step, duty by hour."""

    queues: dict[str, dict[int, Tally]]
    waits: dict[str, dict[int, int]] = field(default_factory=dict)
    duty: dict[int, Duty] = field(default_factory=dict)

    def of(self, queue: str, at: float) -> Tally:
        """The tally of those who came to a queue at that second of the day."""
        hours, hour = self.queues[queue], int(at // HOUR)
        tally = hours.get(hour)
        if tally is None:
            tally = hours[hour] = Tally()
        return tally

    def queue(self, name: str) -> Tally:
        """A queue's whole day."""
        return total(self.queues[name].values())

    def wait(self, queue: str, seconds: float) -> None:
        """Somebody has waited in person, to the answer or until giving up."""
        steps, step = self.waits.setdefault(queue, {}), step_of(seconds)
        steps[step] = steps.get(step, 0) + 1

    def serve(self, start: float, end: float, *, busy: bool) -> None:
        """An agent was there from `start` to `end` (seconds of the day)."""
        while start < end:
            hour = int(start // HOUR)
            until = min(end, (hour + 1) * HOUR)
            duty = self.duty.get(hour)
            if duty is None:
                duty = self.duty[hour] = Duty()
            duty.present += until - start
            duty.busy += (until - start) * busy
            start = until


def total(tallies: Iterable[Tally]) -> Tally:
    """Their sum."""
    found = Tally()
    for tally in tallies:
        for each in _FIELDS:
            setattr(found, each, getattr(found, each) + getattr(tally, each))
    return found


def step_of(seconds: float) -> int:
    """The step of the histogram into which a wait falls; 0 is no wait."""
    return round(_STEPS * log1p(seconds))


def seconds_of(step: int) -> float:
    """The wait that a step stands for."""
    return exp(step / _STEPS) - 1.0


_FIELDS = tuple(each.name for each in fields(Tally))
