"""Quiet hours where the customer is."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ringback.domain.calendar import CalendarError, Together, weekly
from ringback.domain.callbacks import CallbackSettings, SettingsError, read_settings
from ringback.domain.quiet import read_quiet_hours, ringing_hours, zones_of_country

NIGHT = read_quiet_hours("21:00-08:00")


def opening(number: str, at: datetime, zone: str = "") -> datetime:
    found = Together(tuple(ringing_hours(NIGHT, number, zone))).next_opening(at.timestamp())
    assert found is not None
    return datetime.fromtimestamp(found, UTC)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


def test_the_zone_follows_from_the_country_of_the_number() -> None:
    assert opening("+493012345678", utc(2026, 12, 1, 6)) == utc(2026, 12, 1, 7)
    assert opening("+493012345678", utc(2026, 7, 1, 5)) == utc(2026, 7, 1, 6)
    assert opening("+493012345678", utc(2026, 12, 1, 12)) == utc(2026, 12, 1, 12)
    assert opening("+493012345678", utc(2026, 12, 1, 20)) == utc(2026, 12, 2, 7)


def test_a_country_of_many_zones_is_quiet_while_any_of_them_is() -> None:
    """Eight in the morning in Hawaii is two in the afternoon in Boston's summer."""
    assert opening("+12025550123", utc(2026, 7, 1, 12)) == utc(2026, 7, 1, 18)
    assert opening("+12025550123", utc(2026, 7, 1, 12), "America/New_York") == utc(2026, 7, 1, 12)
    assert 4 < len(zones_of_country("US")) < 12


def test_a_number_of_no_country_has_no_quiet_hours() -> None:
    assert opening("+80012345678", utc(2026, 7, 1, 1)) == utc(2026, 7, 1, 1)


def test_quiet_hours_and_office_hours_hold_together() -> None:
    office = weekly("Asia/Tokyo", ["Mon-Fri 09:00-18:00"])
    settings = CallbackSettings(quiet_hours="21:00-08:00")
    monday = datetime(2026, 11, 30, 9, tzinfo=ZoneInfo("Asia/Tokyo")).timestamp()
    found = settings.ringing(office, "+493012345678").next_opening(monday)
    assert found == datetime(2026, 11, 30, 8, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    never = settings.ringing(weekly("Asia/Tokyo", ["Mon-Fri 09:00-10:00"]), "+493012345678")
    assert never.next_opening(monday) is None


def test_quiet_hours_may_lie_within_the_day() -> None:
    assert [(h.opens, h.closes) for h in read_quiet_hours("12:00-14:00")] == [(0, 720), (840, 1440)]


@pytest.mark.parametrize("text", ["08:00-08:00", "00:00-24:00", "25:00-08:00"])
def test_quiet_hours_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(CalendarError):
        read_quiet_hours(text)
    with pytest.raises(SettingsError, match="_quiet_hours"):
        read_settings({"_quiet_hours": text})
