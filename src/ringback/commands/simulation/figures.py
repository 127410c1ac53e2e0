"""What many simulated days say: means with 95 percent confidence intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt

import msgspec

from .day import DayResult, Tally

_Z = 1.959964


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A share, or seconds; `low` and `high` enclose the true value with 95 percent confidence."""

    value: float
    low: float
    high: float


class QueueFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One queue, or all (`queue` is None). None: there was nothing to count.

    Shares are of all calls without those who took a callback; `wait_s` is theirs too, given up or answered.
    """

    queue: str | None
    calls_a_day: Figure | None
    service_level: Figure | None
    delayed: Figure | None
    abandoned: Figure | None
    wait_s: Figure | None
    callbacks: Figure | None
    connected: Figure | None
    callback_wait_s: Figure | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario after so many days; `occupancy`: the share of their time that agents were busy."""

    scenario: str
    days: int
    calls: int
    occupancy: Figure | None
    queues: list[QueueFigures]


def ratio(above: Sequence[float], below: Sequence[float]) -> Figure | None:
    """The sum of the one over the sum of the other, days being independent of each other."""
    total, days = sum(below), len(below)
    if not total:
        return None
    value = sum(above) / total
    if days < 2:
        return Figure(value=value, low=value, high=value)
    squares = sum((a - value * b) ** 2 for a, b in zip(above, below, strict=True))
    reach = student(days - 1) * sqrt(squares * days / (days - 1)) / total
    return Figure(value=value, low=value - reach, high=value + reach)


def student(freedom: int) -> float:
    """The 97.5 percent point of Student's distribution, by its expansion around the normal one."""
    return (
        _Z
        + (_Z**3 + _Z) / (4 * freedom)
        + (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / (96 * freedom**2)
        + (3 * _Z**7 + 19 * _Z**5 + 17 * _Z**3 - 15 * _Z) / (384 * freedom**3)
    )


def outcome(name: str, results: Sequence[DayResult]) -> Outcome:
    """The figures of all days."""
    tallies = {queue: [day.queues[queue] for day in results] for queue in results[0].queues}
    queues = [queue_figures(queue, days) for queue, days in tallies.items()]
    every = [total(list(day.queues.values())) for day in results]
    return Outcome(
        scenario=name,
        days=len(results),
        calls=sum(day.calls for day in every),
        occupancy=ratio([day.busy for day in results], [day.on_duty for day in results]),
        queues=[*queues, queue_figures(None, every)],
    )


def total(tallies: Sequence[Tally]) -> Tally:
    """All queues of a day."""
    names = Tally.__dataclass_fields__
    return Tally(**{name: sum(getattr(tally, name) for tally in tallies) for name in names})


def queue_figures(queue: str | None, days: Sequence[Tally]) -> QueueFigures:
    """One queue over all days."""

    def per(above: Callable[[Tally], float], below: Callable[[Tally], float]) -> Figure | None:
        return ratio([above(day) for day in days], [below(day) for day in days])

    return QueueFigures(
        queue=queue,
        calls_a_day=per(lambda day: day.calls, lambda day: 1),
        service_level=per(lambda day: day.in_time, _in_person),
        delayed=per(lambda day: day.delayed, _in_person),
        abandoned=per(lambda day: day.abandoned, _in_person),
        wait_s=per(lambda day: day.waited, _in_person),
        callbacks=per(lambda day: day.callbacks, lambda day: day.calls),
        connected=per(lambda day: day.connected, lambda day: day.callbacks),
        callback_wait_s=per(lambda day: day.callback_waited, lambda day: day.callbacks),
    )


def _in_person(day: Tally) -> float:
    return day.answered + day.abandoned
