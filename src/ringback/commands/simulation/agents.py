"""Who answers: agents and when they are on duty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .scenario import AgentsPlan, Scenario
from .tally import HOUR

Spans = list[tuple[float, float]]


@dataclass(slots=True)
class Worker:
    """An agent: on duty in these spans of the day (seconds), last seen doing what."""

    skills: Mapping[str, int]
    spans: Spans
    busy: bool = False
    present: bool = False
    since: float = 0.0


def hired(scenario: Scenario) -> dict[str, Worker]:
    """All agents of the plan, by name."""
    return {
        f"agent-{group}-{number}": Worker(plan.skills, list(spans_of(plan, scenario)))
        for group, plan in enumerate(scenario.agents)
        for number in range(plan.count)
    }


def spans_of(plan: AgentsPlan, scenario: Scenario) -> Iterator[tuple[float, float]]:
    """When the agents are on duty: the shift without its breaks, in seconds of the day."""
    start = scenario.opens if plan.starts is None else plan.starts
    end = scenario.closes if plan.ends is None else plan.ends
    for pause, back in sorted(plan.breaks):
        if start < pause < end:
            yield start * HOUR, pause * HOUR
            start = back
    if start < end:
        yield start * HOUR, end * HOUR
