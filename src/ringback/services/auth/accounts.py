"""Changes of users and keys: each one transaction, with its entry in the audit log."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import msgspec

from ringback.contracts.auth import (
    Actor,
    ApiKeyRequest,
    ApiKeyView,
    KeyRevocation,
    UserChange,
    UserRequest,
    UserView,
    key_digest,
)
from ringback.runtime.audit import Change, record
from ringback.runtime.http import HttpError
from ringback.services.auth.passwords import Passwords
from ringback.services.auth.store import QUERIES, AuthStore, User, can_be_stored, read_user

if TYPE_CHECKING:
    from ringback.runtime.context import Context

PREFIX = 6
"""Characters of a key that are kept readable, to tell keys apart: the other 26 are the secret."""


class Accounts:
    """Users and keys of the tenants that this platform serves; HttpError 404 for another tenant."""

    def __init__(self, ctx: Context, store: AuthStore, passwords: Passwords) -> None:
        self._ctx = ctx
        self._store = store
        self._passwords = passwords

    def check_tenant(self, tenant: str) -> None:
        """Return when the tenant is served here; HttpError 404."""
        if tenant not in self._ctx.common.tenants:
            raise HttpError(404, "unknown_tenant", "this platform has no such tenant")

    async def new_key(self, asked: ApiKeyRequest) -> str:
        """Make a key, which is returned this once; HttpError 409 when the name is taken and may not be."""
        self.check_tenant(asked.tenant)
        key = secrets.token_urlsafe(24)
        row = (key_digest(key), asked.tenant, asked.name, key[:PREFIX], asked.rate, asked.burst)
        after = {"prefix": key[:PREFIX], "rate": asked.rate, "burst": asked.burst}
        async with self._store.connection() as connection:
            found = await connection.fetchrow(QUERIES["lock_key"], asked.tenant, asked.name)
            if found is not None and not asked.replace:
                raise HttpError(
                    409, "name_taken", "there is a key of this name: revoke it, or take another name"
                )
            await connection.execute(QUERIES["put_key"], *row)
            before = None if found is None else _shown(key_view(found))
            await self._note(connection, asked.tenant, asked.by, "key.create", asked.name, before, after)
        return key

    async def revoke_key(self, asked: KeyRevocation) -> None:
        """End a key; HttpError 404."""
        self.check_tenant(asked.tenant)
        async with self._store.connection() as connection:
            found = None
            if can_be_stored(asked.name):
                found = await connection.fetchrow(QUERIES["lock_key"], asked.tenant, asked.name)
            if found is None:
                raise HttpError(404, "unknown_key", "the tenant has no key of this name")
            await connection.execute(QUERIES["delete_key"], asked.tenant, asked.name)
            before = _shown(key_view(found))
            await self._note(connection, asked.tenant, asked.by, "key.revoke", asked.name, before, None)

    async def put_user(self, asked: UserRequest) -> str:
        """Make a user with a random password, which is returned, or change the roles of one that is there.

        HttpError 409 when another tenant has the name.
        """
        self.check_tenant(asked.tenant)
        if unknown := asked.scopes.keys() - set(asked.roles):
            raise HttpError(400, "invalid_body", f"a role is limited that is not given: {min(unknown)}")
        wanted = User(asked.user, asked.tenant, "", asked.roles, asked.scopes)
        if await self._change_roles(wanted, asked.by):
            return ""
        password = secrets.token_urlsafe(12)
        made = msgspec.structs.replace(wanted, password_hash=await self._passwords.hash(password))
        async with self._store.connection() as connection:
            if await connection.fetchval(QUERIES["insert_user"], *_row(made)) is None:
                raise HttpError(409, "name_taken", "another tenant has a user of this name")
            after = _roles(made)
            await self._note(connection, asked.tenant, asked.by, "user.create", asked.user, None, after)
        return password

    async def new_password(self, asked: UserChange) -> str:
        """A new random password; the older one and all tokens of the user end. HttpError 404."""
        password = secrets.token_urlsafe(12)
        hashed = await self._passwords.hash(password)
        async with self._store.connection() as connection:
            await self._locked(connection, asked)
            await connection.execute(QUERIES["change_password"], asked.user, hashed, self._ctx.now())
            await connection.execute(QUERIES["delete_links"], asked.user)
            await self._note(connection, asked.tenant, asked.by, "user.password", asked.user, None, None)
        return password

    async def remove_user(self, asked: UserChange) -> None:
        """Remove a user; HttpError 404."""
        async with self._store.connection() as connection:
            user = await self._locked(connection, asked)
            await connection.execute(QUERIES["delete_user"], asked.user)
            before = _roles(user)
            await self._note(connection, asked.tenant, asked.by, "user.remove", asked.user, before, None)

    async def _change_roles(self, wanted: User, by: Actor) -> bool:
        async with self._store.connection() as connection:
            row = await connection.fetchrow(QUERIES["lock_user"], wanted.name)
            if row is None or row["tenant"] != wanted.tenant:
                return False
            before, after = _roles(read_user(row)), _roles(wanted)
            scopes = msgspec.json.encode(wanted.scopes).decode()
            await connection.execute(QUERIES["change_roles"], wanted.name, list(wanted.roles), scopes)
            if before != after:
                await self._note(connection, wanted.tenant, by, "user.grant", wanted.name, before, after)
        return True

    async def _locked(self, connection: Any, asked: UserChange) -> User:
        self.check_tenant(asked.tenant)
        row = None
        if can_be_stored(asked.user):
            row = await connection.fetchrow(QUERIES["lock_user"], asked.user)
        if row is None or row["tenant"] != asked.tenant:
            raise HttpError(404, "unknown_user", "the tenant has no such user")
        return read_user(row)

    async def _note(
        self,
        connection: Any,
        tenant: str,
        by: Actor,
        action: str,
        subject: str,
        before: object,
        after: object,
    ) -> None:
        change = Change(
            tenant=tenant,
            who=by.who,
            source=by.source,
            action=action,
            subject=subject,
            before=before,
            after=after,
        )
        await record(connection, change, self._ctx.now())


def key_view(row: Any) -> ApiKeyView:
    """A key from its row."""
    return ApiKeyView(
        name=row["name"],
        prefix=row["prefix"],
        created_at=row["created_at"].timestamp(),
        rate=row["rate"],
        burst=row["burst"],
    )


def user_view(user: User) -> UserView:
    """A user as it is shown."""
    return UserView(user=user.name, roles=user.roles, scopes=user.scopes, created_at=user.created_at)


def _shown(view: ApiKeyView) -> dict[str, object]:
    return {"prefix": view.prefix, "rate": view.rate, "burst": view.burst}


def _roles(user: User) -> dict[str, object]:
    return {"roles": sorted(user.roles), "scopes": {role: sorted(user.scopes[role]) for role in user.scopes}}


def _row(user: User) -> tuple[object, ...]:
    scopes = msgspec.json.encode(user.scopes).decode()
    return user.name, user.tenant, user.password_hash, list(user.roles), scopes
