"""`ringback sessions`: the live sessions of orchestration, and a look inside one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ringback.commands.showing import present
from ringback.commands.talking import talk
from ringback.contracts.applications import SessionRow, SessionTrace
from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient, HttpFailure


def listing(data: Path | None, tenant: str, limit: int, *, as_json: bool) -> None:
    """Print the live sessions, the oldest first."""
    rows: list[SessionRow] = _get(data, "/scxml/sessions", tenant, list[SessionRow], limit=limit)
    present(rows, listed(rows, datetime.now(UTC).timestamp()), as_json=as_json)


def look(data: Path | None, tenant: str, session: str, *, trace: bool, as_json: bool) -> None:
    """Print one session: where it is, and with `trace` how it got there and what its data look like."""
    path = f"/scxml/session/{quote(session, safe='')}/trace"
    try:
        found: SessionTrace = _get(data, path, tenant, SessionTrace)
    except HttpFailure as failure:
        if failure.slug != "no_session":
            raise
        hint = (
            f"no live session {session!r}; ended ones are not kept: `ringback sessions list` shows the live"
        )
        raise HttpFailure(failure.status, failure.slug, hint) from None
    wanted: object = found if trace else found.row
    parts = [picture(found.row), *([steps(found), variables(found)] if trace else [])]
    present(wanted, Group(*parts), as_json=as_json)


def _get(data: Path | None, path: str, tenant: str, kind: Any, **query: object) -> Any:
    async def ask(_ctx: Context, client: HttpClient) -> Any:
        given = {**query, **({"tenant": tenant} if tenant else {})}
        return await client.get(f"{path}?{urlencode(given)}", kind)

    return talk(data, "orchestration", ask, "control")


def listed(rows: list[SessionRow], now: float) -> Group:
    """The sessions for people: each id in a line of its own, to be copied, however narrow the terminal is."""
    found = [Text(f"{len(rows)} live session{'' if len(rows) == 1 else 's'}", style="italic")]
    for row in rows:
        state = " ".join(row.states) or "(beginning)"
        since = age(now - row.started)
        found.append(Text(row.session, style="bold", overflow="fold"))
        found.append(Text(f"  {row.kind} by {named(row.application)}, {since}, on {row.node}: {state}"))
        if row.pending:
            found.append(Text(f"  waits for {' '.join(row.pending)}", style="yellow"))
    return Group(*found)


def named(application: str) -> str:
    """The name of an application, of its address."""
    return application.rpartition("/")[2].removesuffix(".scxml") or "(none yet)"


def age(seconds: float) -> str:
    """A length of time as people say it."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def picture(row: SessionRow) -> Table:
    """One session, a line for each thing known."""
    found = Table.grid(padding=(0, 2))
    for name, value in msgspec.to_builtins(row).items():
        shown = clock(value) if name == "started" else " ".join(value) if isinstance(value, list) else value
        found.add_row(Text(name.replace("_", " "), style="dim"), str(shown))
    return found


def steps(trace: SessionTrace) -> Table:
    """What came in, what was asked for, where it came to rest."""
    found = Table(title="last steps", title_justify="left", box=None, pad_edge=False)
    for name in ("at", "what", "name"):
        found.add_column(name, overflow="fold")
    for step in trace.steps:
        found.add_row(clock(step.time), step.kind, step.name, style="dim" if step.kind == "states" else "")
    for name, due in trace.timers.items():
        found.add_row(clock(due), "due", name, style="cyan")
    return found


def variables(trace: SessionTrace) -> Table:
    """The shape of the data."""
    found = Table(
        title="data (shape only)", title_justify="left", box=None, pad_edge=False, show_header=False
    )
    for name, shape in trace.data.items():
        found.add_row(name, shape)
    return found


def clock(seconds: float) -> str:
    """A time of day, UTC, with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S.%f")[:-3]
