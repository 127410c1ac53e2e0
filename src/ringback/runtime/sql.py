"""PostgreSQL: the pool, and SQL that lives in `.sql` files under names.

A file holds queries that each begin with a line `-- name: insert_callback`; what follows, up to the next
such line, is the query.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from typing import Any

import asyncpg

_ACQUIRE_S = 3.0


class PostgresUnavailable(ConnectionError):
    """The database cannot be reached."""


class Queries(dict[str, str]):
    """Queries by name."""

    def __missing__(self, name: str) -> str:
        raise KeyError(f"no query {name}; there are: {', '.join(self)}")


def load_queries(package: str, file: str = "queries.sql") -> Queries:
    """Read the named queries of one file of a package."""
    queries, name, lines = Queries(), "", list[str]()
    text = files(package).joinpath(file).read_text(encoding="utf-8")
    for line in [*text.splitlines(), "-- name: "]:
        if line.startswith("-- name:"):
            if name:
                queries[name] = "\n".join(lines).strip()
            name, lines = line.removeprefix("-- name:").strip(), []
        else:
            lines.append(line)
    return queries


class Postgres:
    """The pool of one process; opened in the background and again after the server was away."""

    def __init__(self, dsn: str, *, name: str = "ringback", max_size: int = 8) -> None:
        self._dsn = dsn
        self._name = name
        self._max_size = max_size
        self._pool: asyncpg.Pool | None = None
        self._opening: asyncio.Task[None] | None = None

    @property
    def pool(self) -> asyncpg.Pool:
        """The asyncpg pool; PostgresUnavailable before the first connect."""
        if self._pool is None:
            raise PostgresUnavailable("not connected to PostgreSQL")
        return self._pool

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy]:
        """A connection for the block; PostgresUnavailable when the server is away, or goes meanwhile."""
        try:
            async with self.pool.acquire(timeout=_ACQUIRE_S) as connection:
                yield connection
        except Exception as error:
            if not is_unavailable(error) or isinstance(error, PostgresUnavailable):
                raise
            raise PostgresUnavailable(f"PostgreSQL is away: {error!r}") from error

    async def start(self, timeout: float = 15.0) -> None:
        """Open the pool; PostgresUnavailable when the server cannot be reached in `timeout` seconds."""
        deadline = asyncio.get_running_loop().time() + timeout
        while True:
            try:
                self._pool = await asyncpg.create_pool(
                    self._dsn,
                    min_size=1,
                    max_size=self._max_size,
                    command_timeout=10.0,
                    reset=_leave_as_it_is,
                    server_settings={"application_name": self._name, "TimeZone": "UTC"},
                )
                return
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise PostgresUnavailable(f"PostgreSQL cannot be reached: {error}") from error
                await asyncio.sleep(0.1)

    async def alive(self) -> bool:
        """Whether a query is answered within a second."""
        try:
            async with asyncio.timeout(1.0):
                await self.pool.fetchval("SELECT 1")
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        return True

    async def stop(self) -> None:
        """Close the pool."""
        if self._pool is None:
            return
        with suppress(TimeoutError, OSError, asyncpg.PostgresError):
            async with asyncio.timeout(2.0):
                await self._pool.close()
        self._pool.terminate()
        self._pool = None


async def _leave_as_it_is(_connection: object) -> None:
    """Nothing here changes a session, so a connection goes back without a round trip."""


def is_unavailable(error: BaseException) -> bool:
    """Whether a database error means that the server is away (worth trying again) and not our mistake."""
    away: tuple[Any, ...] = (
        OSError,
        TimeoutError,
        asyncpg.InterfaceError,
        asyncpg.PostgresConnectionError,
        asyncpg.CannotConnectNowError,
        asyncpg.AdminShutdownError,
        asyncpg.CrashShutdownError,
        asyncpg.TooManyConnectionsError,
    )
    return isinstance(error, away)
