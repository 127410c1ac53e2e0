"""Ranges of time by their names, as supervisors ask for them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

from ringback.domain.calendar import CalendarError, instant_of, zone_named
from ringback.runtime.http import HttpError

_DAY = 86_400.0
_OFFSETS = {
    "next_24_hours": (0.0, _DAY),
    "next_7_days": (0.0, 7 * _DAY),
    "next_2_weeks": (0.0, 14 * _DAY),
    "last_24_hours": (-_DAY, 0.0),
    "last_7_days": (-7 * _DAY, 0.0),
    "last_14_days": (-14 * _DAY, 0.0),
}
_DAYS = re.compile(r"(-?\d{1,4})\.\.(-?\d{1,4})")
NAMES = ("today", *_OFFSETS)


def named_range(name: str, now: float, zone: str) -> tuple[datetime, datetime]:
    """From (in it) and to (not in it); HttpError 400 for a name or zone that is none.

    `-2..2`: from the beginning of the day before yesterday to the end of the day after tomorrow, in `zone`.
    """
    if name in _OFFSETS:
        first, last = _OFFSETS[name]
        return _moment(now + first), _moment(now + last)
    match = _DAYS.fullmatch("0..0" if name == "today" else name)
    if match is None or int(match[1]) > int(match[2]):
        raise HttpError(400, "invalid_query", f"a range is {', '.join(NAMES)}, or days such as -2..2")
    try:
        place = zone_named(zone)
    except CalendarError as error:
        raise HttpError(400, "timezone-unknown", str(error)) from None
    today = datetime.fromtimestamp(now, place).date()
    days = (today + timedelta(days=int(match[1])), today + timedelta(days=int(match[2]) + 1))
    begin, end = (_moment(instant_of(place, datetime.combine(day, time()))) for day in days)
    return begin, end


def in_utc(given: datetime) -> datetime:
    """A time as it was given, UTC when it names no zone; HttpError 400 beyond the calendar."""
    try:
        return (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise HttpError(400, "invalid_query", "this time lies beyond the calendar") from None


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
