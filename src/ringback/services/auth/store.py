"""Users, keys and links in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ringback.contracts.auth import KeyOwner, UserInfo
from ringback.runtime.sql import PostgresUnavailable, is_unavailable, load_queries

if TYPE_CHECKING:
    from ringback.runtime.context import Context

QUERIES = load_queries("ringback.services.auth")
_ACQUIRE_S = 3.0


@dataclass(frozen=True, slots=True)
class User:
    """One user; `password_hash` is argon2's."""

    name: str
    tenant: str
    password_hash: str
    roles: tuple[str, ...]


def _can_be_stored(text: str) -> bool:
    return "\0" not in text and text.isprintable()


class AuthStore:
    """Named queries over the pool; PostgresUnavailable when the database is away."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """One transaction."""
        try:
            async with (
                self._ctx.postgres.pool.acquire(timeout=_ACQUIRE_S) as connection,
                connection.transaction(),
            ):
                yield connection
        except Exception as error:
            if not is_unavailable(error) or isinstance(error, PostgresUnavailable):
                raise
            raise PostgresUnavailable(f"PostgreSQL is away: {error!r}") from error

    async def user(self, name: str) -> User | None:
        """The user of that name."""
        if not _can_be_stored(name):
            return None
        async with self.connection() as connection:
            row = await connection.fetchrow(QUERIES["read_user"], name)
        return (
            None
            if row is None
            else User(row["name"], row["tenant"], row["password_hash"], tuple(row["roles"]))
        )

    async def add_user(self, user: User) -> bool:
        """Write a new user; False when the name is taken."""
        async with self.connection() as connection:
            made = await connection.fetchval(
                QUERIES["insert_user"], user.name, user.tenant, user.password_hash, list(user.roles)
            )
        return made is not None

    async def change_roles(self, name: str, tenant: str, roles: tuple[str, ...]) -> bool:
        """Give a user other roles; False when the tenant has no such user."""
        async with self.connection() as connection:
            return await connection.fetchval(QUERIES["change_roles"], name, tenant, list(roles)) is not None

    async def change_hash(self, name: str, password_hash: str) -> None:
        """Store a password hash made with newer parameters."""
        async with self.connection() as connection:
            await connection.execute(QUERIES["change_hash"], name, password_hash)

    async def put_key(self, tenant: str, name: str, digest: str) -> None:
        """Write an API key's digest under a name; the older key of that name ends."""
        async with self.connection() as connection:
            await connection.execute(QUERIES["put_key"], digest, tenant, name)

    async def key_owner(self, digest: str) -> KeyOwner | None:
        """The tenant that owns a key."""
        async with self.connection() as connection:
            row = await connection.fetchrow(QUERIES["read_key"], digest)
        return None if row is None else KeyOwner(tenant=row["tenant"], name=row["name"])

    async def put_link(self, digest: str, user: str, expires_at: float, now: float) -> None:
        """Write an opaque token's digest; those that have expired are forgotten."""
        async with self.connection() as connection:
            await connection.execute(QUERIES["forget_links"], now)
            await connection.execute(QUERIES["put_link"], digest, user, expires_at)

    async def link_user(self, digest: str, now: float) -> UserInfo | None:
        """Whose opaque token it is, while it is good."""
        async with self.connection() as connection:
            row = await connection.fetchrow(QUERIES["read_link"], digest, now)
        return None if row is None else UserInfo(sub=row["name"], tenant=row["tenant"])
