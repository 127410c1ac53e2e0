"""`ringback simulate`: days of a contact centre, lived through under a virtual clock."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from ringback.commands.simulation.day import simulate as run_days
from ringback.commands.simulation.figures import Figure, Outcome, outcome
from ringback.commands.simulation.scenario import read_scenario


def percent(value: float) -> str:
    """A share for people."""
    return f"{100 * value:.1f}%"


def plain(value: float) -> str:
    """Seconds or a count for people."""
    return f"{value:.1f}"


ROWS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("calls a day", "calls_a_day", plain),
    ("service level", "service_level", percent),
    ("had to wait", "delayed", percent),
    ("abandoned", "abandoned", percent),
    ("mean wait s", "wait_s", plain),
    ("took a callback", "callbacks", percent),
    ("callbacks connected", "connected", percent),
    ("mean callback wait s", "callback_wait_s", plain),
)


def simulate(scenarios: Sequence[Path], *, days: int, seed: int, as_json: bool) -> None:
    """Print what comes of each scenario. ScenarioError: one cannot be simulated."""
    plans = [(path.name, read_scenario(path)) for path in scenarios]
    outcomes = [outcome(name, run_days(plan, days, seed)) for name, plan in plans]
    console = Console(highlight=False)
    if as_json:
        console.out(msgspec.json.format(msgspec.json.encode(outcomes)).decode(), highlight=False)
    else:
        for queue in queues_of(outcomes):
            console.print(table(queue, outcomes))
        console.print(f"{days} days each; means with 95% confidence intervals.", style="dim")


def queues_of(outcomes: Sequence[Outcome]) -> list[str | None]:
    """All queues that a scenario has, in order; all together last, when there is more than one."""
    names = dict.fromkeys(each.queue for one in outcomes for each in one.queues if each.queue is not None)
    return [*names, None]


def table(queue: str | None, outcomes: Sequence[Outcome]) -> Table:
    """One queue, the scenarios side by side."""
    shown = Table(title="all queues" if queue is None else f"queue {queue}", title_justify="left")
    shown.add_column("")
    for one in outcomes:
        shown.add_column(one.scenario, justify="right")
    found = [next((each for each in one.queues if each.queue == queue), None) for one in outcomes]
    for label, name, style in ROWS:
        figures = [getattr(each, name) if each else None for each in found]
        if any(figure is not None for figure in figures):
            shown.add_row(label, *(cell(figure, style) for figure in figures))
    if queue is None:
        shown.add_row("occupancy", *(cell(one.occupancy, percent) for one in outcomes))
    return shown


def cell(figure: Figure | None, style: Callable[[float], str]) -> str:
    """A figure with its interval."""
    if figure is None:
        return "-"
    return f"{style(figure.value)} [{style(figure.low)}, {style(figure.high)}]"
