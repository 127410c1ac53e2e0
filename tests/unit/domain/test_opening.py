"""Special days: every case that the office's calendar can be told."""

from datetime import date

import pytest

from ringback.domain.callbacks import SettingsError, read_hours
from ringback.domain.opening import CalendarError, Hours, merged, read_special_day, without

CHRISTMAS = date(2026, 12, 24)
WEEK = {"_timezone": "UTC", "_bh_regular1": "Mon-Fri 09:00-17:00"}


def hours_on(day: date, **more: str) -> list[str]:
    found = read_hours({**WEEK, **more}).hours_on(day)
    return [f"{h.opens // 60:02}:{h.opens % 60:02}-{h.closes // 60:02}:{h.closes % 60:02}" for h in found]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2026-12-24 closed", []),
        ("2026-12-24 open", ["00:00-24:00"]),
        ("2026-12-24 10:00-12:00", ["10:00-12:00"]),
        ("2026-12-24 10:00-12:00,14:00-15:00", ["10:00-12:00", "14:00-15:00"]),
        ("2026-12-24 10:00-", ["10:00-24:00"]),
        ("2026-12-24 open 18:00-20:00", ["09:00-17:00", "18:00-20:00"]),
        ("2026-12-24 closed 12:00-13:00", ["09:00-12:00", "13:00-17:00"]),
        ("2026-12-24 closed 08:00-18:00", []),
        ("12-24 closed", []),
        ("2026-12-01/2026-12-31 closed", []),
        ("2026-11-01/2026-11-02,2026-12-24 closed", []),
        ("12-20/01-06 closed", []),
        ("!2026-12-24 closed", ["09:00-17:00"]),
        ("2026-12-25,!2026-12-01/2026-12-31 closed", ["09:00-17:00"]),
        ("2025-12-24 closed", ["09:00-17:00"]),
        ("closed", ["09:00-17:00"]),
        ("10:00-12:00", ["09:00-17:00"]),
    ],
)
def test_a_special_day_changes_the_hours_of_its_dates(line: str, expected: list[str]) -> None:
    """Open, closed and partial exceptions, several, many ranges, every year, disabled, without dates."""
    assert hours_on(CHRISTMAS, _bh_special1=line) == expected


def test_days_that_come_every_year_do_so_over_the_turn_of_the_year_and_on_leap_days() -> None:
    office = read_hours({**WEEK, "_bh_special1": "12-30/01-02 closed", "_bh_special2": "02-29 closed"})
    closed = [date(2026, 12, 30), date(2027, 1, 1), date(2029, 1, 2), date(2028, 2, 29)]
    assert [office.hours_on(day) for day in closed] == [()] * 4
    assert office.hours_on(date(2027, 3, 1))
    assert office.hours_on(date(2026, 12, 29))


def test_several_apply_in_their_order_holidays_first_then_additions_then_the_rest() -> None:
    more = {"_bh_add1": "12-24 10:00-14:00", "_holidays1": "2026-12-24"}
    assert hours_on(CHRISTMAS, **more) == ["10:00-14:00"]
    more |= {"_bh_special10": "12-24 open 20:00-21:00", "_bh_special9": "12-24 closed 11:00-24:00"}
    assert hours_on(CHRISTMAS, **more) == ["10:00-11:00", "20:00-21:00"]


def test_an_office_may_have_no_end_time_or_never_open_or_never_close() -> None:
    assert hours_on(CHRISTMAS, _bh_regular1="Mon-Sun 9:00-") == ["09:00-24:00"]
    assert read_hours({"_timezone": "UTC"}).next_opening(0.0) is None
    assert read_hours({"_bh_regular1": "Mon-Sun 00:00-24:00"}).open_for(0.0) == float("inf")
    with_holiday = read_hours({"_bh_regular1": "Mon-Sun 00:00-24:00", "_holidays1": "1970-01-03"})
    assert with_holiday.open_for(0.0) == 2 * 86_400


@pytest.mark.parametrize(
    "line",
    [
        "",
        "2026-12-24",
        "2026-02-29 closed",
        "13-01 closed",
        "2026-12-24/12-26 closed",
        "2026-12-26/2026-12-24 closed",
        "2026-12-24 sometimes",
        "2026-12-24 17:00-09:00",
        "2026-12-24 closed 09:00-10:00-11:00",
        "2026-12-24,, closed",
        "12-24 24:30-25:00",
    ],
)
def test_a_special_day_that_makes_no_sense_is_refused(line: str) -> None:
    with pytest.raises(CalendarError):
        read_special_day(line)


def test_the_property_with_the_wrong_special_day_is_named() -> None:
    with pytest.raises(SettingsError, match="_holidays2"):
        read_hours({**WEEK, "_holidays1": "2026-12-24", "_holidays2": "Christmas"})


def test_what_is_cut_out_and_added_again_is_what_it_was() -> None:
    day = (Hours(540, 1020),)
    cut = (Hours(600, 660), Hours(720, 780))
    assert without(day, cut) == (Hours(540, 600), Hours(660, 720), Hours(780, 1020))
    assert merged((*without(day, cut), *cut)) == day
