"""Curves in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from uniplot import plot_to_string

from .charts import Chart, points, wanted
from .figures import Outcome

_HEIGHT = 9
_AXIS = 12
_WIDEST = 90


def curves(outcomes: Sequence[Outcome], width: int, *, color: bool) -> list[str]:
    """One text for each chart, the scenarios in one; where days differ, one point for each hour."""
    return [_curve(chart, outcomes, min(width - _AXIS, _WIDEST), color=color) for chart in wanted(outcomes)]


def _curve(chart: Chart, outcomes: Sequence[Outcome], width: int, *, color: bool) -> str:
    lines = [(one.scenario, points(chart, one)) for one in outcomes]
    lines = [(name, line) for name, line in lines if line]
    scale = 100.0 if chart.share else 1.0
    heights = [[scale * figure.value for _, figure in line] for _, line in lines]
    top = 1.05 * max(map(max, heights))
    text: str = plot_to_string(
        xs=[[hour + 0.5 for hour, _ in line] for _, line in lines],
        ys=heights,
        title=f"{chart.title}{' %' if chart.share else ''} by hour of the day",
        legend_labels=[name for name, _ in lines] if len(lines) > 1 else None,
        lines=True,
        color=color,
        width=max(20, width),
        height=_HEIGHT,
        y_min=0,
        y_max=100 if chart.share and top > 50 else top,
    )
    return text
