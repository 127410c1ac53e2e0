"""API keys and users: kept by the auth service, which also writes their changes into the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import msgspec
from msgspec import Meta

from ringback.contracts.auth import (
    Actor,
    ApiKeyReply,
    ApiKeyRequest,
    ApiKeyView,
    KeyOwner,
    KeyRevocation,
    Scopes,
    UserChange,
    UserReply,
    UserRequest,
    UserView,
    key_digest,
)
from ringback.contracts.auth import Name as AccountName
from ringback.domain.permissions import Action, Role
from ringback.runtime.http import HttpClient, HttpError, HttpFailure, HttpUnavailable
from ringback.services.engagement.management.api import Call, Operation, in_path
from ringback.services.engagement.management.desks import Desks
from ringback.services.engagement.management.relaying import Relay
from ringback.services.engagement.store import moment

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_KEY = in_path("name", "name of the key")
_USER = in_path("name", "name of the user")


class KeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One key, by its first characters. rate, burst: its own limits; null: as set for all."""

    name: str
    prefix: str
    created: datetime
    rate: float | None
    burst: int | None


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key under a name that is free. rate, burst: requests a second and at once, instead of the setting."""

    name: AccountName
    rate: Annotated[float, Meta(gt=0, le=1_000_000)] | None = None
    burst: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None


class KeyMade(msgspec.Struct, frozen=True, kw_only=True):
    """The key: it is shown this once."""

    name: str
    key: str


class KeyCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A key that somebody holds in hand."""

    key: Annotated[str, Meta(max_length=4096)]


class KeyVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether it is a key of this tenant, and its name."""

    valid: bool
    name: str


class UserRow(msgspec.Struct, frozen=True, kw_only=True):
    """One user. scopes: queues that a role is limited to; a role that is not there is for all."""

    name: str
    roles: list[Role]
    scopes: dict[str, list[str]]
    created: datetime


class UserGrants(msgspec.Struct, frozen=True, kw_only=True):
    """What a user is given, in place of what was there."""

    roles: Annotated[tuple[Role, ...], Meta(max_length=10)]
    scopes: Scopes = {}


class UserPassword(msgspec.Struct, frozen=True, kw_only=True):
    """password: shown this once, and empty when the user was there already."""

    name: str
    password: str


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """It is no longer there."""

    name: str


class AccountsRoom:
    """Handlers below `/api/v1/keys` and `/api/v1/users`."""

    def __init__(self, ctx: Context, desks: Desks) -> None:
        self._known_keys = desks.keys
        self._environment = HttpClient(ctx, "auth", "environment", connection="ges-9", timeout_s=5.0)
        configuration = HttpClient(ctx, "auth", "configuration", connection="ges-10", timeout_s=10.0)
        self._key_service = Relay(self._environment, "the auth service")
        self._user_service = Relay(configuration, "the auth service")

    def operations(self) -> list[Operation]:
        """What can be done with keys and users."""
        return [*self._key_operations(), *self._user_operations()]

    def _key_operations(self) -> list[Operation]:
        manage = Action.MANAGE_KEYS
        return [
            Operation("GET", "keys", "listKeys", "The tenant's keys.", self._keys, manage, list[KeyRow]),
            Operation(
                "POST",
                "keys",
                "createKey",
                "A new key, shown this once.",
                self._new_key,
                manage,
                KeyMade,
                body=NewKey,
                refusals=(400, 409),
            ),
            Operation(
                "DELETE",
                "keys/{name}",
                "revokeKey",
                "End a key.",
                self._revoke,
                manage,
                Gone,
                parameters=(_KEY,),
                refusals=(400, 404),
            ),
            Operation(
                "POST",
                "keys/validate",
                "validateKey",
                "Whether something is a key of this tenant.",
                self._validate,
                Action.VALIDATE_KEYS,
                KeyVerdict,
                body=KeyCheck,
            ),
        ]

    def _user_operations(self) -> list[Operation]:
        manage, named = Action.MANAGE_USERS, (_USER,)
        return [
            Operation("GET", "users", "listUsers", "The tenant's users.", self._users, manage, list[UserRow]),
            Operation(
                "PUT",
                "users/{name}",
                "putUser",
                "Make a user with a random password, shown this once, or change what one is given.",
                self._put_user,
                manage,
                UserPassword,
                body=UserGrants,
                parameters=named,
                refusals=(400, 404, 409),
            ),
            Operation(
                "POST",
                "users/{name}/password",
                "resetPassword",
                "A new random password, shown this once; the user's tokens end.",
                self._password,
                manage,
                UserPassword,
                parameters=named,
                refusals=(400, 404),
            ),
            Operation(
                "DELETE",
                "users/{name}",
                "removeUser",
                "Remove a user.",
                self._remove,
                manage,
                Gone,
                parameters=named,
                refusals=(400, 404),
            ),
        ]

    async def _keys(self, call: Call) -> list[KeyRow]:
        path = f"/environment/v3/api-keys?tenant={quote(call.tenant, safe='')}"
        views = await self._key_service.ask("GET", path, None, list[ApiKeyView])
        return [
            KeyRow(
                name=view.name,
                prefix=view.prefix,
                created=moment(view.created_at),
                rate=view.rate,
                burst=view.burst,
            )
            for view in views
        ]

    async def _new_key(self, call: Call) -> KeyMade:
        asked = call.decode(NewKey)
        wanted = ApiKeyRequest(
            tenant=call.tenant,
            name=asked.name,
            replace=False,
            rate=asked.rate,
            burst=asked.burst,
            by=_actor(call),
        )
        reply = await self._key_service.ask("POST", "/environment/v3/api-keys", wanted, ApiKeyReply)
        return KeyMade(name=asked.name, key=reply.key)

    async def _revoke(self, call: Call) -> Gone:
        name = call.part("name")
        wanted = KeyRevocation(tenant=call.tenant, name=name, by=_actor(call))
        await self._key_service.ask("POST", "/environment/v3/api-keys/revoke", wanted, Any)
        self._known_keys.forget()
        return Gone(name=name)

    async def _validate(self, call: Call) -> KeyVerdict:
        path = f"/environment/v3/api-keys/{key_digest(call.decode(KeyCheck).key)}"
        try:
            owner = await self._environment.get(path, KeyOwner)
        except HttpFailure as failure:
            if failure.status != 404:
                raise HttpUnavailable("the environment service does not answer") from failure
            return KeyVerdict(valid=False, name="")
        ours = owner.tenant == call.tenant
        return KeyVerdict(valid=ours, name=owner.name if ours else "")

    async def _users(self, call: Call) -> list[UserRow]:
        path = f"/configuration/v3/users?tenant={quote(call.tenant, safe='')}"
        views = await self._user_service.ask("GET", path, None, list[UserView])
        return [
            UserRow(
                name=view.user,
                roles=sorted(view.roles),
                scopes={role: list(queues) for role, queues in view.scopes.items()},
                created=moment(view.created_at),
            )
            for view in views
        ]

    async def _put_user(self, call: Call) -> UserPassword:
        name, asked = _other(call), call.decode(UserGrants)
        wanted = UserRequest(
            tenant=call.tenant, user=name, roles=asked.roles, scopes=asked.scopes, by=_actor(call)
        )
        reply = await self._user_service.ask("POST", "/configuration/v3/users", wanted, UserReply)
        return UserPassword(name=name, password=reply.password)

    async def _password(self, call: Call) -> UserPassword:
        name = call.part("name")
        wanted = UserChange(tenant=call.tenant, user=name, by=_actor(call))
        path = "/configuration/v3/users/password"
        reply = await self._user_service.ask("POST", path, wanted, UserReply)
        return UserPassword(name=name, password=reply.password)

    async def _remove(self, call: Call) -> Gone:
        name = _other(call)
        wanted = UserChange(tenant=call.tenant, user=name, by=_actor(call))
        await self._user_service.ask("POST", "/configuration/v3/users/remove", wanted, Any)
        return Gone(name=name)


def _other(call: Call) -> str:
    """The user that the path names; HttpError 400 for oneself: nobody locks the last administrator out."""
    name = call.part("name")
    if name == call.caller.user:
        raise HttpError(400, "own-account", "what you are given is changed by somebody else")
    return name


def _actor(call: Call) -> Actor:
    return Actor(who=call.caller.user, source=call.request.peer)
