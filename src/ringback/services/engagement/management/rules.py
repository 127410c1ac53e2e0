"""The forms in which people write hours, capacity and number rules, and the properties that these become."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ringback.domain.callbacks import CapacityRule, SettingsError, read_capacity
from ringback.domain.callbacks.settings import numbered
from ringback.domain.numbers import NumberRefusedError, NumberRules, Refusal, normalise, read_gate
from ringback.runtime.http import HttpError
from ringback.services.engagement.catalogue import Properties
from ringback.services.engagement.management.countries import country_name

Line = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^[^\x00]+$")]
Lines = Annotated[list[Line], Meta(max_length=500)]
Room = Annotated[int, Meta(ge=0, le=999_999)]
Day = dict[Annotated[str, Meta(min_length=1, max_length=32)], Room] | Room
_DAY = 24 * 60


class HoursForm(msgspec.Struct, frozen=True, kw_only=True):
    """Business hours, in the order in which they apply.

    regular: `Mon-Fri 09:00-17:30`. holidays: dates that are closed. added: dates with hours that are added.
    special: dates with what holds on them. Dates are `2026-12-24`, `12-24` (every year), or ranges with `/`.
    """

    timezone: Annotated[str, Meta(min_length=1, max_length=64)] = "UTC"
    regular: Lines = []
    holidays: Lines = []
    added: Lines = []
    special: Lines = []


class CapacityForm(msgspec.Struct, frozen=True, kw_only=True):
    """How many callbacks each slot takes; what nothing names takes none.

    regular: lines as `Mon-Fri 09:00-17:00 20`. week: the short form instead of lines, as
    `{"Mon-Fri": {"09:00-12:00": 20, "12:00-17:00": 10}, "Sat": 5}`. exceptions: `2026-12-24 09:00-12:00 5`.
    """

    minutes: Literal[30, 60] = 60
    regular: Lines = []
    week: Annotated[dict[Annotated[str, Meta(min_length=1, max_length=16)], Day], Meta(max_length=100)] = {}
    exceptions: Lines = []


class NumbersForm(msgspec.Struct, frozen=True, kw_only=True):
    """countries: ISO codes that may be called; none: all. blocked: `+1900*`, or `/a regular expression/`."""

    countries: Annotated[list[Annotated[str, Meta(pattern="^[A-Za-z]{2}$")]], Meta(max_length=300)] = []
    blocked: Lines = []


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a number would be called back. reason: a stable slug, empty when it would. text: for people."""

    accepted: bool
    reason: str
    number: str
    country: str
    country_name: str
    text: str


def hours_of(form: HoursForm) -> Properties:
    """The properties of business hours."""
    lists = {
        "_bh_regular": form.regular,
        "_holidays": form.holidays,
        "_bh_add": form.added,
        "_bh_special": form.special,
    }
    return {"_timezone": form.timezone, **_numbered(lists)}


def hours_form(properties: Properties) -> HoursForm:
    """Business hours as they are published."""
    return HoursForm(
        timezone=properties.get("_timezone", "UTC"),
        regular=_lines(properties, "_bh_regular"),
        holidays=_lines(properties, "_holidays"),
        added=_lines(properties, "_bh_add"),
        special=_lines(properties, "_bh_special"),
    )


def capacity_of(form: CapacityForm) -> Properties:
    """The properties of a capacity rule; HttpError 400 when both forms are given."""
    if form.regular and form.week:
        raise HttpError(400, "invalid_body", "give regular, or week")
    lines = [*form.regular, *_week_lines(form)]
    lists = {"_capacity_regular": lines, "_capacity_special": form.exceptions}
    return {"_capacity_slot": str(form.minutes), **_numbered(lists)}


def capacity_form(properties: Properties) -> CapacityForm:
    """A capacity rule as it is published, in lines."""
    return CapacityForm(
        minutes=30 if properties.get("_capacity_slot") == "30" else 60,
        regular=_lines(properties, "_capacity_regular"),
        exceptions=_lines(properties, "_capacity_special"),
    )


def capacity_rule(form: CapacityForm) -> CapacityRule:
    """The rule that a form describes; HttpError 400."""
    try:
        return read_capacity(capacity_of(form))
    except SettingsError as error:
        raise HttpError(400, "invalid-settings", str(error)) from None


def grid_of(rule: CapacityRule) -> list[list[int]]:
    """What an ordinary week looks like: for each day from Monday on, the room of each slot."""
    starts = range(0, _DAY, rule.minutes)
    return [[_weekly(rule, day, minute) for minute in starts] for day in range(7)]


def _weekly(rule: CapacityRule, weekday: int, minute: int) -> int:
    for each in reversed(rule.week):
        if weekday in each.days and each.hours.opens <= minute < each.hours.closes:
            return each.room
    return 0


def numbers_of(form: NumbersForm) -> Properties:
    """The properties of a number rule."""
    countries = ",".join(code.upper() for code in form.countries)
    return {"_permitted_countries": countries, **_numbered({"_blocked_pattern": form.blocked})}


def numbers_form(properties: Properties) -> NumbersForm:
    """A number rule as it is published."""
    codes = properties.get("_permitted_countries", "").split(",")
    countries = [code.strip().upper() for code in codes if code.strip()]
    return NumbersForm(countries=countries, blocked=_lines(properties, "_blocked_pattern"))


def verdict(number: str, country: str, form: NumbersForm) -> Verdict:
    """What a rule says about a number; HttpError 400 when the rule is none."""
    try:
        gate = read_gate(",".join(form.countries), form.blocked)
    except ValueError as error:
        raise HttpError(400, "invalid-settings", str(error)) from None
    anyone = NumberRules(default_country=country, refuse_premium=False)
    try:
        read = normalise(number, anyone)
    except NumberRefusedError as refused:
        return _refused(refused, "", "")
    try:
        normalise(number, NumberRules(default_country=country, gate=gate))
    except NumberRefusedError as refused:
        return _refused(refused, read.e164, read.country)
    text = f"This number is of {_place(read.country)} and is called back."
    return Verdict(
        accepted=True,
        reason="",
        number=read.e164,
        country=read.country,
        country_name=country_name(read.country),
        text=text,
    )


def _refused(refused: NumberRefusedError, number: str, country: str) -> Verdict:
    texts = {
        Refusal.COUNTRY: f"{_place(country)} is not among the permitted countries.",
        Refusal.BLOCKED: f"This number is of {_place(country)}, and a blocked pattern fits it.",
        Refusal.PREMIUM: f"This number of {_place(country)} costs more: such numbers are blocked by default.",
        Refusal.NO_COUNTRY: "The country of this number cannot be told.",
    }
    message = str(refused)
    return Verdict(
        accepted=False,
        reason=refused.slug,
        number=number,
        country=country,
        country_name=country_name(country) if country else "",
        text=texts.get(refused.refusal, f"{message[:1].upper()}{message[1:]}."),
    )


def _place(country: str) -> str:
    return f"{country_name(country)} ({country})" if country else "no country"


def _week_lines(form: CapacityForm) -> list[str]:
    lines = []
    for days, value in form.week.items():
        spans = {"00:00-24:00": value} if isinstance(value, int) else value
        lines += [f"{days} {times} {room}" for times, room in spans.items()]
    return lines


def _numbered(lists: dict[str, list[str]]) -> Properties:
    return {f"{name}{n}": line for name, lines in lists.items() for n, line in enumerate(lines, 1)}


def _lines(properties: Properties, prefix: str) -> list[str]:
    return [line for _, line in numbered(properties, prefix)]
