"""What is simulated, as a TOML file. Times of day are hours (8.5 is half past eight), durations seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ringback.domain.routing import ExpressionError, parse_target

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Hour = Annotated[float, Meta(ge=0, le=24)]

HOUR = 3600.0


class ScenarioError(ValueError):
    """The scenario cannot be simulated, and why."""


class Duration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time that varies: its mean, and for `lognormal` its coefficient of variation."""

    mean: Positive
    distribution: Literal["exponential", "lognormal", "fixed"] = "exponential"
    cv: Positive = 1.0


class CallbackPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who must expect to wait longer than `offer_above` is offered a callback; `accept` of them take it.

    The place in line is kept. `reached` answer when called; the others cost the agent `no_answer` seconds.
    """

    offer_above: NotNegative
    accept: Share = 0.5
    reached: Share = 1.0
    no_answer: NotNegative = 30.0


class QueuePlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A virtual queue. `calls_per_hour`: one number, or one for each hour from opening on."""

    name: str
    target: str
    calls_per_hour: NotNegative | list[NotNegative]
    service: Duration
    after_call: Duration | None = None
    patience: Duration | None = None
    priority: int = 0
    callback: CallbackPolicy | None = None


class AgentsPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Agents who are alike. Who is on duty at closing time stays until nobody waits."""

    count: Annotated[int, Meta(ge=1)]
    skills: dict[str, int]
    starts: Hour | None = None
    ends: Hour | None = None
    breaks: list[tuple[Hour, Hour]] = []


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One day, lived through many times, each from empty."""

    queues: Annotated[list[QueuePlan], Meta(min_length=1)]
    agents: Annotated[list[AgentsPlan], Meta(min_length=1)]
    opens: Hour = 0.0
    closes: Hour = 24.0
    service_level: Positive = 20.0
    """Seconds within which a call is to be answered."""


def read_scenario(path: Path) -> Scenario:
    """The scenario of a file. ScenarioError: what is wrong with it."""
    try:
        return check(msgspec.toml.decode(path.read_bytes(), type=Scenario))
    except (msgspec.DecodeError, ScenarioError) as error:
        raise ScenarioError(f"{path}: {error}") from None


def check(scenario: Scenario) -> Scenario:
    """What types cannot say. ScenarioError."""
    if scenario.closes <= scenario.opens:
        raise ScenarioError("it closes before it opens")
    names = [queue.name for queue in scenario.queues]
    if len(set(names)) < len(names):
        raise ScenarioError("two queues have the same name")
    for queue in scenario.queues:
        try:
            parse_target(queue.target)
        except ExpressionError as error:
            raise ScenarioError(f"queue {queue.name}: {error}") from None
        hourly(queue, scenario)
    return scenario


def hourly(queue: QueuePlan, scenario: Scenario) -> list[float]:
    """Calls in each hour from opening on, the last of which may be cut short."""
    hours = -int(-(scenario.closes - scenario.opens) // 1)
    rates = queue.calls_per_hour
    if not isinstance(rates, list):
        return [rates] * hours
    if len(rates) != hours:
        raise ScenarioError(f"queue {queue.name}: {len(rates)} numbers of calls for {hours} hours")
    return rates
