"""Who calls, and when: drawn by chance, or read from a call log.

Every draw of a caller is made when the caller comes, from a source of the day and the queue: two scenarios
with the same seed meet the same callers, so that what differs between them is not chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from math import log, sqrt
from random import Random

from .bookings import Booking
from .scenario import Duration, QueuePlan, Scenario, hourly
from .tally import HOUR


@dataclass(slots=True)
class Caller:
    """Somebody who calls. `talk`: seconds that the agent is kept, `patience`: seconds until giving up, or
    None; `whim`: by chance from 0 to 1, takes an offered callback when below the share that accept; `joined`:
    when the call, or its callback, was last put in line.
    """

    name: str
    plan: QueuePlan
    arrived: float
    talk: float
    patience: float | None
    whim: float
    priority: int = 0
    booking: Booking | None = None
    joined: float = 0.0


def drawn(scenario: Scenario, seed: int, day: int) -> Iterator[Caller]:
    """The callers of one day, in order."""
    lines = [_queue_callers(queue, scenario, f"{seed}/{day}/{queue.name}") for queue in scenario.queues]
    return in_order(lines)


def in_order(lines: Iterable[Iterable[Caller]]) -> Iterator[Caller]:
    """Several queues' callers, by the time at which they come."""
    return merge(*lines, key=lambda caller: caller.arrived)


def _queue_callers(queue: QueuePlan, scenario: Scenario, source: str) -> Iterator[Caller]:
    assert queue.service is not None
    chance = Random(source)  # noqa: S311 - chance, not secrets
    for number, now in enumerate(_arrivals(queue, scenario, Random(f"{source}/arrivals"))):  # noqa: S311
        talk = draw(queue.service, chance)
        if queue.after_call:
            talk += draw(queue.after_call, chance)
        patience = draw(queue.patience, chance) if queue.patience else None
        name = f"{queue.name}-{number}"
        yield Caller(name, queue, now, talk, patience, chance.random(), queue.priority or 0)


def _arrivals(queue: QueuePlan, scenario: Scenario, chance: Random) -> Iterator[float]:
    """A Poisson process whose rate changes by the hour."""
    for hour, calls in enumerate(hourly(queue, scenario)):
        now = (scenario.opens + hour) * HOUR
        end = min(now + HOUR, scenario.closes * HOUR)
        while calls > 0 and (now := now + chance.expovariate(calls / HOUR)) < end:
            yield now


def draw(duration: Duration, chance: Random) -> float:
    """One time by chance; seconds."""
    if duration.distribution == "fixed":
        return duration.mean
    if duration.distribution == "exponential":
        return chance.expovariate(1 / duration.mean)
    if duration.distribution == "gamma":
        shape = duration.cv**-2
        return chance.gammavariate(shape, duration.mean / shape)
    spread = log(1 + duration.cv**2)
    return chance.lognormvariate(log(duration.mean) - spread / 2, sqrt(spread))
