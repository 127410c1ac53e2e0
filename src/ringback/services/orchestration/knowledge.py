"""What the functions of `functions.js` answer from, as JSON texts, and which an application uses. Pure.

A session whose application names none of the functions pays nothing for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any
from zoneinfo import available_timezones

import msgspec

from ringback.domain import tables
from ringback.domain.calendar import CalendarError, zone_named

LIBRARY = files(__package__).joinpath("functions.js").read_text("utf-8")
Rows = Mapping[str, Mapping[str, Any]]

_OTHERS = r"setuData|deleteuData|getuData|_genesys\.(?:ixn|session|statistic)\."
_ZONES = re.compile(r"\b(?:time|date|day)InZone\b")
_OFFICES = re.compile(r"\b(?:isOpen|opening|isSpecialDay)\b")
_LISTS = re.compile(r"\b(?:listLookupValue|getListItemValue|listItems)\b")
_FIGURES = re.compile(r"\bsData\b")
_ANY = re.compile("|".join([_ZONES.pattern, _OFFICES.pattern, _LISTS.pattern, _FIGURES.pattern, _OTHERS]))
_NAME = r"""\s*\(\s*(?:'([^']+)'|"([^"]+)"|&quot;([^&]+)&quot;|&apos;([^&]+)&apos;)"""
_NAMED_LIST = re.compile(_LISTS.pattern + _NAME)
_NAMED_FIGURE = re.compile(_FIGURES.pattern + _NAME + _NAME.replace(r"\(", ",", 1))
_LIST_PARAMETERS = ("list", "table")
_QUARTER_S = 900.0
ABBREVIATIONS = {
    "PST": "America/Los_Angeles",
    "CST": "America/Chicago",
    "ECT": "Europe/Paris",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
}
"""Short names that charts of the original use and that are no names of zones; EST, MST, CET, GMT are."""


@dataclass(frozen=True, slots=True)
class Uses:
    """What an application's functions need to know."""

    any: bool = False
    zones: bool = False
    offices: bool = False
    lists: tuple[str, ...] = ()
    figures: tuple[tuple[str, str], ...] = ()
    """Object and statistic, where both are named literally."""


def uses_of(texts: Iterable[str]) -> Uses:
    """Of the text of an application and its scripts; a name that only a script puts together is not found."""
    text = "\n".join(texts)
    if "_genesys" not in text or not _ANY.search(text):
        return Uses()
    found = (_literals(match.groups()) for match in _NAMED_FIGURE.finditer(text))
    return Uses(
        any=True,
        zones=bool(_ZONES.search(text)),
        offices=bool(_OFFICES.search(text)),
        lists=tuple(dict.fromkeys(_literals(m.groups())[0] for m in _NAMED_LIST.finditer(text))),
        figures=tuple(dict.fromkeys((object_, statistic) for object_, statistic in found)),
    )


def _literals(groups: Iterable[str | None]) -> list[str]:
    return [group for group in groups if group is not None]


def lists_of(uses: Uses, parameters: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the tables that may be looked into: named in the text, or by a parameter `list…`, `table…`."""
    given = (value for name, value in parameters.items() if name.startswith(_LIST_PARAMETERS) and value)
    return tuple(dict.fromkeys((*uses.lists, *given)))


def zones(now: float) -> str:
    """Seconds east of Greenwich by zone; the same text for the quarter of an hour."""
    return _zones(now // _QUARTER_S * _QUARTER_S)


@lru_cache(maxsize=4)
def _zones(at: float) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    names = {name: name for name in available_timezones()} | ABBREVIATIONS
    offsets = {}
    for name, zone in names.items():
        offset = moment.astimezone(zone_named(zone)).utcoffset()
        offsets[name] = offset.total_seconds() if offset is not None else 0.0
    return msgspec.json.encode(offsets).decode()


def offices(hours: Rows, days: Rows, at: float) -> str:
    """How each office stands, and which special days it has today; what nobody understands is left out."""
    found = {}
    for name in hours:
        try:
            opening = tables.opening(name, hours, days, at)
            today = tables.special_days(name, hours, days, at)
        except CalendarError:
            continue
        if opening is not None:
            found[name] = {**asdict(opening), "days": today}
    return msgspec.json.encode(found).decode()


def figure(object_: str, statistic: str) -> str:
    """What a figure is called among those that are known."""
    return f"{object_} {statistic}"
