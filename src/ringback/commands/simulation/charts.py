"""What is drawn, in the terminal and as a picture: curves by the hour, and what became of callbacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .figures import Figure, HourFigures, Outcome


@dataclass(frozen=True, slots=True)
class Chart:
    """A curve by the hour of the day; `share`: from 0 to 1, shown in percent."""

    title: str
    value: Callable[[HourFigures], Figure | None]
    share: bool


CHARTS = (
    Chart("service level", lambda hour: hour.service_level, share=True),
    Chart("mean wait, seconds", lambda hour: hour.wait_s, share=False),
    Chart("abandoned", lambda hour: hour.abandoned, share=True),
    Chart("occupancy", lambda hour: hour.occupancy, share=True),
    Chart("took a callback", lambda hour: hour.callbacks, share=True),
)

OUTCOMES = ("connected", "failed", "expired")
"""How callbacks end."""


def points(chart: Chart, outcome: Outcome) -> list[tuple[int, Figure]]:
    """The hours of which the figure is known."""
    found = [(hour.hour, chart.value(hour)) for hour in outcome.hours]
    return [(hour, figure) for hour, figure in found if figure is not None]


def has_callbacks(outcomes: Sequence[Outcome]) -> bool:
    """Whether anybody took one."""
    return any(one.queues[-1].connected is not None for one in outcomes)


def wanted(outcomes: Sequence[Outcome]) -> list[Chart]:
    """The charts that show something."""
    return [
        chart
        for chart in CHARTS
        if any(figure.value > 0 for one in outcomes for _, figure in points(chart, one))
    ]
