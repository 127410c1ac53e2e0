"""Keys, users and configurations of a running platform, through the services that keep them."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from ringback.commands.showing import columns, present
from ringback.commands.talking import talk, talk_linked
from ringback.contracts.auth import (
    Actor,
    ApiKeyReply,
    ApiKeyRequest,
    ApiKeyView,
    KeyRevocation,
    UserChange,
    UserReply,
    UserRequest,
    UserView,
)
from ringback.domain.configuration import Configuration
from ringback.domain.permissions import ROLES, Role
from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient
from ringback.runtime.link import LinkClient, LinkError

_KEYS = "/environment/v3/api-keys"
_USERS = "/configuration/v3/users"


class AccountError(ValueError):
    """What was asked for is no role, no file, or was refused; the message is for people."""


def create_key(data: Path | None, tenant: str, name: str, rate: float | None, burst: int | None) -> str:
    """A new key under a name that is free."""

    async def ask(ctx: Context, client: HttpClient) -> str:
        asked = ApiKeyRequest(
            tenant=_tenant(ctx, tenant), name=name, replace=False, rate=rate, burst=burst, by=_actor()
        )
        return (await client.post(_KEYS, asked, ApiKeyReply)).key

    return talk(data, "auth", ask, "environment")


def list_keys(data: Path | None, tenant: str, *, as_json: bool) -> None:
    """Print the keys."""

    async def ask(ctx: Context, client: HttpClient) -> list[ApiKeyView]:
        return await client.get(f"{_KEYS}?tenant={_quoted(ctx, tenant)}", list[ApiKeyView])

    views = talk(data, "auth", ask, "environment")
    rows = [(view.name, f"{view.prefix}…", _day(view.created_at), _limits(view)) for view in views]
    _print(views, ("name", "key", "since", "limits"), rows, as_json=as_json)


def revoke_key(data: Path | None, tenant: str, name: str) -> None:
    """End a key."""

    async def ask(ctx: Context, client: HttpClient) -> None:
        asked = KeyRevocation(tenant=_tenant(ctx, tenant), name=name, by=_actor())
        await client.post(f"{_KEYS}/revoke", asked)

    talk(data, "auth", ask, "environment")


def add_user(data: Path | None, tenant: str, user: str, roles: Sequence[str]) -> str:
    """The password of a new user; AccountError when there is one of this name."""
    if user in {view.user for view in _users(data, tenant)}:
        raise AccountError(f"there is a user {user}: `ringback users grant` changes what one is given.")
    return _put(data, tenant, user, roles)


def grant(data: Path | None, tenant: str, user: str, roles: Sequence[str]) -> str:
    """Give a user roles; what was done, for people."""
    if user not in {view.user for view in _users(data, tenant)}:
        raise AccountError(f"there is no user {user}: `ringback users add` makes one.")
    _put(data, tenant, user, roles)
    return f"{user}: {', '.join(roles) or 'no role'}"


def list_users(data: Path | None, tenant: str, *, as_json: bool) -> None:
    """Print the users."""
    views = _users(data, tenant)
    rows = [
        (view.user, ", ".join(_role(view, role) for role in view.roles), _day(view.created_at))
        for view in views
    ]
    _print(views, ("user", "roles", "since"), rows, as_json=as_json)


def new_password(data: Path | None, tenant: str, user: str) -> str:
    """Another password for a user."""
    return _change(data, tenant, user, "password").password


def remove_user(data: Path | None, tenant: str, user: str) -> None:
    """Remove a user."""
    _change(data, tenant, user, "remove")


def import_configuration(data: Path | None, tenant: str, file: Path, *, add: bool) -> int:
    """Send a configuration to the tenant service; how many objects changed. AccountError, OSError."""
    try:
        whole = msgspec.json.decode(file.read_bytes(), type=Configuration)
    except msgspec.MsgspecError as error:
        raise AccountError(f"{file}: {error}") from None

    async def ask(ctx: Context, link: LinkClient) -> int:
        given = {"tenant": _tenant(ctx, tenant), "configuration": msgspec.to_builtins(whole), "add": add}
        return int((await link.call("import", given, timeout=30.0))["changed"])

    try:
        return talk_linked(data, "tenant", "config", ask, connection="voice-4")
    except LinkError as refused:
        raise AccountError(f"{file}: {refused.message}") from None


def read_roles(texts: Sequence[str]) -> tuple[tuple[Role, ...], dict[Role, tuple[str, ...]]]:
    """Roles and the queues they are limited to, from `Monitor` and `Supervisor:CB_Sales,CB_Support`."""
    roles: list[Role] = []
    scopes: dict[Role, tuple[str, ...]] = {}
    for text in texts:
        name, colon, queues = text.partition(":")
        role = next((each for each in ROLES if each.lower() == name.strip().lower()), None)
        if role is None or role in roles:
            raise AccountError(f"a role is one of {', '.join(ROLES)}, each once, not {text!r}.")
        roles.append(role)
        if colon:
            scopes[role] = tuple(queue.strip() for queue in queues.split(",") if queue.strip())
    return tuple(roles), scopes


def _put(data: Path | None, tenant: str, user: str, texts: Sequence[str]) -> str:
    roles, scopes = read_roles(texts)

    async def ask(ctx: Context, client: HttpClient) -> str:
        asked = UserRequest(tenant=_tenant(ctx, tenant), user=user, roles=roles, scopes=scopes, by=_actor())
        return (await client.post(_USERS, asked, UserReply)).password

    return talk(data, "auth", ask, "configuration")


def _change(data: Path | None, tenant: str, user: str, what: str) -> UserReply:
    async def ask(ctx: Context, client: HttpClient) -> UserReply:
        asked = UserChange(tenant=_tenant(ctx, tenant), user=user, by=_actor())
        return await client.post(f"{_USERS}/{what}", asked, UserReply)

    return talk(data, "auth", ask, "configuration")


def _users(data: Path | None, tenant: str) -> list[UserView]:
    async def ask(ctx: Context, client: HttpClient) -> list[UserView]:
        return await client.get(f"{_USERS}?tenant={_quoted(ctx, tenant)}", list[UserView])

    return talk(data, "auth", ask, "configuration")


def _tenant(ctx: Context, given: str) -> str:
    return given or ctx.common.tenants[0]


def _quoted(ctx: Context, given: str) -> str:
    return quote(_tenant(ctx, given), safe="")


def _actor() -> Actor:
    """Whoever types: the name at this machine stands in the audit log."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return Actor(who=f"{name}@{socket.gethostname()}", source="command line")


def _role(view: UserView, role: Role) -> str:
    return f"{role}:{','.join(view.scopes[role])}" if role in view.scopes else role


def _limits(view: ApiKeyView) -> str:
    parts = [f"{view.rate:g}/s"] if view.rate else []
    return ", ".join([*parts, *([f"{view.burst} at once"] if view.burst else [])])


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _print(
    views: Sequence[Any], heads: Sequence[str], rows: Sequence[Sequence[str]], *, as_json: bool
) -> None:
    found = columns(*heads)
    for row in rows:
        found.add_row(*row)
    present(views, found, as_json=as_json)
