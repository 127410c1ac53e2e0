"""The texts of a customer's page, as a form that every language fills, and the choice of one."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

_PREFERENCE = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?")
_LONGEST_HEADER = 500


@dataclass(frozen=True, slots=True)
class Texts:
    """All texts of one language; `{…}` stand for what is put in. `day` writes a date without its year."""

    name: str
    title: str
    day: Callable[[datetime], str]
    steps: tuple[str, str, str, str]
    heads: Mapping[str, str]
    bodies: Mapping[str, str]
    place: str
    first: str
    place_unknown: str
    wait_range: str
    wait_about: str
    wait_soon: str
    wait_unknown: str
    wait_nobody: str
    number: str
    number_again: str
    code: str
    at: str
    refresh: str
    now: str
    now_hint: str
    move: str
    move_pick: str
    move_do: str
    move_none: str
    places: str
    cancel: str
    cancel_ask: str
    cancel_do: str
    done: Mapping[str, str]
    refused: Mapping[str, str]
    over_head: str
    over: str
    away_head: str
    away: str
    zone: str
    language: str


DEFAULT = "en"


def language_for(asked: str, accepts: str, own: str, known: Collection[str]) -> str:
    """The language of a page: what was asked for, else what the browser prefers, else the callback's own."""
    if asked in known:
        return asked
    for code in _preferred(accepts):
        if code in known:
            return code
    code = own.partition("-")[0].lower()
    return code if code in known else DEFAULT


def _preferred(header: str) -> list[str]:
    """The codes of an Accept-Language header, the most wanted first (RFC 9110 12.5.4); `q=0`: not wanted."""
    found: list[tuple[float, int, str]] = []
    for part in header[:_LONGEST_HEADER].split(","):
        if match := _PREFERENCE.fullmatch(part):
            found.append((-float(match[2] or 1), len(found), match[1].lower()))
    return [code for weight, _, code in sorted(found) if weight < 0]
