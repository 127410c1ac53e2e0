"""Where an interaction may go: `{threshold}[weight]Name@Server.Type`.

Agents are written as in `skills`. A device takes an interaction at once, without an agent: a route point
(`8000.RP`) or any number (`8001.DN`). The threshold in braces must hold (`thresholds`), the weight in
brackets is the target's share where targets are chosen by percentage.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .skills import MAX_LENGTH, Expression, ExpressionError, parse_target
from .thresholds import Threshold, ThresholdError, parse_threshold

_PREFIX = re.compile(r"\s*(?:\{(?P<threshold>[^{}]*)\})?\s*(?:\[\s*(?P<weight>\d+(?:\.\d+)?)\s*\])?")
_DEVICE = re.compile(r"\s*(?P<number>[\w+*#\-]{1,64})(?:@[\w.\-]*)?\.(?P<kind>RP|DN)\s*$")


@dataclass(frozen=True, slots=True)
class Target:
    """Agents, or the number of a device (then there is no expression)."""

    text: str
    expression: Expression | None
    device: str = ""
    threshold: Threshold | None = None
    weight: float = 0.0


def read_target(text: str) -> Target:
    """Read a target with its threshold and weight. Raises ExpressionError with position and reason."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(text, MAX_LENGTH, f"longer than {MAX_LENGTH} characters")
    prefix = _PREFIX.match(text)
    assert prefix is not None
    rest = text[prefix.end() :]
    threshold = None
    if prefix["threshold"] is not None:
        try:
            threshold = parse_threshold(prefix["threshold"])
        except ThresholdError as wrong:
            position = prefix.start("threshold") + wrong.position
            raise ExpressionError(text, position, wrong.reason) from None
    weight = float(prefix["weight"] or 0.0)
    if device := _DEVICE.match(rest):
        return Target(text, None, device["number"], threshold, weight)
    try:
        return Target(text, parse_target(rest), "", threshold, weight)
    except ExpressionError as error:
        raise ExpressionError(text, prefix.end() + error.position, error.reason) from None
