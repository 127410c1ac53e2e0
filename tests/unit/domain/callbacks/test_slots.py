"""Slots cover time without gap or overlap, in every zone."""

from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ringback.domain.calendar import weekly
from ringback.domain.callbacks import Grid, SlotPlan, bookable, read_capacity

ZONES = sorted(zone for zone in available_timezones() if "/" in zone)
MINUTES = (5, 10, 15, 20, 30, 60, 120)


@given(
    zone=st.sampled_from(ZONES),
    minutes=st.sampled_from(MINUTES),
    at=st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1)),
)
@example("Australia/Lord_Howe", 120, datetime(2026, 10, 3, 14, 45))
@example("Australia/Lord_Howe", 60, datetime(2026, 4, 4, 14, 45))
@example("America/New_York", 120, datetime(2026, 3, 8, 6, 30))
@example("America/New_York", 120, datetime(2026, 11, 1, 5, 30))
@example("Pacific/Apia", 120, datetime(2011, 12, 30, 9, 30))
@example("Asia/Kathmandu", 60, datetime(2026, 6, 1))
def test_an_instant_lies_in_one_slot_and_slots_follow_each_other(
    zone: str, minutes: int, at: datetime
) -> None:
    grid, now = Grid(ZoneInfo(zone), minutes), at.replace(tzinfo=UTC).timestamp()
    start = grid.start_of(now)
    following = grid.after(start)
    assert start <= now < following <= start + grid.seconds
    assert {grid.start_of(start), grid.start_of(following - 1)} == {start}
    assert grid.start_of(following) == following
    starts = list(grid.starts(start, start + 2 * 86_400))
    assert starts[:2] == [start, following]
    assert all(grid.after(one) == other for one, other in pairwise(starts))


def test_slots_begin_on_the_wall_of_the_office() -> None:
    """Half an hour off UTC, and a slot of two hours cut short by the change of the clock."""
    kolkata = Grid(ZoneInfo("Asia/Kolkata"), 60)
    assert datetime.fromtimestamp(kolkata.start_of(1_795_298_400), ZoneInfo("Asia/Kolkata")).minute == 0
    berlin = Grid(ZoneInfo("Europe/Berlin"), 120)
    night = datetime(2026, 3, 29, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    walls = [datetime.fromtimestamp(s, berlin.zone).hour for s in berlin.starts(int(night), night + 5 * 3600)]
    assert walls == [0, 3, 4]


def test_slots_are_bookable_while_the_office_is_open_and_not_when_they_are_over() -> None:
    office = weekly("UTC", ["Mon-Sun 09:10-10:00", "Mon-Sun 10:00-10:30", "Mon-Sun 12:00-12:05"])
    plan = SlotPlan(Grid(ZoneInfo("UTC"), 15), 1)
    day = datetime(2026, 11, 23, tzinfo=UTC).timestamp()

    def walls(now: float) -> list[str]:
        found = bookable(plan, office, int(day), day + 86_400, now)
        return [datetime.fromtimestamp(each, UTC).strftime("%H:%M") for each in found]

    assert walls(day) == ["09:15", "09:30", "09:45", "10:00", "10:15", "12:00"]
    assert walls(day + 10 * 3600 + 16 * 60) == ["10:15", "12:00"]
    assert walls(day + 9 * 3600 + 12 * 60) == ["09:00", "09:15", "09:30", "09:45", "10:00", "10:15", "12:00"]
    assert walls(day + 12 * 3600 + 6 * 60) == []


@pytest.mark.parametrize(
    ("day", "minute", "room"),
    [
        (date(2026, 12, 21), 9 * 60, 20),
        (date(2026, 12, 21), 11 * 60 + 30, 5),
        (date(2026, 12, 21), 12 * 60, 0),
        (date(2026, 12, 20), 9 * 60, 0),
        (date(2026, 12, 24), 9 * 60, 1),
        (date(2026, 12, 24), 10 * 60, 7),
        (date(2030, 12, 25), 23 * 60, 0),
    ],
)
def test_the_last_line_of_a_rule_that_fits_holds_and_exceptions_before_the_week(
    day: date, minute: int, room: int
) -> None:
    rule = read_capacity(
        {
            "_capacity_slot": "30",
            "_capacity_regular1": "Mon-Fri 09:00-12:00 20",
            "_capacity_regular2": "Mon 11:00-12:00 5",
            "_capacity_special1": "2026-12-24 1",
            "_capacity_special2": "2026-12-24 10:00-11:00 7",
            "_capacity_special3": "12-25/12-26 0",
        }
    )
    assert rule.room_at(day, minute) == room
