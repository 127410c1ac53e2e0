"""What a command found: JSON for machines, or something to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table


def people() -> Console:
    """The terminal of somebody who reads. Text is shown as it is: names that customers gave, `[VIP]` or
    `:car:`, and addresses like `[fe80::1]` are no markup.
    """
    return Console(highlight=False, markup=False, emoji=False)


class _Lines(Console):
    def print(self, *objects: Any, **settings: Any) -> None:
        super().print(*objects, **{"soft_wrap": True, **settings})


def lines() -> Console:
    """The same for what programs read by lines, too: none is broken, however narrow the terminal."""
    return _Lines(highlight=False, markup=False, emoji=False)


def print_json(value: object) -> None:
    """Print a value as JSON, indented, in no colours."""
    text = msgspec.json.format(msgspec.json.encode(value)).decode()
    Console(highlight=False).out(text, highlight=False)


def present(value: object, for_people: RenderableType, *, as_json: bool) -> None:
    """Print the value as JSON, or what stands for it for people."""
    if as_json:
        print_json(value)
    else:
        people().print(for_people)


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int, str], None]]:
    """A bar on standard error, when that is a terminal; called with how many are done, and of what."""
    console = Console(stderr=True)
    shown = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(
        *shown, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done, name: bar.update(task, completed=done, description=name)


def columns(*names: str) -> Table:
    """An empty table."""
    found = Table(box=None, pad_edge=False)
    for name in names:
        found.add_column(name, overflow="fold")
    return found
