"""`ringback sip trunks`: which carriers are there, registered, and how much room they have."""

from __future__ import annotations

import time
from pathlib import Path

from rich.table import Table

from ringback.commands.showing import present
from ringback.commands.siptools.bans import duration
from ringback.commands.talking import talk
from ringback.contracts.sip import TrunkState
from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient


def list_trunks(data: Path | None, *, as_json: bool) -> None:
    """Print the trunks of all tenants."""

    async def ask(_ctx: Context, client: HttpClient) -> list[TrunkState]:
        return await client.get("/trunks", list[TrunkState])

    rows = talk(data, "sip_proxy", ask)
    present(rows, table(rows, time.time()) if rows else "There are no trunks.", as_json=as_json)


def table(rows: list[TrunkState], now: float) -> Table:
    """The trunks for people."""
    found = Table(box=None, pad_edge=False)
    for name in ("tenant", "trunk", "service", "gateways", "line", "calls", "refused"):
        found.add_column(name, overflow="fold")
    for row in rows:
        gateways = [f"{item.address} {item.health}" for item in row.gateways]
        calls = f"{row.calls} of {row.capacity}" if row.capacity else str(row.calls)
        line = _line(row, now)
        found.add_row(row.tenant, row.trunk, row.state, "\n".join(gateways), line, calls, str(row.rejected))
    return found


def _line(row: TrunkState, now: float) -> str:
    if row.line == "registered":
        return f"registered for {duration(row.registered_until - now)}"
    return f"{row.line}: {row.reason}" if row.reason else row.line
