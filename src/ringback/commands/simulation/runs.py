"""Many days of one scenario, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ringback.domain.routing.waiting import Experience

from .agents import hired
from .callers import drawn
from .day import Day, Record
from .scenario import Scenario
from .tally import DayResult

Progress = Callable[[], None]
"""Called after each day."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A scenario as a source of days."""

    name: str
    scenario: Scenario
    days: int
    seed: int

    def run(self, record: Record | None = None) -> Iterator[DayResult]:
        """Each day from empty; the same seed gives the same days."""
        experience = Experience()
        for number in range(self.days):
            callers = drawn(self.scenario, self.seed, number)
            source = f"{self.seed}/{number}"
            workers = hired(self.scenario)
            yield Day(self.scenario, callers, workers, experience, number, source, record).run()


def simulate(scenario: Scenario, days: int, seed: int) -> list[DayResult]:
    """So many days of a scenario."""
    return list(Drawn("", scenario, days, seed).run())
