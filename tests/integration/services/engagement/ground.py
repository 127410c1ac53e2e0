"""What the tests of a module share, so that each pays only for a new engagement service.

One database and one auth service a module. Between two tests the tables get back the rows that they had at
the beginning; engagement itself, with its process, its clock and all that it remembers, is new for each.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from ringback.runtime.migrate import migrate
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import PostgresForTests, ValkeyForTests, private_host

_FEW_BYTES = 200_000
_TABLES = """
SELECT format('%I.%I', schemaname, tablename) AS name,
       format('pristine.%I', schemaname || '.' || tablename) AS copy,
       pg_relation_size(format('%I.%I', schemaname, tablename)::regclass) AS bytes
FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'pristine', 'public')
"""


@dataclass(frozen=True, slots=True)
class Ground:
    """A database with the platform's tables, and auth running on it at `host`."""

    host: str
    dsn: str
    auth: ServiceHarness

    async def clean(self) -> None:
        """Every table as it was when auth had started."""
        connection = await asyncpg.connect(self.dsn)
        try:
            tables = await connection.fetch(_TABLES)
            # As a replica: no triggers, so that the audit log can be emptied, and no order among the tables.
            steps = ["SET session_replication_role = replica"]
            for name, _, size in tables:
                # A large one is emptied whole, so that it does not stay large; for small ones that is slow.
                steps.append(f"DELETE FROM {name}" if size < _FEW_BYTES else f"TRUNCATE {name} CASCADE")
            steps += [f"INSERT INTO {name} OVERRIDING SYSTEM VALUE TABLE {copy}" for name, copy, _ in tables]
            await connection.execute("; ".join(steps))
        finally:
            await connection.close()


@asynccontextmanager
async def new_ground(valkey: ValkeyForTests, postgres: PostgresForTests) -> AsyncIterator[Ground]:
    """A ground of its own, at an address of its own."""
    await valkey.server.start()
    dsn = await postgres.fresh()
    await migrate(dsn, ["auth", "engagement"])
    host = private_host()
    async with ServiceHarness("auth", valkey_url=valkey.url, postgres_dsn=dsn, host=host) as auth:
        await _remember(dsn)
        yield Ground(host, dsn, auth)
    await postgres.drop_fresh(dsn)


async def _remember(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch(_TABLES)
        await connection.execute("CREATE SCHEMA pristine")
        for name, copy, _ in tables:
            await connection.execute(f"CREATE TABLE {copy} AS TABLE {name}")
    finally:
        await connection.close()
