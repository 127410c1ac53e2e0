from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ringback.domain.calendar import BusinessHours, CalendarError, Hours, always_open, weekly, zone_named

BERLIN = "Europe/Berlin"
ZONES = sorted(zone for zone in available_timezones() if "/" in zone)


def instant(zone: str, *wall: int, fold: int = 0) -> float:
    return datetime(*wall, tzinfo=ZoneInfo(zone), fold=fold).timestamp()  # type: ignore[arg-type, misc]


OFFICE = weekly(BERLIN, ["Mon-Fri 09:00-17:30", "Sat 10:00-13:00"])


def test_the_office_is_open_from_its_first_minute_until_its_last() -> None:
    assert not OFFICE.is_open(instant(BERLIN, 2026, 11, 23, 8, 59, 59))
    assert OFFICE.is_open(instant(BERLIN, 2026, 11, 23, 9))
    assert OFFICE.is_open(instant(BERLIN, 2026, 11, 23, 17, 29, 59))
    assert not OFFICE.is_open(instant(BERLIN, 2026, 11, 23, 17, 30))


def test_the_next_opening_skips_the_weekend() -> None:
    saturday_afternoon = instant(BERLIN, 2026, 11, 21, 14)
    assert OFFICE.next_opening(saturday_afternoon) == instant(BERLIN, 2026, 11, 23, 9)


def test_the_next_opening_of_an_open_office_is_now() -> None:
    now = instant(BERLIN, 2026, 11, 23, 12)
    assert OFFICE.next_opening(now) == now


def test_open_for_counts_seconds_to_closing_and_is_zero_when_closed() -> None:
    assert OFFICE.open_for(instant(BERLIN, 2026, 11, 23, 17)) == 1800
    assert OFFICE.open_for(instant(BERLIN, 2026, 11, 23, 18)) == 0


def test_hours_that_touch_at_midnight_are_one() -> None:
    hours = weekly("UTC", ["Mon 20:00-24:00", "Tue 00:00-02:00"])
    assert hours.closes_at(instant("UTC", 2026, 11, 23, 22)) == instant("UTC", 2026, 11, 24, 2)


def test_an_office_that_never_closes_is_open_for_ever() -> None:
    assert always_open().open_for(instant("UTC", 2026, 1, 1)) == float("inf")


def test_an_office_without_hours_never_opens() -> None:
    assert weekly("UTC", []).next_opening(instant("UTC", 2026, 1, 1)) is None


def test_a_special_day_replaces_the_hours_of_the_week() -> None:
    special = {date(2026, 12, 24): (Hours(9 * 60, 12 * 60),), date(2026, 12, 25): ()}
    office = BusinessHours(OFFICE.zone, OFFICE.week, special)
    assert office.closes_at(instant(BERLIN, 2026, 12, 24, 10)) == instant(BERLIN, 2026, 12, 24, 12)
    assert not office.is_open(instant(BERLIN, 2026, 12, 25, 10))
    assert office.next_opening(instant(BERLIN, 2026, 12, 24, 12)) == instant(BERLIN, 2026, 12, 26, 10)


def test_the_hour_skipped_in_spring_is_not_counted() -> None:
    """29 March 2026: the wall goes from 02:00 to 03:00."""
    hours = weekly(BERLIN, ["Sun 01:00-04:00"])
    assert hours.open_for(instant(BERLIN, 2026, 3, 29, 1)) == 2 * 3600


def test_a_closing_time_that_the_wall_never_shows_is_the_instant_of_the_skip() -> None:
    hours = weekly(BERLIN, ["Sun 01:00-02:30"])
    assert hours.closes_at(instant(BERLIN, 2026, 3, 29, 1, 15)) == instant(BERLIN, 2026, 3, 29, 3)


def test_a_closing_time_that_the_wall_shows_twice_is_the_second() -> None:
    """25 October 2026: the wall goes from 03:00 back to 02:00."""
    hours = weekly(BERLIN, ["Sun 01:00-02:30"])
    assert hours.closes_at(instant(BERLIN, 2026, 10, 25, 1)) == instant(BERLIN, 2026, 10, 25, 2, 30, fold=1)


def test_the_day_that_samoa_skipped_has_no_hours() -> None:
    hours = weekly("Pacific/Apia", ["Fri 09:00-17:00"])
    assert hours.next_opening(instant("Pacific/Apia", 2011, 12, 29, 12)) == instant(
        "Pacific/Apia", 2012, 1, 6, 9
    )


def test_a_week_range_may_wrap_over_sunday() -> None:
    hours = weekly("UTC", ["Sat-Mon 10:00-11:00"])
    opened = [hours.is_open(instant("UTC", 2026, 11, day, 10)) for day in range(21, 25)]
    assert opened == [True, True, True, False]


@pytest.mark.parametrize(
    "line", ["", "Mon", "Mon 9-17", "Mon 17:00-09:00", "Xyz 09:00-10:00", "Mon 09:60-10:00"]
)
def test_hours_that_make_no_sense_are_refused(line: str) -> None:
    with pytest.raises(CalendarError):
        weekly("UTC", [line])


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "Europe/"])
def test_a_zone_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(CalendarError):
        zone_named(name)


@given(
    zone=st.sampled_from(ZONES),
    at=st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1)),
    opens=st.integers(0, 1438),
    length=st.integers(1, 1439),
)
@example("Pacific/Apia", datetime(2011, 12, 30, 12), 0, 1440)
@example("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 45), 125, 60)
@example("Africa/Casablanca", datetime(2026, 2, 15, 2, 30), 170, 10)
def test_in_every_zone_open_means_that_the_wall_shows_a_time_within_the_hours(
    zone: str, at: datetime, opens: int, length: int
) -> None:
    closes = min(opens + length, 1440)
    tz = ZoneInfo(zone)
    hours = BusinessHours(tz, ((Hours(opens, closes),),) * 7)
    now = at.replace(tzinfo=UTC).timestamp()
    wall = datetime.fromtimestamp(now, tz)
    offsets = {datetime.fromtimestamp(now + hour * 3600, tz).utcoffset() for hour in (-26, -13, 0, 13, 26)}
    if len(offsets) == 1:
        assert hours.is_open(now) == (opens <= wall.hour * 60 + wall.minute < closes)
    elif not hours.is_open(now):
        opening = hours.next_opening(now)
        assert opening is not None
        assert now < opening <= now + timedelta(days=3).total_seconds()
        assert hours.is_open(opening)
        assert not hours.is_open(opening - 1)
