"""What is simulated: a YAML or TOML file. Hours of the day (8.5 is half past eight), durations in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from ringback.domain.routing import ExpressionError, parse_target

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Hour = Annotated[float, Meta(ge=0, le=24)]

EXAMPLES = Path(__file__).parent / "examples"
_SUFFIXES = (".yaml", ".yml", ".toml")


class ScenarioError(ValueError):
    """The scenario cannot be simulated, and why."""


class Duration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time that varies: its mean, and for `lognormal` and `gamma` its coefficient of variation."""

    mean: Positive
    distribution: Literal["exponential", "lognormal", "gamma", "fixed"] = "exponential"
    cv: Positive = 1.0


class CallbackPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who must expect to wait longer than `offer_above` is offered a callback; `accept` of them take it.

    The place in line is kept. `scheduled` of those who take one ask for a time `ahead` hours from now (from,
    to); a time after closing cannot be had. A dial reaches the customer with the chance `reached`, or costs
    the agent `no_answer` seconds and is repeated after `retry_after` seconds, `max_dials` in all.
    """

    offer_above: NotNegative
    accept: Share = 0.5
    scheduled: Share = 0.0
    ahead: tuple[NotNegative, NotNegative] = (1.0, 4.0)
    reached: Share = 1.0
    no_answer: NotNegative = 30.0
    max_dials: Annotated[int, Meta(ge=1)] = 3
    retry_after: NotNegative = 300.0


class QueuePlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A virtual queue. `calls_per_hour`: one number, or one for each hour from opening on.

    Under `--replay` calls, service and patience come from the log; what is given here replaces it.
    """

    name: str
    target: str
    calls_per_hour: NotNegative | list[NotNegative] = 0.0
    service: Duration | None = None
    after_call: Duration | None = None
    patience: Duration | None = None
    priority: int | None = None
    callback: CallbackPolicy | None = None


class AgentsPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Agents who are alike. Who is on duty at closing time stays until nobody waits."""

    count: Annotated[int, Meta(ge=1)]
    skills: dict[str, int]
    starts: Hour | None = None
    ends: Hour | None = None
    breaks: list[tuple[Hour, Hour]] = []


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One day, lived through many times, each from empty. `zone` says which hours those of a log are."""

    queues: Annotated[list[QueuePlan], Meta(min_length=1)]
    agents: list[AgentsPlan] = []
    opens: Hour = 0.0
    closes: Hour = 24.0
    service_level: Positive = 20.0
    """Seconds within which a call is to be answered."""
    zone: str = "UTC"


def find(name: str) -> Path:
    """The file of that name, or the shipped example."""
    path = Path(name)
    shipped = EXAMPLES / f"{name}.yaml"
    return shipped if not path.exists() and shipped.parent == EXAMPLES and shipped.is_file() else path


def examples() -> list[str]:
    """The names of those that are shipped."""
    return sorted(path.stem for path in EXAMPLES.glob("*.yaml"))


def read_scenario(path: Path) -> Scenario:
    """The scenario of a file. ScenarioError: what is wrong with it."""
    return _read(path, rules=False)


def read_rules(path: Path) -> Scenario:
    """The rules under which a log is replayed: a scenario that may leave out callers and agents."""
    return _read(path, rules=True)


def _read(path: Path, *, rules: bool) -> Scenario:
    if path.suffix not in _SUFFIXES:
        shipped = ", ".join(examples())
        raise ScenarioError(
            f"{path}: a scenario is a file ending in {', '.join(_SUFFIXES)}, or one of {shipped}"
        )
    decode = msgspec.toml.decode if path.suffix == ".toml" else msgspec.yaml.decode
    try:
        return check(decode(path.read_bytes(), type=Scenario), rules=rules)
    except (msgspec.DecodeError, UnicodeDecodeError, ScenarioError) as error:
        raise ScenarioError(f"{path}: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ScenarioError(f"{path}: nested too deep") from None


def check(scenario: Scenario, *, rules: bool = False) -> Scenario:
    """What types cannot say. ScenarioError."""
    if scenario.closes <= scenario.opens:
        raise ScenarioError("it closes before it opens")
    names = [queue.name for queue in scenario.queues]
    if len(set(names)) < len(names):
        raise ScenarioError("two queues have the same name")
    if not scenario.agents and not rules:
        raise ScenarioError("there are no agents")
    try:
        ZoneInfo(scenario.zone)
    except (KeyError, ValueError, OSError):
        raise ScenarioError(f"zone: there is no time zone {scenario.zone!r}") from None
    for queue in scenario.queues:
        _check_queue(queue, scenario, rules=rules)
    return scenario


def _check_queue(queue: QueuePlan, scenario: Scenario, *, rules: bool) -> None:
    try:
        parse_target(queue.target)
    except ExpressionError as error:
        raise ScenarioError(f"queue {queue.name}: {error}") from None
    if queue.service is None and not rules:
        raise ScenarioError(f"queue {queue.name}: `service` is missing")
    if queue.callback and queue.callback.ahead[0] > queue.callback.ahead[1]:
        raise ScenarioError(f"queue {queue.name}: `ahead` ends before it begins")
    hourly(queue, scenario)


def hourly(queue: QueuePlan, scenario: Scenario) -> list[float]:
    """Calls in each hour from opening on, the last of which may be cut short."""
    hours = -int(-(scenario.closes - scenario.opens) // 1)
    rates = queue.calls_per_hour
    if not isinstance(rates, list):
        return [rates] * hours
    if len(rates) != hours:
        raise ScenarioError(f"queue {queue.name}: {len(rates)} numbers of calls for {hours} hours")
    return rates
