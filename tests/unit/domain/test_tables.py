"""Data tables: what a cell may say, and what it means."""

import pytest

from ringback.domain.tables import (
    BUSINESS_HOURS,
    MENUS,
    PROMPTS,
    SPECIAL_DAYS,
    faults,
    menu,
    opening,
    with_prompts,
)

HOURS = {"office": {"zone": "Europe/Berlin", "hours": "Mon-Fri 09:00-17:00; Sat 10:00-12:00"}}
MONDAY_NOON_UTC = 1_800_273_600.0  # 2027-01-18 12:00 UTC, 13:00 in Berlin


@pytest.mark.parametrize(
    ("table", "row", "column", "reason"),
    [
        (BUSINESS_HOURS, {"zone": "Mars", "hours": "Mon 09:00-10:00"}, "zone", "Mars"),
        (BUSINESS_HOURS, {"zone": "UTC", "hours": "Mon 25:00-26:00"}, "hours", ""),
        (BUSINESS_HOURS, {"zone": "UTC", "hours": "", "open": "yes"}, "open", "no such column"),
        (SPECIAL_DAYS, {"hours": "*", "day": "sometimes"}, "day", ""),
        (SPECIAL_DAYS, {"hours": "", "day": "2027-01-18 closed"}, "hours", "empty"),
        (PROMPTS, {"prompts": ""}, "prompts", "empty"),
        (MENUS, {"menu": "m", "key": "12", "do": "repeat"}, "key", "0 to 9"),
        (MENUS, {"menu": "m", "key": "1", "do": "dance"}, "do", "one of"),
        (MENUS, {"menu": "m", "key": "1", "do": "route"}, "to", "number"),
        (MENUS, {"menu": "m", "key": "1", "do": "say"}, "say", "prompts"),
    ],
)
def test_each_cell_that_is_not_understood_is_named_with_its_reason(
    table: str, row: dict[str, str], column: str, reason: str
) -> None:
    (fault,) = faults(table, {"r1": row})
    assert (fault.row, fault.column) == ("r1", column)
    assert reason in fault.reason


def test_two_rows_for_one_key_of_a_menu_are_a_fault_and_other_tables_hold_anything() -> None:
    row = {"menu": "m", "key": "1", "do": "repeat"}
    assert [fault.row for fault in faults(MENUS, {"a": row, "b": row})] == ["b"]
    assert faults("ANYTHING", {"a": {"x": "y"}}) == []


def test_hours_say_until_when_and_from_when_on() -> None:
    now = opening("office", HOURS, {}, MONDAY_NOON_UTC)
    assert now is not None and now.open and now.closes == MONDAY_NOON_UTC + 4 * 3600
    evening = opening("office", HOURS, {}, MONDAY_NOON_UTC + 5 * 3600)
    assert evening is not None and not evening.open
    assert evening.opens == MONDAY_NOON_UTC + 20 * 3600
    assert opening("unknown", HOURS, {}, MONDAY_NOON_UTC) is None


def test_special_days_hold_for_all_and_an_office_may_have_its_own() -> None:
    days = {"holiday": {"hours": "*", "day": "2027-01-18 closed"}}
    shut = opening("office", HOURS, days, MONDAY_NOON_UTC)
    assert shut is not None and not shut.open
    days["sale"] = {"hours": "office", "day": "2027-01-18 12:00-14:00"}
    sale = opening("office", HOURS, days, MONDAY_NOON_UTC)
    assert sale is not None and sale.closes == MONDAY_NOON_UTC + 3600


def test_menus_and_prompts_are_read_by_name() -> None:
    rows = {
        "a": {"menu": "m", "key": "1", "do": "route", "to": "8000"},
        "b": {"menu": "other", "key": "1", "do": "repeat"},
    }
    assert menu("m", rows) == {"1": {"do": "route", "to": "8000", "say": ""}}
    told = with_prompts({"welcome": "@hello", "queue": "Q", "say": "@none"}, {"hello": {"prompts": "a b"}})
    assert told == {"welcome": "a b", "queue": "Q", "say": ""}
