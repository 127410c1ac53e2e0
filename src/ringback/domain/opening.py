"""Hours of one day and their arithmetic, and the days on which other hours hold than the week's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import Enum

MINUTES_A_DAY = 24 * 60
_TIMES = re.compile(r"(\d{1,2}:\d\d)-(\d{1,2}:\d\d)?")
_DATE = re.compile(r"(?:(\d{4})-)?(\d\d)-(\d\d)")
_DATES = re.compile(r"!?\d[\d\-/,!]*")
_LEAP = 2000  # a year that has every day, to read days that come every year


class CalendarError(ValueError):
    """A zone, a weekday, a date or a time of day that does not exist."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Open from `opens` to `closes`, in minutes of the local day; `closes` may be 1440 (24:00)."""

    opens: int
    closes: int

    def __post_init__(self) -> None:
        if not 0 <= self.opens < self.closes <= MINUTES_A_DAY:
            raise CalendarError("hours open before they close, within one day")


WHOLE_DAY = Hours(0, MINUTES_A_DAY)


def minutes_of(text: str) -> int:
    """`17:30` as minutes of the day; raises CalendarError."""
    hour, _, minute = text.partition(":")
    if int(minute) > 59 or int(hour) * 60 + int(minute) > MINUTES_A_DAY:
        raise CalendarError(f"no time of day {text!r}")
    return int(hour) * 60 + int(minute)


def read_times(text: str) -> Hours:
    """`09:00-17:30`, or `09:00-` for an office without end time; raises CalendarError."""
    match = _TIMES.fullmatch(text)
    if match is None:
        raise CalendarError(f"times read like '09:00-17:30', not {text[:40]!r}")
    return Hours(minutes_of(match[1]), minutes_of(match[2] or "24:00"))


def merged(hours: Iterable[Hours]) -> tuple[Hours, ...]:
    """The same hours in order, those that touch as one."""
    result: list[Hours] = []
    for each in sorted(hours, key=lambda one: one.opens):
        if result and each.opens <= result[-1].closes:
            result[-1] = Hours(result[-1].opens, max(result[-1].closes, each.closes))
        else:
            result.append(each)
    return tuple(result)


def without(hours: Iterable[Hours], closed: Iterable[Hours]) -> tuple[Hours, ...]:
    """The hours with other hours cut out."""
    left = list(hours)
    for cut in closed:
        parts = [(h.opens, min(h.closes, cut.opens)) for h in left]
        parts += [(max(h.opens, cut.closes), h.closes) for h in left]
        left = [Hours(opens, closes) for opens, closes in parts if opens < closes]
    return merged(left)


@dataclass(frozen=True, slots=True)
class Dates:
    """From `first` to `last`, both in; `yearly`: as (month, day), in every year, also over its end."""

    first: tuple[int, int, int]
    last: tuple[int, int, int]
    yearly: bool

    def __contains__(self, day: date) -> bool:
        if not self.yearly:
            return self.first <= (day.year, day.month, day.day) <= self.last
        first, last, now = self.first[1:], self.last[1:], (day.month, day.day)
        return first <= now <= last if first <= last else now >= first or now <= last


def read_dates(text: str) -> tuple[Dates, ...]:
    """`2026-12-24`, `12-24` (every year), `2026-12-24/2026-12-26`, several with commas.

    A range that begins with `!` is disabled: it is checked and left out. Raises CalendarError.
    """
    ranges = []
    for part in text.split(","):
        dates = _read_range(part.removeprefix("!"))
        if not part.startswith("!"):
            ranges.append(dates)
    return tuple(ranges)


def _read_range(text: str) -> Dates:
    first, _, last = text.partition("/")
    begin, begin_yearly = _read_date(first)
    end, end_yearly = _read_date(last or first)
    if begin_yearly != end_yearly or (not begin_yearly and begin > end):
        raise CalendarError(f"dates read like '2026-12-24/2026-12-26' or '12-24/12-26', not {text[:40]!r}")
    return Dates(begin, end, begin_yearly)


def _read_date(text: str) -> tuple[tuple[int, int, int], bool]:
    match = _DATE.fullmatch(text)
    if match is None:
        raise CalendarError(f"a date reads like '2026-12-24', or '12-24' every year, not {text[:40]!r}")
    try:
        day = date(int(match[1] or _LEAP), int(match[2]), int(match[3]))
    except ValueError as error:
        raise CalendarError(f"there is no day {text[:40]!r}") from error
    return (day.year, day.month, day.day), match[1] is None


class Change(Enum):
    """What a special day does to the hours of the day."""

    REPLACE = "replace"
    OPEN = "open"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """Days on which the hours change; without dates it never applies."""

    dates: tuple[Dates, ...]
    change: Change
    hours: tuple[Hours, ...]

    def applies(self, day: date) -> bool:
        """Whether `day` is one of them."""
        return any(day in dates for dates in self.dates)

    def changed(self, hours: tuple[Hours, ...]) -> tuple[Hours, ...]:
        """The hours of such a day, made from those that would hold otherwise."""
        if self.change is Change.REPLACE:
            return self.hours
        if self.change is Change.OPEN:
            return merged((*hours, *self.hours))
        return without(hours, self.hours)


def read_special_day(line: str) -> SpecialDay:
    """A special day: dates (may be missing), then what holds.

    `closed`: the whole day. `open`: all day. `closed 12:00-13:00`: cut out. `open 18:00-20:00`: added.
    `09:00-12:00,14:00-16:00`: instead of the day's hours. Raises CalendarError.
    """
    words = line.lower().split()
    dates = read_dates(words.pop(0)) if words and _DATES.fullmatch(words[0]) else ()
    if not words:
        raise CalendarError(f"a special day says closed, open or times: {line[:40]!r}")
    word = words[0] if words[0] in {"closed", "open"} else ""
    times = "".join(words[1:] if word else words)
    hours = merged(read_times(part) for part in times.split(",")) if times else (WHOLE_DAY,)
    change = {"closed": Change.CLOSE, "open": Change.OPEN, "": Change.REPLACE}[word]
    return SpecialDay(dates, change, hours)
