"""In which order the ready agents of a target are chosen.

`longest-ready` (what happens when nothing is said), `fewest-calls`, `occupancy` (the least busy part of the
time logged in), `skill NAME` (the highest level), `min STATISTIC` or `max STATISTIC`, and `percentage`: the
targets, rather than their agents, get shares of the interactions by their weights. Equal agents are chosen by
longest ready. What an agent has done is counted since the login, through restarts; the occupancy
is that of the moment when the agent became ready.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Protocol

from .skills import Profile

PERCENTAGE = "percentage"
LONGEST_READY = "longest-ready"


class Rated(Protocol):
    """What is compared of an agent."""

    @property
    def occupancy(self) -> float: ...

    @property
    def total(self) -> int: ...

    profile: Profile
    since: float
    calls: int


Value = Callable[[Rated], float]

_PLAIN: dict[str, Value | None] = {
    LONGEST_READY: None,
    "fewest-calls": lambda agent: agent.calls,
    "occupancy": lambda agent: agent.occupancy,
    "loading": lambda agent: agent.total,
}
_STATISTICS: dict[str, Value] = {
    "StatTimeInReadyState": lambda agent: -agent.since,
    "StatCallsAnswered": lambda agent: agent.calls,
    "StatCallsCompleted": lambda agent: agent.calls,
    "StatAgentOccupancy": lambda agent: agent.occupancy,
    "StatAgentLoading": lambda agent: agent.total,
}
_SKILL = re.compile(r"skill\s+(\S.*)")
_STATISTIC = re.compile(r"(min|max)\s+(\w+)")


class OrderError(ValueError):
    """An order that cannot be read."""


def parse_order(text: str) -> Value | None:
    """What is smallest in the agent who is chosen first; None: the longest ready. Raises OrderError."""
    text = text.strip()
    if not text or text == PERCENTAGE:
        return None
    if text in _PLAIN:
        return _PLAIN[text]
    if skill := _SKILL.fullmatch(text):
        return partial(_level, skill[1])
    statistic = _STATISTIC.fullmatch(text)
    if statistic and statistic[2] in _STATISTICS:
        value = _STATISTICS[statistic[2]]
        return value if statistic[1] == "min" else partial(_negative, value)
    raise OrderError(f"no order {text[:64]!r}: {', '.join((*_PLAIN, 'skill NAME, min|max STATISTIC'))}")


def _level(skill: str, agent: Rated) -> float:
    return -agent.profile.skills.get(skill, 0)


def _negative(value: Value, agent: Rated) -> float:
    return -value(agent)
