"""Office hours around every change of the clock of a year, in every zone that there is.

The judge is the wall: what it shows, minute by minute, worked out from UTC and nothing else.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import pytest

from ringback.domain.calendar import instant_of, weekly
from ringback.domain.callbacks import RetryPolicy, read_hours

FIRST, LAST = datetime(2027, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
ZONES = sorted(zone for zone in available_timezones() if "/" in zone)


@lru_cache(maxsize=1)
def changes() -> tuple[tuple[str, float], ...]:
    """Zone and instant (to a quarter of an hour) of each change; of zones with the same, one will do."""
    found: dict[tuple[tuple[float, float], ...], str] = {}
    for name in ZONES:
        zone, at, seen = ZoneInfo(name), FIRST, []
        while at < LAST:
            after = at + timedelta(days=1)
            if at.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
                step = at
                while step.astimezone(zone).utcoffset() == at.astimezone(zone).utcoffset():
                    step += timedelta(minutes=15)
                offset = step.astimezone(zone).utcoffset() or timedelta()
                seen.append((step.timestamp(), offset.total_seconds()))
            at = after
        if seen:
            found.setdefault(tuple(seen), name)
    return tuple((name, at) for times, name in found.items() for at, _ in times)


def wall(zone: ZoneInfo, at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).astimezone(zone).replace(tzinfo=None)


def open_by_the_wall(zone: ZoneInfo, at: float) -> bool:
    """01:00 to 03:30: the wall has shown the beginning today, and will not show the end again."""
    day = wall(zone, at).date()
    begun = any(wall(zone, at - back).date() == day and wall(zone, at - back).hour >= 1 for back in steps())
    over = all(
        (wall(zone, at + ahead).hour, wall(zone, at + ahead).minute) >= (3, 30)
        or wall(zone, at + ahead).date() != day
        for ahead in steps()
    )
    return begun and not over


def steps() -> range:
    """Seconds of three hours, in quarters of an hour."""
    return range(0, 3 * 3600 + 1, 900)


def test_there_are_changes_to_judge_by() -> None:
    assert len({name for name, _ in changes()}) > 8
    assert any("Lord_Howe" in name for name in ZONES)


def test_the_office_is_open_when_the_wall_says_so_around_every_change_of_the_clock() -> None:
    for name, change in changes():
        zone = ZoneInfo(name)
        office = weekly(name, ["Mon-Sun 01:00-03:30"])
        for quarter in range(-16, 17, 2):
            at = change + quarter * 900
            assert office.is_open(at) == open_by_the_wall(zone, at), (name, wall(zone, at))


def test_a_callback_is_never_dialled_while_the_office_is_closed_whatever_the_clock_does() -> None:
    for name, change in changes()[::4]:
        office = weekly(name, ["Mon-Sun 00:30-02:15", "Mon-Sun 02:45-04:00"])
        policy = RetryPolicy(3, 300.0, office)
        for minutes in range(-300, 301, 75):
            at = change + minutes * 60
            allowed = policy.allowed_from(at)
            assert allowed is not None and allowed >= at and office.is_open(allowed), (name, at)
            assert allowed - at <= 26 * 3600
            assert allowed == at or not office.is_open(allowed - 1), (name, at)
            left = office.open_for(allowed)
            assert left > 0 and office.is_open(allowed + left - 1) and not office.is_open(allowed + left)


@pytest.mark.parametrize("name", ZONES)
def test_a_leap_day_and_half_a_day_are_days_of_the_offices_own_calendar(name: str) -> None:
    week = {"_timezone": name, "_bh_regular1": "Mon-Sun 09:00-17:00"}
    office = read_hours({**week, "_bh_special1": "02-29 closed", "_bh_special2": "2028-03-01 09:00-12:00"})
    zone = ZoneInfo(name)
    noon = {day: instant_of(zone, datetime(2028, *day, 11)) for day in ((2, 28), (2, 29), (3, 1))}
    assert [office.is_open(at) for at in noon.values()] == [True, False, True]
    assert office.next_opening(noon[2, 29]) == instant_of(zone, datetime(2028, 3, 1, 9))
    assert office.open_for(noon[3, 1]) == 3600
    ordinary = instant_of(zone, datetime(2027, 2, 28, 18))
    assert wall(zone, office.next_opening(ordinary) or 0.0).date() == date(2027, 3, 1)
