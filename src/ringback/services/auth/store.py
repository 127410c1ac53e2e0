"""Users, keys and links in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from ringback.contracts.auth import KeyOwner, Role, Scopes, UserInfo
from ringback.runtime.sql import load_queries

if TYPE_CHECKING:
    from ringback.runtime.context import Context

QUERIES = load_queries("ringback.services.auth")


class User(msgspec.Struct, frozen=True):
    """One user; `password_hash` is argon2's, `scopes` the queues that a role is limited to."""

    name: str
    tenant: str
    password_hash: str
    roles: tuple[Role, ...]
    scopes: Scopes = {}
    created_at: float = 0.0


def can_be_stored(text: str) -> bool:
    """Whether a name may be asked for in the database."""
    return "\0" not in text and text.isprintable()


def read_user(row: Any) -> User:
    """A user from a row of the table."""
    return User(
        row["name"],
        row["tenant"],
        row["password_hash"],
        tuple(row["roles"]),
        msgspec.json.decode(row["scopes"], type=Scopes),
        row["created_at"].timestamp(),
    )


class AuthStore:
    """Named queries over the pool; PostgresUnavailable when the database is away."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """One transaction."""
        async with self._ctx.postgres.connection() as connection, connection.transaction():
            yield connection

    async def user(self, name: str) -> User | None:
        """The user of that name."""
        if not can_be_stored(name):
            return None
        async with self.connection() as connection:
            row = await connection.fetchrow(QUERIES["read_user"], name)
        return None if row is None else read_user(row)

    async def users(self, tenant: str) -> list[User]:
        """The users of a tenant by name."""
        async with self.connection() as connection:
            return [read_user(row) for row in await connection.fetch(QUERIES["read_users"], tenant)]

    async def keys(self, tenant: str) -> list[Any]:
        """The rows of a tenant's keys by name."""
        async with self.connection() as connection:
            return list(await connection.fetch(QUERIES["read_keys"], tenant))

    async def accepts(self, user: UserInfo, issued_at: float) -> bool:
        """Whether a signed token of the user that was made then is still good."""
        if not can_be_stored(user.sub):
            return False
        async with self.connection() as connection:
            row = (user.sub, user.tenant, issued_at)
            return await connection.fetchval(QUERIES["accepts_token"], *row) is not None

    async def change_hash(self, name: str, password_hash: str) -> None:
        """Store a password hash made with newer parameters."""
        async with self.connection() as connection:
            await connection.execute(QUERIES["change_hash"], name, password_hash)

    async def key_owner(self, digest: str) -> KeyOwner | None:
        """The tenant that owns a key."""
        async with self.connection() as connection:
            row = await connection.fetchrow(QUERIES["read_key"], digest)
        if row is None:
            return None
        return KeyOwner(tenant=row["tenant"], name=row["name"], rate=row["rate"], burst=row["burst"])

    async def put_link(self, digest: str, user: str, expires_at: float, now: float) -> None:
        """Write an opaque token's digest; those that have expired are forgotten."""
        async with self.connection() as connection:
            await connection.execute(QUERIES["forget_links"], now)
            await connection.execute(QUERIES["put_link"], digest, user, expires_at)

    async def link_user(self, digest: str, now: float) -> UserInfo | None:
        """Whose opaque token it is, while it is good."""
        async with self.connection() as connection:
            row = await connection.fetchrow(QUERIES["read_link"], digest, now)
        return None if row is None else UserInfo(sub=row["name"], tenant=row["tenant"], link=True)
