"""What a command found: JSON for machines, or something to read."""

from __future__ import annotations

import msgspec
from rich.console import Console, RenderableType
from rich.table import Table


def print_json(value: object) -> None:
    """Print a value as JSON, indented, in no colours."""
    text = msgspec.json.format(msgspec.json.encode(value)).decode()
    Console(highlight=False).out(text, highlight=False)


def present(value: object, for_people: RenderableType, *, as_json: bool) -> None:
    """Print the value as JSON, or what stands for it for people."""
    if as_json:
        print_json(value)
    else:
        Console(highlight=False).print(for_people)


def columns(*names: str) -> Table:
    """An empty table."""
    found = Table(box=None, pad_edge=False)
    for name in names:
        found.add_column(name, overflow="fold")
    return found
