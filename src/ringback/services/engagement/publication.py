"""Publishing settings, hours and rules: judged as a whole, versioned row by row, withdrawn when gone.

Rows come from the designer's table or from people. The designer publishes its whole table: rows of its own
that are no longer in it are withdrawn; what people have made stays. What a row names cannot be withdrawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from ringback.domain.callbacks import SettingsError, check, kind_of
from ringback.runtime.audit import Change, record
from ringback.runtime.sql import load_queries
from ringback.services.engagement.catalogue import Catalogue, Properties
from ringback.services.engagement.store import Session, Store, moment

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_QUERIES = load_queries("ringback.services.engagement", "publication.sql")
Source = Literal["designer", "console"]
Rows = Mapping[str, Properties | None]
LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Row:
    """One published row."""

    name: str
    properties: Properties
    version: int
    source: str
    at: Any


@dataclass(frozen=True, slots=True)
class RowChange:
    """What becomes of one row; None: it was not there, or is withdrawn."""

    name: str
    before: Properties | None
    after: Properties | None


@dataclass(frozen=True, slots=True)
class Author:
    """Who publishes, from where, and by which way."""

    who: str
    address: str
    source: Source


DESIGNER = Author("designer", "", "designer")


class Publication:
    """Publishes rows of a tenant; one publication of a tenant at a time."""

    def __init__(self, ctx: Context, store: Store, catalogue: Catalogue) -> None:
        self._ctx = ctx
        self._store = store
        self._catalogue = catalogue

    async def rows(self, tenant: str) -> dict[str, Row]:
        """What is published, by name."""
        async with self._store.statement() as session:
            return await _rows(session, tenant)

    async def publish(
        self,
        tenant: str,
        table: Rows,
        author: Author,
        *,
        whole: bool = False,
        dry_run: bool = False,
        expected: Mapping[str, int] | None = None,
    ) -> list[RowChange]:
        """Publish rows, all or none; a row that is None is withdrawn. SettingsError names what is wrong.

        whole: withdraw the author's other rows. dry_run: judge only. expected: versions that must still be
        there (0: none), else StaleError.
        """
        async with self._store.transaction() as session:
            await session.connection.execute(_QUERIES["lock_tenant"], tenant)
            there = await _rows(session, tenant)
            for name, version in (expected or {}).items():
                if (there[name].version if name in there else 0) != version:
                    raise StaleError(f"{name} was changed in between")
            wanted = dict(table)
            if whole:
                gone = {row.name for row in there.values() if row.source == author.source}
                wanted |= dict.fromkeys(gone - wanted.keys())
            judge({name: row.properties for name, row in there.items()}, wanted)
            changes = [
                RowChange(name, there[name].properties if name in there else None, wanted[name])
                for name in sorted(wanted)
            ]
            changes = [change for change in changes if change.before != change.after]
            if not dry_run:
                for change in changes:
                    await self._write(session, tenant, change, author)
        if not dry_run:
            self._catalogue.forget()
        return changes

    async def _write(self, session: Session, tenant: str, change: RowChange, author: Author) -> None:
        now = moment(self._ctx.now())
        text = None if change.after is None else msgspec.json.encode(change.after).decode()
        version = await session.connection.fetchval(
            _QUERIES["add_version"], tenant, change.name, text, author.source, author.who, now
        )
        if text is None:
            await session.connection.execute(_QUERIES["delete_row"], tenant, change.name)
        else:
            row = (tenant, change.name, text, version, author.source, now)
            await session.connection.execute(_QUERIES["put_row"], *row)
        verb = "withdraw" if change.after is None else "publish"
        entry = Change(
            tenant=tenant,
            who=author.who,
            source=author.address,
            action=f"settings.{verb}",
            subject=change.name,
            before=change.before,
            after=change.after,
        )
        await record(session.connection, entry, self._ctx.now())


class StaleError(ValueError):
    """Somebody else has published the row in between."""


def judge(there: Mapping[str, Properties], wanted: Rows) -> None:
    """Raise SettingsError with a reason by cell unless the rows can be published beside what is there."""
    cells: dict[str, str] = {}
    named: list[tuple[str, str, str]] = []
    for name, properties in wanted.items():
        if not name or "\0" in name or len(name) > LONGEST_NAME:
            cells[name[:40]] = f"a name has 1 to {LONGEST_NAME} characters and no U+0000"
        elif properties is not None:
            named += _judge_row(name, properties, cells)
    final = {**there, **{name: row for name, row in wanted.items() if row is not None}}
    for name in wanted:
        if wanted[name] is None:
            final.pop(name, None)
    for name, properties in there.items():
        if name in final and name not in wanted:
            named += [each for each in _references(name, properties) if each[2] in wanted]
    for name, kind, rule in named:
        if kind_of(final.get(rule) or {}) != kind:
            cells[f"{name} {rule[:40]!r}"] = f"no {kind} are published under this name"
    if cells:
        raise SettingsError("; ".join(f"{cell}: {why}" for cell, why in cells.items()), cells)


def _judge_row(name: str, properties: Properties, cells: dict[str, str]) -> list[tuple[str, str, str]]:
    try:
        return [(name, kind, rule) for kind, rule in check(properties).items()]
    except SettingsError as error:
        cells |= {f"{name} {cell}": why for cell, why in error.cells.items()} or {name: str(error)}
        return []


def _references(name: str, properties: Properties) -> list[tuple[str, str, str]]:
    """What a row names that is there already; one that could not be published today names nothing."""
    try:
        return [(name, kind, rule) for kind, rule in check(properties).items()]
    except SettingsError:
        return []


async def _rows(session: Session, tenant: str) -> dict[str, Row]:
    rows = await session.connection.fetch(_QUERIES["read_rows"], tenant)
    return {
        row["service"]: Row(
            row["service"],
            msgspec.json.decode(row["properties"], type=Properties),
            row["version"],
            row["source"],
            row["updated_at"],
        )
        for row in rows
    }


async def versions(session: Session, tenant: str, name: str) -> list[Any]:
    """The rows of a row's versions, newest first."""
    return list(await session.connection.fetch(_QUERIES["read_versions"], tenant, name))
