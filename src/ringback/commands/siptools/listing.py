"""What sip_proxy lists, printed for people or as JSON: one shape for bans, trunks and gateways."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec
from rich.table import Table

from ringback.commands.showing import present
from ringback.commands.talking import talk
from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient

Row = TypeVar("Row", bound=msgspec.Struct)


def list_rows(
    data: Path | None,
    path: str,
    kind: type[Row],
    table: Callable[[list[Row], float], Table],
    nothing: str,
    *,
    as_json: bool,
) -> None:
    """Print the rows that sip_proxy has at a path; `nothing` is said where there are none."""

    async def ask(_ctx: Context, client: HttpClient) -> list[Row]:
        return await client.get(path, list[kind])  # type: ignore[valid-type]

    rows = talk(data, "sip_proxy", ask)
    present(rows, table(rows, time.time()) if rows else nothing, as_json=as_json)


def duration(seconds: float) -> str:
    """`59 s`, `3 min`, `2 h 5 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
