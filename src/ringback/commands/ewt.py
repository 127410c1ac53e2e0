"""`ringback ewt evaluate`: a call log through all predictors of the waiting time."""

import csv
from collections.abc import Callable, Iterator
from math import isnan
from pathlib import Path

from rich.table import Table

from ringback.commands.showing import people, print_json, progress
from ringback.commands.simulation.calllog import COLUMNS
from ringback.commands.texts import utf8
from ringback.domain.routing.waiting import LogError, LoggedCall, Replay, Report
from ringback.domain.routing.waiting.replay import QueueReport
from ringback.domain.routing.waiting.score import Figures

OUTCOMES = ("answered", "abandoned")
_FARTHEST = 1e11
"""Epoch seconds of the year 5138; what is beyond is no time of a call."""
_SHOWN = 40


def evaluate(log: Path, *, as_json: bool) -> None:
    """Print how well each predictor would have done. LogError: the file is no log, and where."""
    calls = list(read_log(log))
    with progress("calls", len(calls)) as step:
        report = judged(log, calls, lambda done: step(done, "calls"))
    if as_json:
        print_json(report)
        return
    console = people()
    for queue in report.queues:
        console.print(table(queue))
    console.print(closing(report), style="dim")


def judged(log: Path, calls: list[LoggedCall], look: Callable[[int], None]) -> Report:
    """What came of the replay. LogError: the log cannot be judged; it is named."""
    try:
        return Replay(calls).run(look)
    except LogError as error:
        raise LogError(f"{log}: {error}") from None


def read_log(log: Path) -> Iterator[LoggedCall]:
    """The calls of a CSV file; columns may stand in any order, and others beside them."""
    with utf8(log), log.open(newline="", encoding="utf-8-sig") as file:
        rows, line = csv.reader(file), 1
        try:
            places = columns_of(next(rows, []))
            line = rows.line_num + 1
            for row in rows:
                if row:
                    yield logged_call([row[place].strip() for place in places])
                line = rows.line_num + 1
        except UnicodeDecodeError:
            raise
        except (ValueError, IndexError, csv.Error) as error:
            raise LogError(f"{log}, line {line}: {wrong(error)}") from None


def wrong(error: Exception) -> str:
    """What is wrong with a line, for people."""
    if isinstance(error, IndexError):
        return "too few columns"
    return f"{error}: is a quotation mark left open?" if isinstance(error, csv.Error) else str(error)


def columns_of(header: list[str]) -> list[int]:
    """Where each of COLUMNS stands. ValueError: one is missing."""
    names = [name.strip() for name in header]
    needed = ", ".join(COLUMNS)
    if not any(names):
        raise ValueError(f"the file is empty; needed is a line of headings: {needed}")
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        found = ", ".join(shown(name) for name in names[: len(COLUMNS)])
        raise ValueError(f"there is no column {missing[0]!r}; needed are {needed}; found are {found}")
    return [names.index(name) for name in COLUMNS]


def logged_call(values: list[str]) -> LoggedCall:
    """One line of the log, its values in the order of COLUMNS. ValueError: what is wrong."""
    arrival, queue, priority, outcome, left, start, end, server = values
    if outcome not in OUTCOMES:
        raise ValueError(f"outcome {shown(outcome)} is neither answered nor abandoned")
    arrived, exited = seconds("arrival", arrival), seconds("queue_exit", left)
    if exited < arrived:
        raise ValueError("queue_exit is before arrival")
    if outcome == "abandoned":
        return LoggedCall(arrived, queue, level(priority), False, exited, exited, exited, "")
    started, ended = service(arrived, exited, start, end)
    return LoggedCall(arrived, queue, level(priority), True, exited, started, ended, server if end else "")


def service(arrived: float, exited: float, start: str, end: str) -> tuple[float, float]:
    """When an answered call was served, from leaving the line on; what is not told took no time."""
    started = seconds("service_start", start) if start else exited
    ended = seconds("service_end", end) if end else max(started, exited)
    if started < arrived:
        raise ValueError("service_start is before arrival")
    if ended < started:
        raise ValueError("service_end is before service_start")
    return max(exited, started), max(exited, ended)


def seconds(name: str, text: str) -> float:
    """A moment in epoch seconds."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < _FARTHEST:
        hint = "" if isnan(value) else ": are these milliseconds?"
        raise ValueError(f"{name} {shown(text)} is no time in epoch seconds{hint}")
    return value


def level(text: str) -> int:
    """A priority; none given is 0."""
    try:
        return int(float(text)) if text else 0
    except (ValueError, OverflowError):
        raise ValueError(f"priority {shown(text)} is no number") from None


def shown(text: str) -> str:
    """What stands in the file, in quotation marks, and not all of it when it is long."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


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
