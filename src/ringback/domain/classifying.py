"""Which category a text belongs to, by a table of words that people keep. Pure.

The table CLASSIFICATION has a row for each rule: `category`; `words`, of which one is enough (`loan; interest
rate`, with `;` between, `insur*` for all words that begin so); `without`, of which none may be there; and
`weight`, a number above zero (1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_CHARACTERS = 65_536
"""Of a text; what is behind is not looked at."""
_WORD = re.compile(r"[^\W_]+")
Row = Mapping[str, Any]


class RuleError(ValueError):
    """A rule that cannot be understood."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row; a phrase is its words, with a space before, between and, unless it ended in `*`, behind."""

    key: str
    category: str
    words: tuple[str, ...]
    without: tuple[str, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The best category (empty: none), its share of all the weight that was found, all by weight, and why."""

    category: str
    confidence: float
    categories: dict[str, float]
    rules: tuple[str, ...]


def phrases(text: str) -> tuple[str, ...]:
    """The phrases of a cell, as they are looked for. Raises RuleError."""
    found = []
    for part in text.split(";"):
        words = _words(part)
        if words:
            found.append(f" {' '.join(words)}{'' if part.rstrip().endswith('*') else ' '}")
        elif part.strip():
            raise RuleError(f"there is no word in {part.strip()[:40]!r}")
    return tuple(found)


def weight_of(text: str) -> float:
    """A weight; empty is 1. Raises RuleError."""
    try:
        weight = float(text or 1)
    except ValueError:
        weight = 0.0
    if not 0 < weight < 1e6:
        raise RuleError(f"a weight is a number above zero, not {text[:40]!r}")
    return weight


def rule_of(key: str, row: Row) -> Rule:
    """A row. Raises RuleError."""
    cells = {name: str(row.get(name) or "").strip() for name in ("category", "words", "without", "weight")}
    words = phrases(cells["words"])
    if not words or not cells["category"]:
        raise RuleError("a rule has a category and words")
    return Rule(key, cells["category"], words, phrases(cells["without"]), weight_of(cells["weight"]))


def classified(text: str, rows: Mapping[str, Row]) -> Verdict:
    """Judge a text; rows that cannot be understood are passed over. Equal weights: the first category."""
    line = f" {' '.join(_words(text[:MOST_CHARACTERS]))} "
    weights: dict[str, float] = {}
    matched = []
    for key, row in rows.items():
        try:
            rule = rule_of(key, row)
        except RuleError:
            continue
        if _matches(rule, line):
            matched.append(key)
            weights[rule.category] = weights.get(rule.category, 0.0) + rule.weight
    ordered = dict(sorted(weights.items(), key=lambda each: -each[1]))
    best = next(iter(ordered), "")
    share = ordered[best] / sum(ordered.values()) if best else 0.0
    return Verdict(best, round(share, 4), ordered, tuple(matched))


def _matches(rule: Rule, line: str) -> bool:
    return any(word in line for word in rule.words) and not any(word in line for word in rule.without)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
