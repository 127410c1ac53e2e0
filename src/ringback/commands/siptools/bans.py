"""`ringback sip bans` and `unban`: whom sip_proxy does not listen to, and why."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from rich.table import Table

from ringback.commands.showing import columns, people
from ringback.commands.siptools.listing import duration, list_rows
from ringback.commands.talking import talk
from ringback.contracts.sip import Ban
from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient


def list_bans(data: Path | None, *, as_json: bool) -> None:
    """Print the bans in force."""
    list_rows(data, "/bans", Ban, table, "Nobody is banned.", as_json=as_json)


def table(rows: list[Ban], now: float) -> Table:
    """The bans for people."""
    found = columns("source", "reason", "for another", "times banned")
    for row in rows:
        found.add_row(row.source, row.reason, duration(row.until - now), str(row.count))
    return found


def lift(data: Path | None, source: str) -> None:
    """Let a source in again; what is not banned raises HttpFailure."""

    async def ask(_ctx: Context, client: HttpClient) -> None:
        await client.request("DELETE", f"/bans/{quote(source, safe=':')}")

    talk(data, "sip_proxy", ask)
    people().print(f"{source} is let in again, by every proxy within two seconds.")
