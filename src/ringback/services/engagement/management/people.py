"""Signing in, and what the user may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from ringback.contracts.auth import TokenReply, TokenRequest
from ringback.domain.permissions import Action
from ringback.runtime.http import HttpClient, HttpError, HttpFailure
from ringback.services.engagement.management.api import Call, Operation

if TYPE_CHECKING:
    from ringback.runtime.context import Context


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """A user's name and password."""

    username: Annotated[str, Meta(min_length=1, max_length=255)]
    password: Annotated[str, Meta(min_length=1, max_length=1024)]


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """For the header `Authorization: Bearer …`; good for so many seconds."""

    access_token: str
    expires_in: int


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """The user of the token. actions: what may be done, each with the queues it may be done to; null: all."""

    user: str
    tenant: str
    roles: list[str]
    actions: dict[str, list[str] | None]


class People:
    """Handlers of `/api/v1/token` and `/api/v1/me`."""

    def __init__(self, ctx: Context) -> None:
        self._auth = HttpClient(ctx, "auth", connection="ges-8", timeout_s=10.0)

    def operations(self) -> list[Operation]:
        """What needs no role."""
        return [
            Operation(
                "POST",
                "token",
                "signIn",
                "A token for a name and a password.",
                self._sign_in,
                None,
                Token,
                body=SignIn,
                refusals=(400, 429),
                signed_in=False,
            ),
            Operation(
                "GET", "me", "getMe", "Whose token it is, and what that user may do.", self._me, None, Me
            ),
        ]

    async def _sign_in(self, call: Call) -> Token:
        asked = call.decode(SignIn)
        wanted = TokenRequest(grant_type="password", username=asked.username, password=asked.password)
        try:
            reply = await self._auth.post("/auth/v3/token", wanted, TokenReply)
        except HttpFailure as failure:
            if failure.status == 429:
                raise HttpError(429, failure.slug, failure.message, {"Retry-After": "60"}) from None
            if failure.status == 401:
                raise HttpError(401, failure.slug, failure.message) from None
            raise
        return Token(access_token=reply.access_token, expires_in=reply.expires_in)

    async def _me(self, call: Call) -> Me:
        grants = call.caller.grants
        found: dict[str, list[str] | None] = {}
        for action in Action:
            scope = grants.scope(action)
            if scope:
                found[action.value] = None if scope.queues is None else sorted(scope.queues)
        return Me(user=call.caller.user, tenant=call.tenant, roles=sorted(grants.roles), actions=found)
