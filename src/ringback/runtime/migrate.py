"""Migrations: numbered SQL files of each service, each run once, in order, in a transaction.

`services/<name>/migrations/0001_pre_what.sql`: `pre` files run before new code starts, `post` files after
the old code is gone, so that both versions can run side by side in between.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

import asyncpg

_NAME = re.compile(r"^(\d{4})_(pre|post)_[a-z0-9_]+\.sql$")
PHASES = ("pre", "post")
_LOCK = 0x52494E47  # one migrator at a time, whoever starts first
_TABLE = """
CREATE TABLE IF NOT EXISTS ringback_migrations (
    service text NOT NULL,
    file text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (service, file)
)
"""


class MigrationError(Exception):
    """A migration that cannot be run; the message names the file and what PostgreSQL said."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of one service."""

    service: str
    file: str
    phase: str
    sql: str


def find_migrations(services: Iterable[str]) -> list[Migration]:
    """Return the migrations of the services in the order in which they run."""
    found = []
    for service in services:
        folder = files("ringback.services").joinpath(service, "migrations")
        if not folder.is_dir():
            continue
        for entry in sorted(folder.iterdir(), key=lambda item: item.name):
            match = _NAME.match(entry.name)
            if match:
                found.append(Migration(service, entry.name, match[2], entry.read_text(encoding="utf-8")))
    return found


def due(waiting: Iterable[Migration], phases: tuple[str, ...]) -> list[Migration]:
    """Those of the phases in their order; MigrationError if an earlier one of its service is left out."""
    chosen: list[Migration] = []
    passed: dict[str, str] = {}
    for migration in waiting:
        if migration.phase not in phases:
            passed.setdefault(migration.service, migration.file)
        elif (earlier := passed.get(migration.service)) is not None:
            raise MigrationError(
                f"{migration.service}/{migration.file} comes after {earlier}, which has not run yet: run the "
                "phase before it first, or stop all processes and run `ringback migrate` without --phase"
            )
        else:
            chosen.append(migration)
    return chosen


async def migrate(dsn: str, services: Iterable[str], phases: tuple[str, ...] = PHASES) -> list[str]:
    """Run what has not run yet; return the names of the files that did.

    Raises MigrationError where one fails, or where an earlier one of another phase has not run yet: nothing
    has been run then that comes after it.
    """
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(_TABLE)
        rows = await connection.fetch("SELECT service, file FROM ringback_migrations")
        done = {(row["service"], row["file"]) for row in rows}
        ran = []
        found = find_migrations(services)
        for migration in due([each for each in found if (each.service, each.file) not in done], phases):
            await _run(connection, migration)
            ran.append(f"{migration.service}/{migration.file}")
        return ran
    finally:
        await connection.close()


async def _run(connection: asyncpg.Connection, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO ringback_migrations (service, file) VALUES ($1, $2)",
                migration.service,
                migration.file,
            )
    except asyncpg.PostgresError as error:
        raise MigrationError(f"{migration.service}/{migration.file}: {error}") from error
