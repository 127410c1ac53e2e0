"""Users, tokens, API keys and privileges, as the auth service gives them out."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ringback.domain.permissions import Role as Role

PLATFORM = "platform"
"""Who acts when nobody is named: the platform itself."""
Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\w.@+-]+$")]
Queue = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00]+$")]
Scopes = dict[Role, Annotated[tuple[Queue, ...], Meta(max_length=1000)]]


def key_digest(secret: str) -> str:
    """SHA-256 of an API key or an opaque token, in hexadecimal: what is stored and looked up.

    The secrets are random and long, so that a plain digest cannot be turned back.
    """
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /auth/v3/token`."""

    grant_type: Literal["password"]
    username: str
    password: str


class TokenReply(msgspec.Struct, frozen=True, kw_only=True):
    """A token and how long it is good for, in seconds."""

    access_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - the scheme's name


class UserInfo(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /auth/v3/userinfo`: whose token it is. link: it is that of an address, and good to look only."""

    sub: str
    tenant: str
    link: bool = False


class LinkRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /auth/v3/links`: a short opaque token for a user, for an address that is opened in a browser."""

    tenant: str
    user: str
    lifetime_s: int = 7 * 86_400


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for a change, and from where; it stands in the audit log."""

    who: str = PLATFORM
    source: str = ""


class ApiKeyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /environment/v3/api-keys`: a new key under a name.

    replace: an older key of that name ends; else the name must be free. rate, burst: requests a second and
    at once, in place of the setting.
    """

    tenant: str
    name: Name
    replace: bool = True
    rate: Annotated[float, Meta(gt=0, le=1_000_000)] | None = None
    burst: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    by: Actor = Actor()


class ApiKeyReply(msgspec.Struct, frozen=True, kw_only=True):
    """The new key; it is shown this once."""

    key: str


class ApiKeyView(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /environment/v3/api-keys?tenant=`: a key, without itself; `created_at` in seconds of the epoch."""

    name: str
    prefix: str
    created_at: float
    rate: float | None = None
    burst: int | None = None


class KeyRevocation(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /environment/v3/api-keys/revoke`."""

    tenant: str
    name: str
    by: Actor = Actor()


class KeyOwner(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /environment/v3/api-keys/{sha256}`: the tenant that owns a key, and the key's own limits."""

    tenant: str
    name: str
    rate: float | None = None
    burst: int | None = None


class TenantView(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /environment/v3/tenants/{tenant}`: the tenant is served here."""

    tenant: str


class UserRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /configuration/v3/users`: make a user, or change the roles of one that is there.

    scopes: queues that a role is limited to; a role that is not named here is for all.
    """

    tenant: str
    user: Name
    roles: tuple[Role, ...]
    scopes: Scopes = {}
    by: Actor = Actor()


class UserReply(msgspec.Struct, frozen=True, kw_only=True):
    """`password` is empty when the user was there already."""

    user: str
    password: str = ""


class UserChange(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /configuration/v3/users/password` and `…/remove`."""

    tenant: str
    user: str
    by: Actor = Actor()


class UserView(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /configuration/v3/users?tenant=`: one user; `created_at` in seconds of the epoch."""

    user: str
    roles: tuple[Role, ...]
    scopes: Scopes
    created_at: float


class Privileges(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /configuration/v3/users/{user}/privileges`: no roles, no access.

    scopes: queues that a role is limited to; a role that is not named here is for all.
    """

    user: str
    tenant: str
    roles: tuple[Role, ...] = ()
    scopes: Scopes = {}
