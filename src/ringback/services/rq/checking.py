"""What is wrong with a routing request, before it is stored."""

from __future__ import annotations

import functools

from ringback.contracts.routing import MAX_STEPS, SubmitRequest, TargetStep
from ringback.domain.capacity import is_medium
from ringback.domain.routing import read_target
from ringback.domain.routing.orders import parse_order
from ringback.domain.routing.plans import MAX_TARGETS

MAX_PRIORITY = 1_000_000
MAX_TIMEOUT_S = 30 * 86400.0
LATEST_S = 1e11
"""Of the year 5138: milliseconds are beyond."""
_SHORT = 256


def check(request: SubmitRequest) -> None:
    """Refuse what the router could not work with. Raises ValueError with what and where."""
    if not is_medium(request.media):
        raise ValueError("media: 1 to 32 letters, digits or _-")
    if len(request.steps) > MAX_STEPS:
        raise ValueError(f"steps: {MAX_STEPS} at most")
    if request.target or not request.steps:
        _target("target", request.target)
    if request.preferred_agent:
        _target("preferred_agent", f"{request.preferred_agent}@ringback.A")
    if not 0.0 <= request.arrival_time <= LATEST_S:
        raise ValueError(f"arrival_time: from 0 to {LATEST_S:g}, in seconds since the epoch")
    _amount("priority", request.priority, MAX_PRIORITY)
    _amount("growth", request.growth or 0.0, MAX_PRIORITY)
    for name in ("timeout_s", "preferred_s"):
        _amount(name, getattr(request, name), MAX_TIMEOUT_S)
    for number, step in enumerate(request.steps, 1):
        _step(f"step {number}", step)


def _step(name: str, step: TargetStep) -> None:
    if len(step.targets) > MAX_TARGETS:
        raise ValueError(f"{name}: {MAX_TARGETS} targets at most")
    for target in step.targets:
        _target(name, target)
    _amount(f"{name} timeout_s", step.timeout_s, MAX_TIMEOUT_S)
    _amount(f"{name} priority", step.priority or 0, MAX_PRIORITY)
    try:
        parse_order(step.order)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


_read_again = functools.lru_cache(maxsize=1024)(read_target)


def _target(name: str, text: str) -> None:
    """Applications ask for the same few targets again and again."""
    try:
        (_read_again if len(text) <= _SHORT else read_target)(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _amount(name: str, value: float, most: float) -> None:
    if not -most <= value <= most:
        raise ValueError(f"{name}: from {-most:g} to {most:g}")
