"""What many simulated days say: means with 95 percent confidence intervals, and what differs between two."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from math import sqrt

import msgspec

from .tally import DayResult, Duty, Tally, seconds_of, step_of, total

_Z = 1.959964

Count = Callable[[Tally], float]


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A share, or seconds; `low` and `high` enclose the true value with 95 percent confidence."""

    value: float
    low: float
    high: float


def _in_person(day: Tally) -> float:
    return day.answered + day.abandoned


MEASURES: Mapping[str, tuple[Count, Count]] = {
    "calls_a_day": (lambda day: day.calls, lambda day: 1),
    "service_level": (lambda day: day.in_time, _in_person),
    "delayed": (lambda day: day.delayed, _in_person),
    "abandoned": (lambda day: day.abandoned, _in_person),
    "lost": (lambda day: day.abandoned + day.failed + day.expired, lambda day: day.calls),
    "wait_s": (lambda day: day.waited, _in_person),
    "callbacks": (lambda day: day.callbacks, lambda day: day.calls),
    "connected": (lambda day: day.connected, lambda day: day.callbacks),
    "failed": (lambda day: day.failed, lambda day: day.callbacks),
    "expired": (lambda day: day.expired, lambda day: day.callbacks),
    "dials": (lambda day: day.dials, lambda day: day.callbacks),
    "callback_wait_s": (lambda day: day.callback_waited, lambda day: day.connected),
}
"""Each is the sum of the one over the sum of the other."""


class QueueFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One queue, or all (`queue` is None). None: there was nothing to count.

    Shares are of all calls without those who took a callback; `wait_s`, the mean, and the waits that half and
    nine in ten do not exceed are theirs too, given up or answered. `lost` is the share of all, callbacks
    included, that reached nobody. `connected`, `failed` and `expired` are shares of the callbacks taken,
    `dials` their mean number.
    """

    queue: str | None
    calls_a_day: Figure | None
    service_level: Figure | None
    delayed: Figure | None
    abandoned: Figure | None
    lost: Figure | None
    wait_s: Figure | None
    wait_p50_s: Figure | None
    wait_p90_s: Figure | None
    callbacks: Figure | None
    connected: Figure | None
    failed: Figure | None
    expired: Figure | None
    dials: Figure | None
    callback_wait_s: Figure | None


class HourFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Those who came in one hour of the day, over all queues, and the agents in it."""

    hour: int
    calls_a_day: Figure | None
    service_level: Figure | None
    wait_s: Figure | None
    abandoned: Figure | None
    callbacks: Figure | None
    occupancy: Figure | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario after so many days; `occupancy`: the share of their time that agents were busy.

    `waits`: the share of those in person who waited no longer than each of these seconds. `against_first`:
    how much more it is than under the first scenario, over all queues; the days are compared pair by pair.
    """

    scenario: str
    days: int
    calls: int
    occupancy: Figure | None
    queues: list[QueueFigures]
    hours: list[HourFigures]
    waits: list[tuple[float, float]]
    against_first: dict[str, Figure] = {}


def ratio(above: Sequence[float], below: Sequence[float]) -> Figure | None:
    """The sum of the one over the sum of the other, days being independent of each other."""
    total = sum(below)
    if not total:
        return None
    found = _around(sum(above) / total, deviations(above, below))
    return Figure(value=found.value, low=max(0.0, found.low), high=found.high)


def deviations(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """What each day adds to the ratio of the sums, beyond its share (the linear part of the error)."""
    value, mean = sum(above) / sum(below), sum(below) / len(below)
    return [(a - value * b) / mean for a, b in zip(above, below, strict=True)]


def difference(one: Sequence[float], other: Sequence[float], value: float) -> Figure:
    """How much more the second is, by the deviations of the same days under both."""
    return _around(value, [b - a for a, b in zip(one, other, strict=True)])


Parts = tuple[Sequence[float], Sequence[float]]
"""What a ratio is made of, day by day."""


def differences(first: Sequence[DayResult], other: Sequence[DayResult]) -> dict[str, Figure]:
    """How much more each measure is on the other's days, over all queues."""
    ours, theirs = _parts(first), _parts(other)
    return {
        name: _more(ours[name], theirs[name])
        for name in ours
        if all(sum(below) for _, below in (ours[name], theirs[name]))
    }


