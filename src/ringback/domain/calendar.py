"""Business hours in a zone: open now, until when, from when on again.

Times of day are what the clock on the office wall shows. An interval opens the first time that the wall
shows its beginning and closes the last time that it shows its end; a time that the wall never shows (the
hour skipped in spring, the day Samoa skipped) falls on the instant of the skip. Instants are seconds since
the epoch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ringback.domain.opening import (
    WHOLE_DAY,
    CalendarError,
    Hours,
    SpecialDay,
    merged,
    read_times,
)

__all__ = [
    "BusinessHours",
    "CalendarError",
    "Hours",
    "Together",
    "always_open",
    "changeover",
    "instant_of",
    "read_weekdays",
    "weekly",
    "zone_named",
]

_SEARCH_DAYS = 400
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LINE = re.compile(r"(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? +(?P<times>[\d:]+-[\d:]*)")


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """Weekly hours by weekday (Monday is 0), with days on which other hours hold.

    `special` replaces the hours of single days (none: closed); `changes` apply after it, in their order.
    """

    zone: ZoneInfo
    week: tuple[tuple[Hours, ...], ...]
    special: dict[date, tuple[Hours, ...]] = field(default_factory=dict)
    changes: tuple[SpecialDay, ...] = ()

    def hours_on(self, day: date) -> tuple[Hours, ...]:
        """The hours of one day of the office's calendar."""
        hours = self.special.get(day, self.week[day.weekday()])
        for change in self.changes:
            if change.applies(day):
                hours = change.changed(hours)
        return hours

    def is_open(self, at: float) -> bool:
        """Whether the office is open at an instant."""
        return self.closes_at(at) is not None

    def closes_at(self, at: float) -> float | None:
        """The instant at which the office that is open at `at` closes; None when it is closed.

        Hours that touch (24:00 and 00:00 of the next day) are one: an office that never closes within
        the days searched answers infinity.
        """
        if not self.special and not self.changes and all(day == (WHOLE_DAY,) for day in self.week):
            return float("inf")
        close: float | None = None
        for opens, closes in self._spans(at):
            if close is None:
                if opens <= at < closes:
                    close = closes
            elif opens <= close:
                close = max(close, closes)
            else:
                return close
        return float("inf") if close is not None and close - at > (_SEARCH_DAYS - 2) * 86400 else close

    def open_for(self, at: float) -> float:
        """Seconds until the office closes; 0 when it is closed now."""
        close = self.closes_at(at)
        return 0.0 if close is None else close - at

    def next_opening(self, at: float) -> float | None:
        """The first instant from `at` on at which the office is open; None when there is none in a year."""
        for opens, closes in self._spans(at):
            if closes > at:
                return max(opens, at)
        return None

    def open_spans(self, start: float, end: float) -> Iterator[tuple[float, float]]:
        """Open spans that reach into [start, end), in order; hours that touch may come as two."""
        for opens, closes in self._spans(start):
            if opens >= end:
                return
            if closes > start:
                yield opens, closes

    def _spans(self, at: float) -> Iterator[tuple[float, float]]:
        """Open spans in order, from the day before `at` on (a span never reaches two days back)."""
        first = datetime.fromtimestamp(at, UTC).astimezone(self.zone).date() - timedelta(days=1)
        for offset in range(_SEARCH_DAYS):
            day = first + timedelta(days=offset)
            for hours in self.hours_on(day):
                opens = _instant(self.zone, day, hours.opens, last=False)
                closes = _instant(self.zone, day, hours.closes, last=True)
                if opens < closes:
                    yield opens, closes


@dataclass(frozen=True, slots=True)
class Together:
    """Open while every one of several offices is."""

    offices: tuple[BusinessHours, ...]

    def next_opening(self, at: float) -> float | None:
        """The first instant from `at` on at which all are open; None when there is none in a year."""
        last = at + _SEARCH_DAYS * 86_400
        while at < last:
            begin = at
            for office in self.offices:
                opens = office.next_opening(at)
                if opens is None:
                    return None
                at = opens
            if at == begin:
                return at
        return None


def zone_named(name: str) -> ZoneInfo:
    """The IANA zone; raises CalendarError when there is none of this name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CalendarError(f"no time zone named {name[:40]!r}") from error


def always_open(zone: str = "UTC") -> BusinessHours:
    """An office that never closes."""
    return BusinessHours(zone_named(zone), ((WHOLE_DAY,),) * 7)


def weekly(zone: str, lines: Iterable[str], changes: Iterable[SpecialDay] = ()) -> BusinessHours:
    """Hours from lines such as `Mon-Fri 09:00-17:30` or `Sat 10:00-` (no end time); raises CalendarError."""
    week: list[list[Hours]] = [[] for _ in _WEEKDAYS]
    for line in lines:
        days, hours = read_weekdays(line)
        for day in days:
            week[day].append(hours)
    return BusinessHours(zone_named(zone), tuple(merged(day) for day in week), changes=tuple(changes))


def read_weekdays(line: str) -> tuple[tuple[int, ...], Hours]:
    """Weekdays (Monday is 0) and hours of `Mon-Fri 09:00-17:30`; raises CalendarError."""
    match = _LINE.fullmatch(line.strip().lower())
    if match is None:
        raise CalendarError(f"hours read like 'Mon-Fri 09:00-17:30', not {line[:40]!r}")
    first = _weekday(match["first"])
    last = _weekday(match["last"] or match["first"])
    days = tuple((first + offset) % 7 for offset in range((last - first) % 7 + 1))
    return days, read_times(match["times"])


def _weekday(name: str) -> int:
    if name not in _WEEKDAYS:
        raise CalendarError(f"no weekday named {name!r}")
    return _WEEKDAYS.index(name)


def _instant(zone: ZoneInfo, day: date, minutes: int, *, last: bool) -> float:
    return instant_of(zone, datetime.combine(day, time()) + timedelta(minutes=minutes), last=last)


def instant_of(zone: ZoneInfo, wall: datetime, *, last: bool = False) -> float:
    """The first or last instant at which the wall shows this time, or that of the skip which swallowed it."""
    early = wall.replace(tzinfo=zone, fold=0).timestamp()
    late = wall.replace(tzinfo=zone, fold=1).timestamp()
    if early <= late:
        return late if last else early
    return changeover(zone, late, early)


def changeover(zone: ZoneInfo, low: float, high: float) -> float:
    """The instant in (low, high] (whole seconds) at which the zone's offset changes."""
    before = datetime.fromtimestamp(low, zone).utcoffset()
    while high - low > 1:
        middle = float((low + high) // 2)
        if datetime.fromtimestamp(middle, zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high
