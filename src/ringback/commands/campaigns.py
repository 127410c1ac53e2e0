"""Campaigns of a running platform, over the campaigns' link."""

from __future__ import annotations

import csv
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import typer

from ringback.commands.accounts import AccountError
from ringback.commands.showing import columns, present
from ringback.commands.talking import talk_linked
from ringback.commands.texts import utf8
from ringback.contracts.campaigns import Added, CampaignStatus, DoNotCallReply
from ringback.domain.campaigns.lines import Line
from ringback.domain.campaigns.records import MOST_NUMBERS, Given
from ringback.runtime.context import Context
from ringback.runtime.link import LinkClient, LinkError

T = TypeVar("T")
Ask = Callable[..., Awaitable[Any]]
_AT_ONCE = 500
_MEANT = re.compile(
    r"key|number|time_zone|hours|priority|not_before|number_kind|number_[2-9](_kind|_hours)?", re.ASCII
)


def status(data: Path | None, tenant: str, name: str, *, as_json: bool) -> None:
    """Print how campaigns stand."""

    async def ask(call: Ask) -> list[CampaignStatus]:
        return msgspec.convert(await call("status", campaign=name), list[CampaignStatus])

    found = _linked(data, tenant, ask)
    table = columns("campaign", "state", "waiting", "under way", "done", "answered", "abandoned")
    for each in found:
        counts = each.counts
        results = ", ".join(f"{word or 'not dialled'} {n}" for word, n in sorted(counts.results.items()))
        state = f"{each.state} ({each.reason})" if each.reason else each.state
        done = f"{counts.done} ({results})" if results else "0"
        cells = (each.campaign, state, counts.waiting, counts.open, done, each.answered, each.abandoned)
        table.add_row(*map(str, cells))
    present(found, table, as_json=as_json)


def bring(data: Path | None, tenant: str, calling_list: str, file: Path) -> int:
    """Add a file to a list, print what became of it; the exit status."""
    with utf8(file), file.open(encoding="utf-8-sig", newline="") as text:
        records = list(read_records(csv.DictReader(text)))

    async def ask(call: Ask) -> list[Added]:
        portions = [records[at : at + _AT_ONCE] for at in range(0, len(records), _AT_ONCE)]
        return [
            msgspec.convert(await call("add_records", list=calling_list, records=portion), Added)
            for portion in portions
        ]

    replies = _linked(data, tenant, ask)
    refused = [each for reply in replies for each in reply.refused]
    for each in refused:
        typer.echo(f"{each.key}: {each.message} ({each.reason})", err=True)
    added, known = sum(reply.added for reply in replies), sum(reply.known for reply in replies)
    typer.echo(f"{added} added, {known} known already, {len(refused)} refused.")
    return 1 if refused else 0


def command(data: Path | None, tenant: str, name: str, *commands: str) -> None:
    """Tell a campaign what to do, and print how it stands."""

    async def ask(call: Ask) -> CampaignStatus:
        for each in commands:
            found = await call(each, campaign=name)
        return msgspec.convert(found, CampaignStatus)

    typer.echo(f"{name} is {_linked(data, tenant, ask).state}.")


def forbid(data: Path | None, tenant: str, method: str, numbers: Sequence[str], reason: str) -> str:
    """Put numbers onto the do-not-call list or take them off it; what was done, for people."""

    async def ask(call: Ask) -> DoNotCallReply:
        return msgspec.convert(await call(method, numbers=numbers, reason=reason), DoNotCallReply)

    reply = _linked(data, tenant, ask)
    if reply.refused:
        raise AccountError(f"this is no phone number: {numbers[reply.refused[0]]!r}.")
    return f"{reply.numbers} changed."


def read_records(rows: csv.DictReader[str]) -> Iterator[Given]:
    """The records of a file with headings. Raises AccountError with the line that is wrong."""
    missing = {"key", "number"} - set(rows.fieldnames or ())
    if missing:
        raise AccountError(f"the file has no column {' and no '.join(sorted(missing))}.")
    for row in rows:
        try:
            yield _record({name: value or "" for name, value in row.items() if name is not None})
        except (ValueError, AttributeError):
            raise AccountError(f"line {rows.line_num} cannot be read.") from None


def _record(row: Mapping[str, str]) -> Given:
    """A number that a spreadsheet was kept from taking for a formula begins with an apostrophe."""
    return Given(
        key=row["key"],
        number=row["number"].lstrip("'"),
        time_zone=row.get("time_zone", ""),
        hours=_hours(row.get("hours", "")),
        priority=int(row.get("priority") or 0),
        not_before=float(row.get("not_before") or 0.0),
        data={name: value for name, value in row.items() if name and not _MEANT.fullmatch(name)},
        kind=row.get("number_kind", ""),
        others=tuple(_others(row)),
    )


def _others(row: Mapping[str, str]) -> Iterator[Line]:
    for place in range(2, MOST_NUMBERS + 1):
        if number := row.get(f"number_{place}", "").lstrip("'"):
            yield Line(
                number=number,
                kind=row.get(f"number_{place}_kind", ""),
                hours=_hours(row.get(f"number_{place}_hours", "")),
            )


def _hours(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";") if part.strip())


def _linked(data: Path | None, tenant: str, work: Callable[[Ask], Awaitable[T]]) -> T:
    async def run(ctx: Context, link: LinkClient) -> T:
        async def call(method: str, **params: Any) -> Any:
            return await link.call(method, {"tenant": tenant or ctx.common.tenants[0], **params}, 30.0)

        return await work(call)

    try:
        return talk_linked(data, "tenant", "campaigns", run, connection="voice-1")
    except LinkError as refused:
        raise AccountError(refused.message) from None
