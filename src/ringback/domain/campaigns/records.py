"""A record of a calling list as it is given: checked, and its number in one written form."""

from __future__ import annotations

import msgspec

from ringback.domain.campaigns.definition import problems_of_hours
from ringback.domain.campaigns.lines import Line
from ringback.domain.configuration import CallingList
from ringback.domain.numbers import NumberRefusedError, NumberRules, normalise

LONGEST_KEY = 128
MOST_DATA, LONGEST_VALUE = 30, 512
MOST_NUMBERS, LONGEST_KIND = 5, 20
_HIGHEST = 1_000_000


class RecordRefusedError(ValueError):
    """The record cannot be taken; `slug` is the stable reason. The message never holds a number."""

    def __init__(self, slug: str, message: str) -> None:
        super().__init__(message)
        self.slug = slug


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """A customer to be called, as whoever provides the list writes it.

    `key`: unique in the list. `time_zone`, `hours`: of the customer, else the list's. `not_before`: seconds
    since the epoch. `data` goes with the call to the application and to the agent's desktop.
    """

    key: str
    number: str
    time_zone: str = ""
    hours: tuple[str, ...] = ()
    priority: int = 0
    not_before: float = 0.0
    data: dict[str, str] = {}
    kind: str = ""
    """What the number is: home, mobile, work."""
    others: tuple[Line, ...] = ()
    """More numbers of the same customer, in the order in which they are tried."""

    @property
    def lines(self) -> tuple[Line, ...]:
        """All numbers in their order; none: there is nothing to say of the only one."""
        if not (self.others or self.kind):
            return ()
        return (Line(number=self.number, kind=self.kind), *self.others)


def checked(given: Given, of: CallingList, rules: NumberRules) -> Given:
    """The record with its number in E.164 and what its list says of all. Raises RecordRefusedError."""
    _check_key(given.key)
    hours, zone = given.hours or of.hours, given.time_zone or of.time_zone
    for problem in problems_of_hours(zone, hours):
        raise RecordRefusedError("hours", problem)
    if abs(given.priority) > _HIGHEST or not 0 <= given.not_before < 32_503_680_000:
        raise RecordRefusedError("range", "priority or not_before is out of range")
    _check_data(given.data)
    number = _number(given.number, rules)
    others = tuple(_other(each, zone, rules) for each in given.others)
    if len(others) >= MOST_NUMBERS or len({number, *(each.number for each in others)}) <= len(others):
        raise RecordRefusedError("numbers", f"a record has {MOST_NUMBERS} numbers at most, all different")
    if len(given.kind) > LONGEST_KIND:
        raise RecordRefusedError("numbers", f"a kind of number has {LONGEST_KIND} characters at most")
    return msgspec.structs.replace(given, number=number, hours=tuple(hours), time_zone=zone, others=others)


def _number(text: str, rules: NumberRules) -> str:
    try:
        return normalise(text, rules).e164
    except NumberRefusedError as error:
        raise RecordRefusedError(error.slug, str(error)) from error


def _other(line: Line, zone: str, rules: NumberRules) -> Line:
    for problem in problems_of_hours(zone, line.hours):
        raise RecordRefusedError("hours", problem)
    if len(line.kind) > LONGEST_KIND:
        raise RecordRefusedError("numbers", f"a kind of number has {LONGEST_KIND} characters at most")
    return msgspec.structs.replace(line, number=_number(line.number, rules))


def _check_key(key: str) -> None:
    if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
        raise RecordRefusedError("key", f"a key has 1 to {LONGEST_KEY} characters that can be printed")


def _check_data(data: dict[str, str]) -> None:
    if len(data) > MOST_DATA:
        raise RecordRefusedError("data", f"a record has {MOST_DATA} pairs of data at most")
    for name, value in data.items():
        if not 0 < len(name) <= LONGEST_KEY or len(value) > LONGEST_VALUE or "\0" in name + value:
            raise RecordRefusedError("data", "a name or a value of the data is too long, or cannot be kept")
