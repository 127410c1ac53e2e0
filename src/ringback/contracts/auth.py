"""Users, tokens, API keys and privileges, as the auth service gives them out."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

Role = Literal["Administrator", "Supervisor", "Monitor", "Developer"]


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
    """`GET /auth/v3/userinfo`: whose token it is."""

    sub: str
    tenant: str


class LinkRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /auth/v3/links`: a short opaque token for a user, for an address that is opened in a browser."""

    tenant: str
    user: str
    lifetime_s: int = 7 * 86_400


class ApiKeyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /environment/v3/api-keys`: a new key under a name; an older key of that name ends."""

    tenant: str
    name: str


class ApiKeyReply(msgspec.Struct, frozen=True, kw_only=True):
    """The new key; it is shown this once."""

    key: str


class KeyOwner(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /environment/v3/api-keys/{sha256}`: the tenant that owns a key."""

    tenant: str
    name: str


class UserRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /configuration/v3/users`: make a user, or change the roles of one that is there."""

    tenant: str
    user: str
    roles: tuple[Role, ...]


class UserReply(msgspec.Struct, frozen=True, kw_only=True):
    """`password` is empty when the user was there already."""

    user: str
    password: str = ""


class Privileges(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /configuration/v3/users/{user}/privileges`: no roles, no access."""

    user: str
    tenant: str
    roles: tuple[Role, ...] = ()
