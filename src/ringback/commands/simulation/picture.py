"""The curves as a picture, SVG or PNG, with the intervals as bands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .charts import OUTCOMES, Chart, has_callbacks, points, wanted
from .figures import Outcome
from .scenario import ScenarioError

SUFFIXES = (".svg", ".png")
_COLUMNS = 2
_CELL = (6.4, 3.4)
_MOST_WAITS = 0.995


def check_picture(path: Path) -> None:
    """ScenarioError: no such picture can be made here."""
    if path.suffix not in SUFFIXES:
        raise ScenarioError(f"{path}: a picture is a file whose name ends in {' or '.join(SUFFIXES)}")
    try:
        import matplotlib as _  # noqa: F401
    except ImportError:
        raise ScenarioError("pictures are drawn by matplotlib: pip install 'ringback[plots]'") from None


def draw_picture(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Draw all charts into one file."""
    from matplotlib.figure import Figure as Sheet

    charts = wanted(outcomes)
    cells = len(charts) + 1 + has_callbacks(outcomes)
    rows = -(-cells // _COLUMNS)
    sheet = Sheet(figsize=(_CELL[0] * _COLUMNS, _CELL[1] * rows), layout="constrained")
    axes = list(sheet.subplots(rows, _COLUMNS, squeeze=False).flat)
    for chart, place in zip(charts, axes, strict=False):
        _curve(place, chart, outcomes)
    _waits(axes[len(charts)], outcomes)
    if has_callbacks(outcomes):
        _callbacks(axes[len(charts) + 1], outcomes)
    sheet.suptitle(f"{' and '.join(one.scenario for one in outcomes)}: means, with 95% confidence intervals")
    for place in axes[cells:]:
        place.remove()
    sheet.savefig(path, dpi=110)


def _curve(place: Any, chart: Chart, outcomes: Sequence[Outcome]) -> None:
    scale = 100.0 if chart.share else 1.0
    for number, one in enumerate(outcomes):
        line = points(chart, one)
        hours = [hour + 0.5 for hour, _ in line]
        low = [max(0.0, scale * figure.low) for _, figure in line]
        high = [scale * (min(1.0, figure.high) if chart.share else figure.high) for _, figure in line]
        color = f"C{number}"
        place.plot(hours, [scale * f.value for _, f in line], marker=".", color=color, label=one.scenario)
        place.fill_between(hours, low, high, alpha=0.2, color=color, linewidth=0)
    place.set_title(f"{chart.title}{', %' if chart.share else ''}")
    place.set_xlabel("hour of the day")
    place.set_ylim(bottom=0)
    place.grid(alpha=0.3)
    if len(outcomes) > 1:
        place.legend()


def _waits(place: Any, outcomes: Sequence[Outcome]) -> None:
    longest = 1.0
    for one in outcomes:
        place.step(
            [wait for wait, _ in one.waits],
            [100 * share for _, share in one.waits],
            where="post",
            label=one.scenario,
        )
        longest = max([longest, *(wait for wait, share in one.waits if share <= _MOST_WAITS)])
    place.set_title("waited no longer than, %")
    place.set_xlabel("seconds")
    place.set_xlim(0, longest)
    place.set_ylim(0, 100)
    place.grid(alpha=0.3)
    if len(outcomes) > 1:
        place.legend(loc="lower right")


def _callbacks(place: Any, outcomes: Sequence[Outcome]) -> None:
    outcomes = [one for one in outcomes if one.queues[-1].connected is not None]
    names = [one.scenario for one in outcomes]
    left = [0.0] * len(outcomes)
    for ending in OUTCOMES:
        found = [getattr(one.queues[-1], ending) for one in outcomes]
        widths = [100 * figure.value if figure else 0.0 for figure in found]
        place.barh(names, widths, left=left, label=ending)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    place.set_title("callbacks, %")
    place.set_xlim(0, 100)
    place.set_ylim(len(outcomes) - 0.3, -0.7)
    place.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=len(OUTCOMES))
