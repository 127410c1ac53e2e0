"""Data tables of applications: business hours, special days, prompts, menus: what a cell may say and mean.

A table is rows by their key, each a set of columns with text. Five names have a meaning:

- BUSINESS_HOURS: a row for each name of hours; `zone` (a time zone), `hours` (`Mon-Fri 09:00-17:30; …`)
- SPECIAL_DAYS: `hours` (a name of hours, or `*` for all), `day` (`2027-12-25 closed`)
- PROMPTS: a row for each name; `prompts` (names of recordings, with spaces between)
- CLASSIFICATION: `category`, `words`, `without`, `weight` (see `classifying`)
- MENUS: `menu` (its name), `key` (0 to 9, `*`, `#`), `do` (route, mailbox, say, repeat, release), `to`, `say`

Other tables may hold anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ringback.domain import classifying
from ringback.domain.calendar import BusinessHours, CalendarError, weekly, zone_named
from ringback.domain.opening import SpecialDay, read_special_day

BUSINESS_HOURS, SPECIAL_DAYS, PROMPTS, MENUS = "BUSINESS_HOURS", "SPECIAL_DAYS", "PROMPTS", "MENUS"
CLASSIFICATION = "CLASSIFICATION"
CHOICES = ("route", "mailbox", "say", "repeat", "release")
KEYS = frozenset("0123456789*#")
EVERYWHERE = "*"
Row = Mapping[str, Any]
Rows = Mapping[str, Row]


@dataclass(frozen=True, slots=True)
class Fault:
    """A cell that cannot be understood."""

    row: str
    column: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.row!r}, column {self.column!r}: {self.reason}"


def faults(name: str, rows: Rows) -> list[Fault]:
    """Every cell of a table that cannot be understood, with its reason."""
    columns = COLUMNS.get(name)
    if columns is None:
        return []
    found = list(_faults(columns, rows))
    return found + list(_doubled(rows)) if name == MENUS else found


def _faults(columns: Mapping[str, Callable[[str], None]], rows: Rows) -> Iterator[Fault]:
    for key, row in rows.items():
        for column in row.keys() - columns.keys():
            yield Fault(key, column, f"there is no such column; there are {', '.join(columns)}")
        for column, read in columns.items():
            try:
                read(_text(row, column))
            except (CalendarError, ValueError) as error:
                yield Fault(key, column, str(error))


def _doubled(rows: Rows) -> Iterator[Fault]:
    """Two rows of one menu for one key; a choice that leads somewhere and does not say where."""
    seen: dict[tuple[str, str], str] = {}
    for key, row in rows.items():
        place = (_text(row, "menu"), _text(row, "key"))
        if place in seen:
            yield Fault(key, "key", f"row {seen[place]!r} has this key already")
        seen.setdefault(place, key)
        if _text(row, "do") in ("route", "mailbox") and not _text(row, "to"):
            yield Fault(key, "to", "a number is needed")
        if _text(row, "do") == "say" and not _text(row, "say"):
            yield Fault(key, "say", "prompts are needed")


def _text(row: Row, column: str) -> str:
    value = row.get(column, "")
    return "" if value is None else str(value).strip()


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.replace("\n", ";").split(";") if line.strip()]


def _hours(text: str) -> None:
    weekly("UTC", _lines(text))


def _needed(text: str) -> None:
    if not text:
        raise ValueError("it must not be empty")


def _zone(text: str) -> None:
    zone_named(text)


def _day(text: str) -> None:
    read_special_day(text)


def _words(text: str) -> None:
    if not classifying.phrases(text):
        raise ValueError("words are needed")


def _phrases(text: str) -> None:
    classifying.phrases(text)


def _weight(text: str) -> None:
    classifying.weight_of(text)


def _key(text: str) -> None:
    if text not in KEYS:
        raise ValueError("a key is one of 0 to 9, * and #")


def _choice(text: str) -> None:
    if text not in CHOICES:
        raise ValueError(f"it is one of {', '.join(CHOICES)}")


def _anything(_text: str) -> None:
    return


COLUMNS: dict[str, dict[str, Callable[[str], None]]] = {
    BUSINESS_HOURS: {"zone": _zone, "hours": _hours},
    SPECIAL_DAYS: {"hours": _needed, "day": _day},
    PROMPTS: {"prompts": _needed},
    CLASSIFICATION: {"category": _needed, "words": _words, "without": _phrases, "weight": _weight},
    MENUS: {"menu": _needed, "key": _key, "do": _choice, "to": _anything, "say": _anything},
}


# What tables mean


@dataclass(frozen=True, slots=True)
class Opening:
    """How an office stands at an instant; seconds since the epoch, None where there is none in a year."""

    open: bool
    closes: float | None
    opens: float | None


def opening(name: str, hours: Rows, days: Rows, at: float) -> Opening | None:
    """How the office with these hours stands; None when the table has no such row. Raises CalendarError."""
    row = hours.get(name)
    if row is None:
        return None
    office = weekly(_text(row, "zone"), _lines(_text(row, "hours")), _changes(name, days))
    return _opening(office, at)


def _changes(name: str, days: Rows) -> list[SpecialDay]:
    """The days of all offices first, so that an office's own may change them."""
    rows = [(_text(row, "hours"), _text(row, "day")) for row in days.values()]
    common = [read_special_day(day) for of, day in rows if of == EVERYWHERE]
    return common + [read_special_day(day) for of, day in rows if of == name]


def special_days(name: str, hours: Rows, days: Rows, at: float) -> list[str]:
    """The keys of the special days that hold for these hours on the office's date at an instant.

    Raises CalendarError.
    """
    zone = zone_named(_text(hours[name], "zone"))
    today = datetime.fromtimestamp(at, UTC).astimezone(zone).date()
    return [
        key
        for key, row in days.items()
        if _text(row, "hours") in (EVERYWHERE, name) and read_special_day(_text(row, "day")).applies(today)
    ]


def _opening(office: BusinessHours, at: float) -> Opening:
    closes = office.closes_at(at)
    if closes is not None:
        return Opening(open=True, closes=None if closes == float("inf") else closes, opens=None)
    return Opening(open=False, closes=None, opens=office.next_opening(at))


def menu(name: str, rows: Rows) -> dict[str, dict[str, str]]:
    """The choices of a menu by key: `do`, `to`, `say`; empty when there is no such menu."""
    return {
        _text(row, "key"): {part: _text(row, part) for part in ("do", "to", "say")}
        for row in rows.values()
        if _text(row, "menu") == name
    }


def with_prompts(parameters: Mapping[str, str], rows: Rows) -> dict[str, str]:
    """Parameters in which `@name` stands for what the table of prompts says; unknown names are left out."""
    found = {}
    for key, value in parameters.items():
        if value.startswith("@"):
            value = _text(rows.get(value[1:], {}), "prompts")
        found[key] = value
    return found