def _parts(days: Sequence[DayResult]) -> dict[str, Parts]:
    every = [total(t for q in day.queues.values() for t in q.values()) for day in days]
    found: dict[str, Parts] = {
        name: ([above(day) for day in every], [below(day) for day in every])
        for name, (above, below) in MEASURES.items()
    }
    return {**found, "occupancy": _on_duty([list(day.duty.values()) for day in days])}


def _more(one: Parts, other: Parts) -> Figure:
    values = [sum(above) / sum(below) for above, below in (one, other)]
    return difference(deviations(*one), deviations(*other), values[1] - values[0])


def _around(value: float, found: Sequence[float]) -> Figure:
    days = len(found)
    if days < 2:
        return Figure(value=value, low=value, high=value)
    reach = student(days - 1) * sqrt(sum(each * each for each in found) / (days - 1) / days)
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
    names = list(results[0].queues)
    every = [total(tally for queue in names for tally in day.queues[queue].values()) for day in results]
    duty = [list(day.duty.values()) for day in results]
    return Outcome(
        scenario=name,
        days=len(results),
        calls=sum(day.calls for day in every),
        occupancy=_occupancy(duty),
        queues=[
            *(
                _queue_figures(queue, [queue], [day.queue(queue) for day in results], results)
                for queue in names
            ),
            _queue_figures(None, names, every, results),
        ],
        hours=[_hour_figures(hour, results) for hour in _hours(results)],
        waits=_shares(_pooled(names, results)),
    )


def measured(name: str, days: Sequence[Tally]) -> Figure | None:
    """One of the MEASURES over all days."""
    above, below = MEASURES[name]
    return ratio([above(day) for day in days], [below(day) for day in days])


def _occupancy(days: Sequence[Sequence[Duty]]) -> Figure | None:
    return ratio(*_on_duty(days))


def _on_duty(days: Sequence[Sequence[Duty]]) -> Parts:
    return [sum(duty.busy for duty in day) for day in days], [
        sum(duty.present for duty in day) for day in days
    ]


def _queue_figures(
    queue: str | None, names: Sequence[str], days: Sequence[Tally], results: Sequence[DayResult]
) -> QueueFigures:
    return QueueFigures(
        queue=queue,
        wait_p50_s=quantile(0.5, names, results),
        wait_p90_s=quantile(0.9, names, results),
        **{name: measured(name, days) for name in MEASURES},
    )


def _hours(results: Sequence[DayResult]) -> list[int]:
    """Hours in which somebody called."""
    return sorted({hour for day in results for queue in day.queues.values() for hour in queue})


def _hour_figures(hour: int, results: Sequence[DayResult]) -> HourFigures:
    days = [total(queue[hour] for queue in day.queues.values() if hour in queue) for day in results]
    names = ("calls_a_day", "service_level", "wait_s", "abandoned", "callbacks")
    return HourFigures(
        hour=hour,
        occupancy=_occupancy([[day.duty[hour]] if hour in day.duty else [] for day in results]),
        **{name: measured(name, days) for name in names},
    )


def quantile(level: float, names: Sequence[str], results: Sequence[DayResult]) -> Figure | None:
    """The wait that the share `level` does not exceed.

    Its interval is where the interval of the share at that wait leads (Woodruff 1952).
    """
    pooled = _pooled(names, results)
    steps = sorted(pooled)
    below = list(accumulate(pooled[step] for step in steps))
    if not below:
        return None

    def at(share: float) -> float:
        return seconds_of(steps[min(len(steps) - 1, bisect_left(below, share * below[-1]))])

    edge = step_of(at(level))
    found = ratio(
        [
            float(sum(n for name in names for s, n in day.waits.get(name, {}).items() if s <= edge))
            for day in results
        ],
        [float(sum(sum(day.waits.get(name, {}).values()) for name in names)) for day in results],
    )
    assert found is not None
    reach = found.high - found.value
    return Figure(value=at(level), low=at(max(0.0, level - reach)), high=at(min(1.0, level + reach)))


def _pooled(names: Sequence[str], results: Sequence[DayResult]) -> dict[int, int]:
    pooled: dict[int, int] = {}
    for day in results:
        for name in names:
            for step, count in day.waits.get(name, {}).items():
                pooled[step] = pooled.get(step, 0) + count
    return pooled


def _shares(pooled: Mapping[int, int]) -> list[tuple[float, float]]:
    steps = sorted(pooled)
    sums = list(accumulate(pooled[step] for step in steps))
    return [(seconds_of(step), done / sums[-1]) for step, done in zip(steps, sums, strict=True)]
