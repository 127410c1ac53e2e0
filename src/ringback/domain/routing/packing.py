"""Expressions as lists that JSON can carry, and back: `["every", ["skill", "English", ">=", 5], …]`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .skills import AtPlace, Either, Every, Everyone, Expression, Group, Level, Named, OneAgent, join

Packed = list[Any]

_WORDS: dict[type[Any], str] = {
    Everyone: "everyone",
    OneAgent: "agent",
    Group: "group",
    AtPlace: "place",
    Named: "named",
    Level: "skill",
    Every: "every",
    Either: "either",
}


def pack(expression: Expression | None) -> Packed:
    """The list; empty for None."""
    if expression is None:
        return []
    word = _WORDS[type(expression)]
    match expression:
        case Every(parts) | Either(parts):
            return [word, *map(pack, parts)]
        case Level(skill, op, value):
            return [word, skill, op, value]
        case Named(kind, name):
            return [word, kind, name]
        case OneAgent(name) | Group(name) | AtPlace(name):
            return [word, name]
        case _:
            return [word]


_MAKERS: dict[str, Callable[..., Expression]] = {
    "everyone": Everyone,
    "agent": OneAgent,
    "group": Group,
    "place": AtPlace,
    "named": Named,
    "skill": Level,
}


def unpack(packed: Packed) -> Expression:
    """The expression of a list. Raises ValueError for one that is none."""
    try:
        word, *parts = packed
        if word in ("every", "either"):
            return join(Every if word == "every" else Either, [unpack(part) for part in parts])
        return _MAKERS[word](*parts)
    except (TypeError, ValueError, KeyError, RecursionError):
        raise ValueError(f"no expression: {str(packed)[:64]}") from None
