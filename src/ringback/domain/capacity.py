"""Capacity: how many interactions of each medium an agent may have at a time.

A rule is written as entries with commas: `voice:1, chat:3 unless voice>=1, email:5 unless voice>=1 or
chat>2`. The number is the most at a time of that medium; what follows `unless` forbids one more while it
holds, `and` before `or`. `*` as the medium stands for all of them together: `*:1` is one interaction of any
kind and nothing else. The empty rule is one voice interaction and nothing else. After-call work counts for no
medium, but an agent in after-call work gets no voice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from ringback.domain.comparing import COMPARISONS

VOICE, ANY = "voice", "*"
MAX_LENGTH = 1024
MAX_INTERACTIONS = 100

_MEDIUM = r"[A-Za-z][\w-]{0,31}"
_ENTRY = re.compile(rf"\s*({_MEDIUM}|\*)\s*:\s*(\d+)\s*(?:unless\s+(.*\S))?\s*$")
_CONDITION = re.compile(rf"\s*({_MEDIUM}|\*)\s*(>=|<=|!=|=|>|<)\s*(\d+)\s*$")
_NAME = re.compile(_MEDIUM)


class CapacityError(ValueError):
    """A rule that cannot be read; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison of what the agent has of one medium."""

    media: str
    op: str
    value: int

    def holds(self, load: Mapping[str, int]) -> bool:
        """Whether it holds for this load."""
        have = sum(load.values()) if self.media == ANY else load.get(self.media, 0)
        return COMPARISONS[self.op](have, self.value)


@dataclass(frozen=True, slots=True)
class Entry:
    """The most of one medium; `unless`: any of these, each a set of conditions that hold together."""

    most: int
    unless: tuple[tuple[Condition, ...], ...] = ()

    def allows(self, load: Mapping[str, int]) -> bool:
        """Whether nothing forbids one more."""
        return not any(all(each.holds(load) for each in together) for together in self.unless)


@dataclass(frozen=True, slots=True)
class CapacityRule:
    """What an agent may have; `total` limits all media together (0: no such limit)."""

    text: str
    entries: Mapping[str, Entry]
    total: Entry | None = None

    def takes(self, media: str) -> bool:
        """Whether the agent ever gets interactions of a medium."""
        entry = self.entries.get(media)
        return entry.most > 0 if entry else self.total is not None and self.total.most > 0

    def allows(self, media: str, load: Mapping[str, int]) -> bool:
        """Whether the agent may have one more of a medium beside what there is."""
        entry, total = self.entries.get(media), self.total
        if entry is None and total is None:
            return False
        if entry is not None and (load.get(media, 0) >= entry.most or not entry.allows(load)):
            return False
        return total is None or (sum(load.values()) < total.most and total.allows(load))


def is_medium(name: str) -> bool:
    """Whether a medium may be called so."""
    return _NAME.fullmatch(name) is not None


@lru_cache(maxsize=1024)
def parse_capacity(text: str) -> CapacityRule:
    """Read a rule. Raises CapacityError."""
    if len(text) > MAX_LENGTH:
        raise CapacityError(f"longer than {MAX_LENGTH} characters")
    if not text.strip():
        return VOICE_ONLY
    entries: dict[str, Entry] = {}
    for part in text.split(","):
        media, entry = _entry(part)
        if media in entries:
            raise CapacityError(f"{media!r} is named twice")
        entries[media] = entry
    total = entries.pop(ANY, None)
    return CapacityRule(text, entries, total)


def _entry(part: str) -> tuple[str, Entry]:
    match = _ENTRY.match(part)
    if match is None:
        raise CapacityError(f"{part.strip()[:64]!r} is not `medium:number [unless condition …]`")
    most = int(match[2])
    if most > MAX_INTERACTIONS:
        raise CapacityError(f"{most} is more than {MAX_INTERACTIONS} interactions at a time")
    alternatives = re.split(r"\bor\b", match[3]) if match[3] else ()
    return match[1], Entry(most, tuple(_conditions(re.split(r"\band\b", each)) for each in alternatives))


def _conditions(parts: Iterable[str]) -> tuple[Condition, ...]:
    found = []
    for part in parts:
        match = _CONDITION.match(part)
        if match is None:
            raise CapacityError(f"{part.strip()[:64]!r} is not `medium>=number`")
        found.append(Condition(match[1], match[2], int(match[3])))
    return tuple(found)


VOICE_ONLY = CapacityRule("", {VOICE: Entry(1)})
