"""`ringback routing`: why an interaction is where it is, the log of decisions, and its replay."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from rich.table import Table
from rich.text import Text

from ringback.commands.sessions import clock
from ringback.commands.showing import present
from ringback.commands.talking import talk
from ringback.domain.routing.log import Replayed, replay
from ringback.domain.routing.messages import Explanation
from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient


class InteractionView(msgspec.Struct, frozen=True):
    """The answer of the tenant service."""

    request_id: str
    position: int
    explanation: Explanation


def explain(data: Path | None, tenant: str, name: str, *, as_json: bool) -> None:
    """Print the story of one interaction."""

    async def ask(ctx: Context, client: HttpClient) -> InteractionView:
        path = f"/interactions/{_tenant(ctx, tenant)}/{quote(name, safe='')}"
        return await client.get(path, InteractionView)

    view = talk(data, "tenant", ask)
    present(view, picture(view), as_json=as_json)


def picture(view: InteractionView) -> Table:
    """The story for people: what it is, what happened, why it waits."""
    story = view.explanation
    found = Table.grid(padding=(0, 2))
    facts: dict[str, Any] = {
        "request": view.request_id,
        "state": story.state,
        "queue": f"{story.queue}, place {view.position}" if view.position else story.queue,
        "priority": story.priority,
        "arrived": f"{clock(story.arrived)} UTC",
        "targets": ", ".join(story.targets),
    }
    for name, value in facts.items():
        found.add_row(Text(name, style="dim"), Text(str(value)))
    for moment in story.history:
        found.add_row(Text(clock(moment.at), style="dim"), Text(moment.text))
    for reason in story.reasons:
        found.add_row(Text("waits", style="yellow"), Text(reason))
    return found


def write_log(data: Path | None, tenant: str, out: Path | None) -> int:
    """Write the log of decisions, as lines of JSON; how many lines there were."""

    async def ask(ctx: Context, client: HttpClient) -> int:
        stream = out.open("wb") if out else sys.stdout.buffer
        lines, after = 0, "-"
        try:
            while after:
                reply = await client.request("GET", f"/decisions/{_tenant(ctx, tenant)}?after={after}")
                stream.write(reply.body)
                lines += reply.body.count(b"\n")
                after = reply.headers.get("X-Cursor", "")
        finally:
            stream.flush()
            if out:
                stream.close()
        return lines

    return talk(data, "tenant", ask)


def replay_log(log: Path, *, as_json: bool) -> int:
    """Replay a log and print what came of it; 1 when a decision came out otherwise."""
    with log.open("rb") as lines:
        found = replay(lines)
    present(msgspec.to_builtins(_summary(found)), verdict(found), as_json=as_json)
    return 1 if found.differences else 0


def _summary(found: Replayed) -> dict[str, Any]:
    names = ("turns", "decisions", "skipped", "beginnings", "checkpoints", "resumed", "differences")
    return {name: getattr(found, name) for name in names}


def verdict(found: Replayed) -> Text:
    """The replay for people."""
    text = Text(f"{found.turns:,} turns, {found.decisions:,} decisions")
    if found.resumed is not None:
        text.append(f", from the checkpoint at {clock(found.resumed)}")
    if found.skipped:
        text.append(f" ({found.skipped:,} lines before it were left out)")
    if not found.differences:
        text.append(", all the same\n", style="green")
        return text
    text.append(f", {len(found.differences)} came out otherwise\n", style="red")
    for each in found.differences[:10]:
        text.append(f"line {each.line} at {clock(each.at)}\n  logged   {each.logged}\n")
        text.append(f"  replayed {each.replayed}\n")
    return text


def _tenant(ctx: Context, tenant: str) -> str:
    return quote(tenant or ctx.common.tenants[0], safe="")
