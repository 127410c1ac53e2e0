"""`ringback sip trunks`: which carriers are there, registered, and how much room they have."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from ringback.commands.showing import columns
from ringback.commands.siptools.listing import duration, list_rows
from ringback.contracts.sip import TrunkState


def list_trunks(data: Path | None, *, as_json: bool) -> None:
    """Print the trunks of all tenants."""
    list_rows(data, "/trunks", TrunkState, table, "There are no trunks.", as_json=as_json)


def table(rows: list[TrunkState], now: float) -> Table:
    """The trunks for people."""
    found = columns("tenant", "trunk", "service", "gateways", "line", "calls", "refused")
    for row in rows:
        gateways = [f"{item.address} {item.health}" for item in row.gateways]
        calls = f"{row.calls} of {row.capacity}" if row.capacity else str(row.calls)
        line = _line(row, now)
        found.add_row(row.tenant, row.trunk, row.state, "\n".join(gateways), line, calls, str(row.rejected))
    return found


def _line(row: TrunkState, now: float) -> str:
    if row.line.startswith("registered"):
        return f"{row.line} for {duration(row.registered_until - now)}"
    return f"{row.line}: {row.reason}" if row.reason else row.line
