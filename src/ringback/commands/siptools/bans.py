"""`ringback sip bans` and `unban`: whom sip_proxy does not listen to, and why."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import quote

from rich.console import Console
from rich.table import Table

from ringback.commands.showing import present
from ringback.commands.talking import talk
from ringback.contracts.sip import Ban
from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient


def list_bans(data: Path | None, *, as_json: bool) -> None:
    """Print the bans in force."""

    async def ask(_ctx: Context, client: HttpClient) -> list[Ban]:
        return await client.get("/bans", list[Ban])

    rows = talk(data, "sip_proxy", ask)
    present(rows, table(rows, time.time()) if rows else "Nobody is banned.", as_json=as_json)


def table(rows: list[Ban], now: float) -> Table:
    """The bans for people."""
    found = Table(box=None, pad_edge=False)
    for name in ("source", "reason", "for another", "times banned"):
        found.add_column(name, overflow="fold")
    for row in rows:
        found.add_row(row.source, row.reason, duration(row.until - now), str(row.count))
    return found


def duration(seconds: float) -> str:
    """`59 s`, `3 min`, `2 h 5 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def lift(data: Path | None, source: str) -> None:
    """Let a source in again; what is not banned raises HttpFailure."""

    async def ask(_ctx: Context, client: HttpClient) -> None:
        await client.request("DELETE", f"/bans/{quote(source, safe=':')}")

    talk(data, "sip_proxy", ask)
    Console(highlight=False).print(f"{source} is let in again, by every proxy within two seconds.")
