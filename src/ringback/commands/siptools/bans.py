"""`ringback sip bans` and `unban`: whom sip_proxy does not listen to, and why."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import quote

import msgspec
from rich.console import Console
from rich.table import Table

from ringback.commands.talking import talk
from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient


class BanRow(msgspec.Struct, frozen=True):
    """As sip_proxy tells it; `until` in seconds since the epoch."""

    source: str
    reason: str
    until: float
    count: int


def list_bans(data: Path | None, *, as_json: bool) -> None:
    """Print the bans in force."""

    async def ask(_ctx: Context, client: HttpClient) -> list[BanRow]:
        return await client.get("/bans", list[BanRow])

    rows = talk(data, "sip_proxy", ask)
    console = Console(highlight=False)
    if as_json:
        console.out(msgspec.json.format(msgspec.json.encode(rows)).decode(), highlight=False)
    elif not rows:
        console.print("Nobody is banned.")
    else:
        console.print(table(rows, time.time()))


def table(rows: list[BanRow], now: float) -> Table:
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
