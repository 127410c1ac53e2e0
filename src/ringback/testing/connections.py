"""The connections that the platform must have, with the messages that each has carried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from rich.console import Console
from rich.table import Table

from ringback.connections import CONNECTIONS
from ringback.runtime.counters import read_totals
from ringback.runtime.settings import CommonSettings
from ringback.runtime.valkey import Valkey


class ConnectionRow(msgspec.Struct, frozen=True):
    """One row as ``ringback connections --json`` prints it."""

    id: str
    source: str
    destination: str
    protocol: str
    port: str
    built: bool
    messages: int


def rows(totals: Mapping[str, int]) -> list[ConnectionRow]:
    """Every connection of the table with its messages from ``totals`` (by id)."""
    return [
        ConnectionRow(
            each.id,
            each.source,
            each.destination,
            each.protocol,
            each.port,
            each.built,
            totals.get(each.id, 0),
        )
        for each in CONNECTIONS
    ]


def silent(found: Sequence[ConnectionRow]) -> list[str]:
    """The ids of connections that are built but have carried nothing."""
    return [row.id for row in found if row.built and not row.messages]


async def run(common: CommonSettings, *, as_json: bool = False) -> int:
    """Print the connections of the running platform; raises ValkeyUnavailable when there is none."""
    valkey = Valkey(common.valkey_url, name="ringback-connections")
    await valkey.start(timeout=3.0)
    try:
        found = rows(await read_totals(valkey))
    finally:
        await valkey.stop()
    console = Console()
    if as_json:
        console.out(msgspec.json.format(msgspec.json.encode(found)).decode(), highlight=False)
    else:
        console.print(table(found))
    return 0


def table(found: Sequence[ConnectionRow]) -> Table:
    """The rows for people; what is built and silent stands out."""
    carrying = sum(row.messages > 0 for row in found)
    built = sum(row.built for row in found)
    picture = Table(
        title=f"{len(found)} connections, {built} built, {carrying} have carried data",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for name in ("id", "from", "to", "protocol", "port", "built"):
        picture.add_column(name, overflow="fold")
    picture.add_column("messages", justify="right")
    for row in found:
        style = "dim" if not row.built else "" if row.messages else "yellow"
        cells = (row.id, row.source, row.destination, row.protocol, row.port, "yes" if row.built else "no")
        picture.add_row(*cells, f"{row.messages:,}", style=style)
    return picture
