"""Quiet hours: times of the customer's day at which the phone must not ring.

The customer's zone is given, or it follows from the country of the number. A country of several zones is
quiet while any of them is: nobody is woken because their number does not tell where they live.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import phonenumbers

from ringback.domain.calendar import BusinessHours, zone_named
from ringback.domain.opening import WHOLE_DAY, CalendarError, Hours, minutes_of, without

_WEEKS = 60
_REFERENCE = datetime(2026, 1, 1)


def read_quiet_hours(text: str) -> tuple[Hours, ...]:
    """The hours of a day in which the phone may ring, of quiet ones such as `21:00-08:00`.

    Raises CalendarError, also when no hour would be left.
    """
    first, _, last = text.partition("-")
    begin, end = minutes_of(first), minutes_of(last)
    if begin == end:
        raise CalendarError("quiet hours that last all day leave no time to call")
    if begin < end:
        left = without((WHOLE_DAY,), (Hours(begin, end),))
    else:
        left = (Hours(end, begin),)
    if not left:
        raise CalendarError("quiet hours that last all day leave no time to call")
    return left


def ringing_hours(hours: tuple[Hours, ...], number: str, zone: str = "") -> list[BusinessHours]:
    """Calendars that must all be open for a number in E.164 to ring.

    `zone`: the customer's own, when it is known. Of a number of no country no day is known: there are none.
    """
    zones = (zone_named(zone),) if zone else zones_of_number(number)
    return [BusinessHours(each, (hours,) * 7) for each in zones]


def zones_of_number(number: str) -> tuple[ZoneInfo, ...]:
    """The zones of the country of a number in E.164; none where there is no country."""
    return zones_of_country(_country(number))


@lru_cache(maxsize=10_000)
def _country(number: str) -> str:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number, None)) or ""
    except phonenumbers.NumberParseException:
        return ""


@lru_cache(maxsize=300)
def zones_of_country(country: str) -> tuple[ZoneInfo, ...]:
    """The zones of a country (ISO 3166 alpha-2), one of those that show the same time all year."""
    different: dict[tuple[timedelta | None, ...], ZoneInfo] = {}
    for name in _table().get(country, ()):
        zone = ZoneInfo(name)
        weeks = tuple(
            (_REFERENCE + timedelta(days=7 * week)).replace(tzinfo=zone).utcoffset() for week in range(_WEEKS)
        )
        different.setdefault(weeks, zone)
    return tuple(different.values())


@lru_cache(maxsize=1)
def _table() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    text = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            country, _, name = line.split("\t")[:3]
            found.setdefault(country, []).append(name)
    return found
