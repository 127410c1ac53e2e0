"""Thresholds: figures that a target must show before an interaction may go there.

`{ready>2}` before a target, or `{sdata(Sales.Q, waiting)<10 & ready>0}`: comparisons with `&` and `|` (`&`
binds closer). A figure without an object is that of the target itself; `sdata(NAME.Q, figure)` is that of a
virtual queue. Figures are written short or as the field writes them (`StatAgentsAvailable`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ringback.domain.comparing import COMPARISONS

FIGURES: dict[str, str] = {
    "ready": "ready",
    "staff": "staff",
    "busy": "busy",
    "waiting": "waiting",
    "longest_wait": "longest_wait",
    "ewt": "ewt",
    "StatAgentsAvailable": "ready",
    "StatAgentsInQueueReady": "ready",
    "RStatAgentsReady": "ready",
    "RStatAgentsReadyvoice": "ready",
    "StatAgentsTotal": "staff",
    "StatAgentsInQueueLogin": "staff",
    "RStatAgentsTotal": "staff",
    "StatAgentsBusy": "busy",
    "StatCallsInQueue": "waiting",
    "RStatCallsInQueue": "waiting",
    "StatExpectedWaitingTime": "ewt",
}
"""What a figure is called outside, and here. Times are seconds."""

_TERM = re.compile(
    r"\s*(?:sdata\(\s*(?P<object>[^,()@\s][^,()@]*?)(?:@[\w.\-]*)?(?:\.Q)?\s*,\s*(?P<of>\w+)\s*\)|(?P<own>\w+))"
    r"\s*(?P<op>!=|>=|<=|[=<>])\s*(?P<value>\d+(?:\.\d+)?)\s*"
)

Figure = Callable[[str, str], float]
"""The figure of an object (empty: the target itself) by its name; NaN when there is none."""


class ThresholdError(ValueError):
    """A threshold that cannot be read; `position` counts from its first character."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(reason)
        self.position = position
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure against a number."""

    object: str
    figure: str
    op: str
    value: float

    def holds(self, figure: Figure) -> bool:
        """Whether the figure is so; never when it is unknown."""
        found = figure(self.object, self.figure)
        return found == found and COMPARISONS[self.op](found, self.value)

    def __str__(self) -> str:
        name = f"sdata({self.object}.Q, {self.figure})" if self.object else self.figure
        return f"{name}{self.op}{self.value:g}"


@dataclass(frozen=True, slots=True)
class Threshold:
    """Any of `either` must hold, each with all of its parts. `key` is the same for the same meaning."""

    key: str
    either: tuple[tuple[Comparison, ...], ...]

    def holds(self, figure: Figure) -> bool:
        """Whether the target may be used."""
        return any(all(each.holds(figure) for each in every) for every in self.either)

    def failing(self, figure: Figure) -> str:
        """The first comparison that does not hold, with what there is instead."""
        for every in self.either:
            for each in every:
                if not each.holds(figure):
                    return f"{each} does not hold: it is {figure(each.object, each.figure):g}"
        return ""


def parse_threshold(text: str) -> Threshold:
    """Read what stands between the braces. Raises ThresholdError."""
    either: list[list[Comparison]] = [[]]
    at = 0
    while True:
        match = _TERM.match(text, at)
        if match is None:
            raise ThresholdError(at, "a comparison (such as ready>2) is expected")
        name = match["of"] or match["own"]
        if name not in FIGURES:
            known = ", ".join(sorted(set(FIGURES.values())))
            raise ThresholdError(match.start("of" if match["of"] else "own"), f"no figure {name}: {known}")
        comparison = Comparison(match["object"] or "", FIGURES[name], match["op"], float(match["value"]))
        either[-1].append(comparison)
        at = match.end()
        if at == len(text):
            break
        if text[at] not in "&|":
            raise ThresholdError(at, "'&' or '|' is expected")
        if text[at] == "|":
            either.append([])
        at += 1
    key = "|".join("&".join(map(str, every)) for every in either)
    return Threshold(key, tuple(map(tuple, either)))
