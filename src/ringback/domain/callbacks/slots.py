"""Slots: the pieces of time that callbacks are booked into, and how many each takes.

A slot begins at a multiple of its length on the wall of the office (a change of the clock begins one too), so
an instant lies in exactly one slot of a grid, whoever asks and from where. Instants are seconds since the
epoch; slots are named by the instant at which they begin.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from math import ceil
from zoneinfo import ZoneInfo

from ringback.domain.calendar import BusinessHours, changeover, read_weekdays
from ringback.domain.opening import WHOLE_DAY, CalendarError, Dates, Hours, read_dates, read_times

_DAY = 86_400
RULE_MINUTES = (30, 60)


@dataclass(frozen=True, slots=True)
class Grid:
    """Slots of `minutes` on the wall of `zone`."""

    zone: ZoneInfo
    minutes: int

    def start_of(self, at: float) -> int:
        """The beginning of the slot in which an instant lies."""
        offset = self._offset(at)
        start = int(at) - (int(at) + offset) % self.seconds
        return start if self._offset(start) == offset else int(changeover(self.zone, start, int(at)))

    def after(self, start: int) -> int:
        """The beginning of the slot that follows the one beginning at `start`."""
        following = self.start_of(start + self.seconds)
        while (earlier := self.start_of(following - 1)) > start:
            following = earlier
        return following

    def starts(self, first: int, end: float) -> Iterator[int]:
        """The beginnings of slots from `first` (one of them) on, before `end`."""
        while first < end:
            stop = min(first + _DAY, end)
            offset = self._offset(first)
            if offset == self._offset(stop) and (first + offset) % self.seconds == 0:
                day = range(first, ceil(stop), self.seconds)
                yield from day
                first = self.after(day[-1])
            else:
                yield first
                first = self.after(first)

    @property
    def seconds(self) -> int:
        """Length of a slot that no change of the clock cuts short."""
        return self.minutes * 60

    def _offset(self, at: float) -> int:
        offset = datetime.fromtimestamp(at, self.zone).utcoffset()
        assert offset is not None, "a zone knows its offset"
        return int(offset.total_seconds())


@dataclass(frozen=True, slots=True)
class WeeklyRoom:
    """How many one line of a capacity rule lets in: on weekdays (Monday is 0), within hours."""

    days: tuple[int, ...]
    hours: Hours
    room: int


@dataclass(frozen=True, slots=True)
class DatedRoom:
    """How many an exception of a capacity rule lets in, on dates, within hours."""

    dates: tuple[Dates, ...]
    hours: Hours
    room: int


@dataclass(frozen=True, slots=True)
class CapacityRule:
    """A weekly calendar of room with exceptions; what no line names has none. The last line that fits holds.

    It has no zone: the same rule serves queues whose offices have different ones.
    """

    minutes: int
    week: tuple[WeeklyRoom, ...]
    exceptions: tuple[DatedRoom, ...] = ()

    def room_at(self, day: date, minute: int) -> int:
        """How many a slot takes that begins at this minute of this day."""
        for line in reversed(self.exceptions):
            if line.hours.opens <= minute < line.hours.closes and any(day in dates for dates in line.dates):
                return line.room
        for each in reversed(self.week):
            if each.hours.opens <= minute < each.hours.closes and day.weekday() in each.days:
                return each.room
        return 0


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """The slots of one callback service: `room` in every one, or as a rule says."""

    grid: Grid
    room: int
    rule: CapacityRule | None = None

    def capacity(self, start: int) -> int:
        """How many callbacks the slot beginning at `start` takes in all."""
        if self.rule is None:
            return self.room
        wall = datetime.fromtimestamp(start, self.grid.zone)
        return self.rule.room_at(wall.date(), wall.hour * 60 + wall.minute)


def bookable(
    plan: SlotPlan, hours: BusinessHours | None, first: int, end: float, now: float
) -> Iterator[int]:
    """Slots from the one beginning at `first` on, before `end`, in which the office is open.

    The slot of `now` counts when the office is open now; slots that are over do not.
    """
    current = plan.grid.start_of(now)
    first = max(first, current)
    if hours is None:
        yield from plan.grid.starts(first, end)
        return
    last = first - 1
    for opens, closes in hours.open_spans(first, end):
        begin = plan.grid.start_of(max(opens, first))
        for start in plan.grid.starts(begin, min(closes, end)):
            if start > last and opens <= (now if start == current else start) < closes:
                last = start
                yield start


def read_capacity_rule(minutes: str, lines: Iterable[str], exceptions: Iterable[str]) -> CapacityRule:
    """A rule of slots of 30 or 60 minutes; raises CalendarError.

    Lines read `Mon-Fri 09:00-17:00 20`, exceptions `2026-12-24 5` or `12-24 09:00-12:00 5`.
    """
    if minutes not in {str(each) for each in RULE_MINUTES}:
        raise CalendarError("_capacity_slot is 30 or 60 minutes")
    return CapacityRule(
        int(minutes),
        tuple(_read_weekly(line) for line in lines),
        tuple(_read_dated(line) for line in exceptions),
    )


def _read_weekly(line: str) -> WeeklyRoom:
    rest, _, room = line.rpartition(" ")
    days, hours = read_weekdays(rest)
    return WeeklyRoom(days, hours, _read_room(room))


def _read_dated(line: str) -> DatedRoom:
    words = line.split()
    if not 2 <= len(words) <= 3:
        raise CalendarError(f"an exception reads like '2026-12-24 09:00-12:00 5', not {line[:40]!r}")
    hours = read_times(words[1]) if len(words) == 3 else WHOLE_DAY
    return DatedRoom(read_dates(words[0]), hours, _read_room(words[-1]))


def _read_room(text: str) -> int:
    if not text.isdecimal() or len(text) > 6:
        raise CalendarError(f"capacity is a number, not {text[:40]!r}")
    return int(text)
