"""Telephone numbers: one written form (E.164), and the reasons for which a number is refused.

Rules follow libphonenumber through the `phonenumbers` package.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

import msgspec
import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType

LONGEST_INPUT = 64

_EXPENSIVE = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST})
_HIDDEN = "•"
_NOWHERE = "ZZ"
_SIMPLE = re.compile(r"\+?[\d*?]+")


class Refusal(Enum):
    """Why a number is refused; the value is the stable slug that clients and reports see."""

    MISSING = "number-missing"
    UNREADABLE = "number-unreadable"
    EXTENSION = "number-with-extension"
    IMPOSSIBLE = "number-impossible"
    INVALID = "number-invalid"
    PREMIUM = "number-premium"
    NO_COUNTRY = "number-no-country"
    COUNTRY = "number-country"
    BLOCKED = "number-blocked"


_WORDS: dict[Refusal, str] = {
    Refusal.MISSING: "a phone number is needed",
    Refusal.UNREADABLE: "this is not a phone number",
    Refusal.EXTENSION: "a number with an extension cannot be called back",
    Refusal.IMPOSSIBLE: "no phone number has this length or country code",
    Refusal.INVALID: "this number is not assigned in its country's numbering plan",
    Refusal.PREMIUM: "premium-rate and shared-cost numbers are not called back",
    Refusal.NO_COUNTRY: "the country of this number cannot be told",
    Refusal.COUNTRY: "numbers of this country are not called back",
    Refusal.BLOCKED: "this number is not called back",
}


class NumberRefusedError(ValueError):
    """The number cannot be called. `refusal.value` is the slug; the message never holds the number."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(_WORDS[refusal])
        self.refusal = refusal

    @property
    def slug(self) -> str:
        """The stable reason slug."""
        return self.refusal.value


class NumberGate(msgspec.Struct, frozen=True, kw_only=True):
    """Permitted countries (ISO 3166 alpha-2; none: all) and blocked patterns, which are regular expressions
    that the whole number in E.164 matches."""

    countries: frozenset[str] = frozenset()
    blocked: tuple[str, ...] = ()


class NumberRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant accepts. `default_country` (ISO 3166 alpha-2) reads numbers without a `+`."""

    default_country: str = "US"
    refuse_impossible: bool = True
    refuse_invalid: bool = True
    refuse_premium: bool = True
    gate: NumberGate | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A number in E.164 with the country it belongs to (`ZZ` when none is known)."""

    e164: str
    country: str

    def __str__(self) -> str:
        return self.e164


def normalise(text: str, rules: NumberRules | None = None) -> Number:
    """Read a number as a person types it.

    A number is taken as international when it begins with `+`; otherwise by the default country.
    Digits that make no valid national number but begin with a country code are read with a `+`
    (`442079460123` and `+442079460123` are one number).

    Raises NumberRefusedError.
    """
    rules = rules or NumberRules()
    parsed, kind = _parse(text, rules.default_country)
    refusal = _refusal(parsed, kind, rules)
    if refusal is not None:
        raise NumberRefusedError(refusal)
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    region = phonenumbers.region_code_for_number(parsed) or ""
    # Numbers of no country, such as +800, have the region 001.
    number = Number(e164, region if region.isalpha() else _NOWHERE)
    if rules.gate is not None:
        _pass(number, rules.gate)
    return number


def read_gate(countries: str, patterns: Iterable[str]) -> NumberGate:
    """Countries with commas, and patterns: `/…/` is a regular expression, else `*` and `?` are wild.

    Raises ValueError, with a message for people.
    """
    codes = frozenset(code.strip().upper() for code in countries.split(",") if code.strip())
    if unknown := sorted(codes - phonenumbers.SUPPORTED_REGIONS):
        raise ValueError(f"no country has the code {unknown[0][:8]!r}")
    return NumberGate(countries=codes, blocked=tuple(_pattern(text.strip()) for text in patterns))


def _pattern(text: str) -> str:
    if len(text) > 1 and text.startswith("/") and text.endswith("/"):
        pattern = text[1:-1]
    elif _SIMPLE.fullmatch(text):
        pattern = r"\+" + text.lstrip("+").replace("*", r"\d*").replace("?", r"\d")
    else:
        raise ValueError(f"a pattern has digits, * and ?, or stands between slashes: {text[:40]!r}")
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"no regular expression: {text[:40]!r} ({error})") from error
    return pattern


def _pass(number: Number, gate: NumberGate) -> None:
    if gate.countries and number.country == _NOWHERE:
        raise NumberRefusedError(Refusal.NO_COUNTRY)
    if gate.countries and number.country not in gate.countries:
        raise NumberRefusedError(Refusal.COUNTRY)
    if any(re.fullmatch(pattern, number.e164) for pattern in gate.blocked):
        raise NumberRefusedError(Refusal.BLOCKED)


def masked(number: str) -> str:
    """The number for screens and logs: the beginning and the last two digits stay, the rest is dots."""
    if len(number) <= 5:
        return _HIDDEN * len(number)
    keep = 3 if number.startswith("+") else 2
    return number[:keep] + _HIDDEN * (len(number) - keep - 2) + number[-2:]


def _parse(text: str, country: str) -> tuple[PhoneNumber, int]:
    """The number with its type; a number of unknown type is not valid.

    The library asks for the type to say whether a number is valid, and asking takes long: it is asked once.
    """
    text = text.strip()
    if not text:
        raise NumberRefusedError(Refusal.MISSING)
    if len(text) > LONGEST_INPUT:
        raise NumberRefusedError(Refusal.UNREADABLE)
    national = _try_parse(text, country)
    if national is not None and (kind := phonenumbers.number_type(national)) != PhoneNumberType.UNKNOWN:
        return national, kind
    if text[0].isdigit():
        international = _try_parse("+" + text, None)
        if international is not None:
            kind = phonenumbers.number_type(international)
            if kind != PhoneNumberType.UNKNOWN:
                return international, kind
    if national is None:
        raise NumberRefusedError(Refusal.UNREADABLE)
    return national, PhoneNumberType.UNKNOWN


def _try_parse(text: str, country: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None


def _refusal(number: PhoneNumber, kind: int, rules: NumberRules) -> Refusal | None:
    if number.extension:
        return Refusal.EXTENSION
    if rules.refuse_impossible and not phonenumbers.is_possible_number(number):
        return Refusal.IMPOSSIBLE
    if rules.refuse_invalid and kind == PhoneNumberType.UNKNOWN:
        return Refusal.INVALID
    if rules.refuse_premium and kind in _EXPENSIVE:
        return Refusal.PREMIUM
    return None
