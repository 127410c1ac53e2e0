"""`ringback simulate`: days of a contact centre, lived through under a virtual clock."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ringback.commands.ewt import read_log
from ringback.commands.showing import people, print_json, progress
from ringback.commands.simulation import replay
from ringback.commands.simulation.calllog import write_calls, write_header
from ringback.commands.simulation.day import Record
from ringback.commands.simulation.figures import Figure, Outcome, differences, outcome
from ringback.commands.simulation.picture import check_picture, draw_picture
from ringback.commands.simulation.replay import Replayed, replayed
from ringback.commands.simulation.runs import Drawn
from ringback.commands.simulation.scenario import ScenarioError, examples, find, read_rules, read_scenario
from ringback.commands.simulation.tally import DayResult
from ringback.commands.simulation.terminal import curves
from ringback.domain.routing.waiting import LoggedCall

Source = Drawn | Replayed


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What is asked for beside the scenarios. `log`: where calls are written, `replay`: what is replayed."""

    days: int
    seed: int
    as_json: bool = False
    plots: bool = True
    picture: Path | None = None
    log: Path | None = None
    replay: Path | None = None


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
    ("reached nobody, of all", "lost", percent),
    ("mean wait s", "wait_s", plain),
    ("half waited up to s", "wait_p50_s", plain),
    ("9 in 10 up to s", "wait_p90_s", plain),
    ("took a callback", "callbacks", percent),
    ("callbacks connected", "connected", percent),
    ("all dials in vain", "failed", percent),
    ("given up at closing", "expired", percent),
    ("dials per callback", "dials", plain),
    ("mean callback wait s", "callback_wait_s", plain),
)


def simulate(names: Sequence[str], rules: Sequence[Path], wishes: Wishes) -> None:
    """Print what comes of each scenario. ScenarioError, LogError: one cannot be simulated."""
    if wishes.picture:
        check_picture(wishes.picture)
    results = lived(sources(names, rules, wishes), wishes)
    outcomes = [outcome(name, days) for name, days in results]
    for at in range(1, len(results)):
        against = differences(results[0][1], results[at][1])
        outcomes[at] = msgspec.structs.replace(outcomes[at], against_first=against)
    if wishes.picture:
        draw_picture(wishes.picture, outcomes)
    if wishes.as_json:
        print_json(outcomes)
    else:
        show(people(), outcomes, plots=wishes.plots)


def show(console: Console, outcomes: Sequence[Outcome], *, plots: bool) -> None:
    """Tables and curves for people."""
    if plots:
        for curve in curves(outcomes, console.width, color=console.is_terminal):
            console.print(Text.from_ansi(curve))
    for queue in queues_of(outcomes):
        console.print(table(queue, outcomes))
    days = f"{outcomes[0].days} day{'s' if outcomes[0].days > 1 else ''} each"
    console.print(f"{days}; means with 95% confidence intervals.", style="dim")


def sources(names: Sequence[str], rules: Sequence[Path], wishes: Wishes) -> list[Source]:
    """Where the days come from."""
    if wishes.replay is None:
        if rules or not names:
            raise ScenarioError("--rules belongs to --replay" if rules else "which scenario?")
        paths = [find(name) for name in names]
        return [Drawn(path.name, read_scenario(path), wishes.days, wishes.seed) for path in paths]
    if names or not rules:
        raise ScenarioError("a log is replayed under --rules, and without scenarios")
    calls = list(read_log(wishes.replay))
    return [replayed(path.name, read_rules(path), calls, wishes.seed) for path in rules]


def print_text(names: Sequence[str]) -> None:
    """The scenarios' own text, to begin one with."""
    for name in names:
        path = find(name)
        if not path.is_file():
            raise ScenarioError(f"{name}: there is no such file; shipped are {', '.join(examples())}")
        Console().out(path.read_text(encoding="utf-8"), end="", highlight=False)


def lived(found: Sequence[Source], wishes: Wishes) -> list[tuple[str, list[DayResult]]]:
    """All days of all sources; before a replay, the log as it was."""
    if wishes.log and len(found) > 1:
        raise ScenarioError("the log of one simulation can be written, not of several")
    results: list[tuple[str, list[DayResult]]] = []
    first = found[0]
    if isinstance(first, Replayed):
        results.append((replay.AS_IT_WAS, replay.actual(first.log, first.rules)))
    done = count(1)
    total = sum(source.days for source in found)
    with progress("days", total) as step, logged(wishes.log) as (record, flush):
        for source in found:
            days: list[DayResult] = []
            for day in source.run(record):
                days.append(day)
                flush()
                step(next(done), source.name)
            results.append((source.name, days))
    return results


@contextmanager
def logged(path: Path | None) -> Iterator[tuple[Record | None, Callable[[], None]]]:
    """What keeps a call, and what writes those of a day."""
    with ExitStack() as stack:
        if path is None:
            yield None, lambda: None
            return
        file = stack.enter_context(path.open("w", newline="", encoding="utf-8"))
        write_header(file)
        kept: list[LoggedCall] = []

        def flush() -> None:
            write_calls(file, kept)
            kept.clear()

        yield kept.append, flush


def queues_of(outcomes: Sequence[Outcome]) -> list[str | None]:
    """All queues that a scenario has, in order, and all together (None); the only one is all."""
    names = dict.fromkeys(each.queue for one in outcomes for each in one.queues if each.queue is not None)
    return [*names, None] if len(names) > 1 else [None]


def table(queue: str | None, outcomes: Sequence[Outcome]) -> Table:
    """One queue, the scenarios side by side."""
    names = {each.queue for one in outcomes for each in one.queues if each.queue is not None}
    title = f"queue {queue or min(names)}" if queue or len(names) == 1 else "all queues"
    shown = Table(title=title, title_justify="left")
    shown.add_column("")
    for one in outcomes:
        shown.add_column(one.scenario, justify="right")
    against = outcomes[1].against_first if queue is None and len(outcomes) == 2 else {}
    if against:
        shown.add_column("difference", justify="right")
    found = [next((each for each in one.queues if each.queue == queue), None) for one in outcomes]
    for label, name, style in ROWS:
        figures = [getattr(each, name) if each else None for each in found]
        if any(figure is not None for figure in figures):
            more = [difference(against.get(name), style)] if against else []
            shown.add_row(label, *(cell(figure, style) for figure in figures), *more)
    if queue is None:
        more = [difference(against.get("occupancy"), percent)] if against else []
        shown.add_row("occupancy", *(cell(one.occupancy, percent) for one in outcomes), *more)
    return shown


def cell(figure: Figure | None, style: Callable[[float], str]) -> str:
    """A figure with its interval."""
    if figure is None:
        return "-"
    return f"{style(figure.value)} [{style(figure.low)}, {style(figure.high)}]"


def difference(figure: Figure | None, style: Callable[[float], str]) -> Text:
    """How much more; bold when chance does not explain it."""
    if figure is None:
        return Text()
    sure = figure.low > 0 or figure.high < 0
    return Text(f"{'+' if figure.value >= 0 else ''}{cell(figure, style)}", style="bold" if sure else "")
