"""`ringback ewt evaluate`: a call log through all predictors of the waiting time."""

import csv
from collections.abc import Iterator
from math import isfinite
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ringback.commands.showing import print_json
from ringback.commands.simulation.calllog import COLUMNS
from ringback.commands.texts import utf8
from ringback.domain.routing.waiting import LogError, LoggedCall, Replay, Report
from ringback.domain.routing.waiting.replay import QueueReport
from ringback.domain.routing.waiting.score import Figures

OUTCOMES = ("answered", "abandoned")


def evaluate(log: Path, *, as_json: bool) -> None:
    """Print how well each predictor would have done. LogError: the file is no log, and where."""
    report = Replay(list(read_log(log))).run()
    if as_json:
        print_json(report)
        return
    console = Console(highlight=False)
    for queue in report.queues:
        console.print(table(queue))
    console.print(closing(report), style="dim")


def read_log(log: Path) -> Iterator[LoggedCall]:
    """The calls of a CSV file; columns may stand in any order, and others beside them."""
    with utf8(log), log.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        if not header:
            raise LogError(f"{log}: the file is empty; needed is a line of headings: {', '.join(COLUMNS)}")
        missing = [name for name in COLUMNS if name not in header]
        if missing:
            raise LogError(f"{log}: there is no column {missing[0]!r}; needed are {', '.join(COLUMNS)}")
        places = [header.index(name) for name in COLUMNS]
        for row in rows:
            if row:
                try:
                    yield logged_call([row[place].strip() for place in places])
                except (ValueError, IndexError) as error:
                    said = "too few columns" if isinstance(error, IndexError) else error
                    raise LogError(f"{log}, line {rows.line_num}: {said}") from None


def logged_call(values: list[str]) -> LoggedCall:
    """One line of the log, its values in the order of COLUMNS. ValueError: what is wrong."""
    arrival, queue, priority, outcome, left, start, end, server = values
    if outcome not in OUTCOMES:
        raise ValueError(f"outcome {outcome!r} is neither answered nor abandoned")
    arrived, exited = seconds("arrival", arrival), seconds("queue_exit", left)
    if exited < arrived:
        raise ValueError("queue_exit is before arrival")
    if outcome == "abandoned":
        return LoggedCall(arrived, queue, level(priority), False, exited, exited, exited, "")
    started = max(exited, seconds("service_start", start or left))
    ended = max(started, seconds("service_end", end)) if end else started
    return LoggedCall(arrived, queue, level(priority), True, exited, started, ended, server if end else "")


def seconds(name: str, text: str) -> float:
    """A moment in epoch seconds."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise ValueError(f"{name} {text!r} is no time in epoch seconds")
    return value


def level(text: str) -> int:
    """A priority; none given is 0."""
    try:
        return int(float(text)) if text else 0
    except (ValueError, OverflowError):
        raise ValueError(f"priority {text!r} is no number") from None


def table(queue: QueueReport) -> Table:
    """The figures of one queue for people; the best RMSE stands out."""
    name = "all queues" if queue.queue is None else f"queue {queue.queue}"
    wait = "" if queue.mean_wait is None else f", mean wait {queue.mean_wait:.1f} s"
    shown = Table(title=f"{name}: {queue.calls} calls{wait}", title_justify="left")
    shown.add_column("predictor")
    for heading in ("RMSE s", "RRASE", "MAE s", "P90 coverage", "unknown"):
        shown.add_column(heading, justify="right")
    known = [figures.rmse for figures in queue.predictors if figures.rmse is not None]
    for figures in queue.predictors:
        best = bool(known) and figures.rmse == min(known)
        shown.add_row(*cells(figures), style="bold" if best else None)
    return shown


def cells(figures: Figures) -> list[str]:
    """One predictor's line."""
    values = ((figures.rmse, 1), (figures.rrase, 3), (figures.mae, 1), (figures.p90_coverage, 3))
    numbers = ["-" if value is None else f"{value:.{digits}f}" for value, digits in values]
    return [figures.predictor, *numbers, str(figures.unknown) if figures.unknown else ""]


def closing(report: Report) -> str:
    """What was judged."""
    return (
        f"{report.calls} calls on {report.days} days; the first {report.training_days} trained, the others "
        "are judged: calls that waited and were answered."
    )
