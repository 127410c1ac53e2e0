"""Who may look at the status page: a token that auth knows, of a user with a role."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from ringback.contracts.auth import Privileges, UserInfo, key_digest
from ringback.runtime.http import HttpClient, HttpError, HttpFailure, HttpUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_REMEMBER_S = 10.0
_REMEMBERED = 1_000
_LONGEST_TOKEN = 4_096


class Access:
    """Token to tenant: identity from authentication, roles from configuration. No role, no access."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._identity = HttpClient(ctx, "auth", connection="ges-8", timeout_s=3.0)
        self._roles = HttpClient(ctx, "auth", "configuration", connection="ges-10", timeout_s=3.0)
        self._known: dict[str, tuple[float, str]] = {}
        self.auth_reachable = True
        self.configuration_reachable = True

    async def tenant_of(self, token: str) -> str:
        """The tenant that the token's user may look at; HttpError 401 or 403."""
        if not token or len(token) > _LONGEST_TOKEN:
            raise HttpError(
                401, "token-missing", "Open the address that was printed when the platform started."
            )
        digest = key_digest(token)
        until, tenant = self._known.get(digest, (0.0, ""))
        if self._ctx.monotonic() < until:
            return tenant
        user = await self._user(token)
        if not (await self._privileges(user)).roles:
            raise HttpError(403, "no-role", "This user has no role that may look at the platform.")
        while len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[digest] = (self._ctx.monotonic() + _REMEMBER_S, user.tenant)
        return user.tenant

    async def _user(self, token: str) -> UserInfo:
        headers = {"Authorization": f"Bearer {token}"}
        try:
            reply = await self._identity.request("GET", "/auth/v3/userinfo", headers=headers)
        except HttpFailure as failure:
            self.auth_reachable = True
            raise HttpError(
                401,
                "token-wrong",
                "This token is not known, or it is over: open the address printed at the last start.",
            ) from failure
        except (HttpUnavailable, ValueError) as error:
            self.auth_reachable = not isinstance(error, HttpUnavailable)
            raise HttpUnavailable("authentication is away") from error
        self.auth_reachable = True
        return msgspec.json.decode(reply.body, type=UserInfo)

    async def _privileges(self, user: UserInfo) -> Privileges:
        path = f"/configuration/v3/users/{quote(user.sub, safe='')}/privileges"
        try:
            privileges = await self._roles.get(path, Privileges)
        except HttpUnavailable:
            self.configuration_reachable = False
            raise
        except HttpFailure as failure:
            raise HttpError(
                403, "no-role", "This user has no role that may look at the platform."
            ) from failure
        self.configuration_reachable = True
        return privileges
