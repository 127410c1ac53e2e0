"""Who asks, and what that user may do: identity from authentication, the tenant from environment, roles and
queues from configuration. What was found is remembered for a moment, so that what is revoked ends soon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from ringback.contracts.auth import Privileges, TenantView, UserInfo, key_digest
from ringback.domain.permissions import Grants, grants
from ringback.runtime.bounded import Bounded
from ringback.runtime.http import HttpClient, HttpError, HttpFailure, HttpUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_REMEMBERED = 1_000
_LONGEST_TOKEN = 4_096


@dataclass(frozen=True, slots=True)
class Caller:
    """A user whose token is good, with what the user was given; that may be nothing."""

    user: str
    tenant: str
    grants: Grants


class Access:
    """Token to caller. No role, no access."""

    def __init__(self, ctx: Context, remember_s: float) -> None:
        self._ctx = ctx
        self._remember_s = remember_s
        self._identity = HttpClient(ctx, "auth", connection="ges-8", timeout_s=3.0)
        self._environment = HttpClient(ctx, "auth", "environment", connection="ges-9", timeout_s=3.0)
        self._roles = HttpClient(ctx, "auth", "configuration", connection="ges-10", timeout_s=3.0)
        self._known = Bounded[str, tuple[float, Caller]](_REMEMBERED)
        self.auth_reachable = True
        self.configuration_reachable = True

    async def tenant_of(self, token: str) -> str:
        """The tenant that the token's user may look at; HttpError 401 or 403."""
        caller = await self.caller_of(token)
        if not caller.grants.roles:
            raise HttpError(403, "no-role", "This user has no role that may look at the platform.")
        return caller.tenant

    async def caller_of(self, token: str) -> Caller:
        """Whose token it is; HttpError 401."""
        if not token or len(token) > _LONGEST_TOKEN:
            raise HttpError(
                401, "token-missing", "Open the address that was printed when the platform started."
            )
        digest = key_digest(token)
        until, caller = self._known.get(digest, (0.0, None))
        if caller is None or self._ctx.monotonic() >= until:
            caller = await self._ask(token)
            self._known[digest] = (self._ctx.monotonic() + self._remember_s, caller)
        return caller

    async def _ask(self, token: str) -> Caller:
        user = await self._user(token)
        await self._check_tenant(user)
        privileges = await self._privileges(user)
        return Caller(user.sub, user.tenant, grants(privileges.roles, privileges.scopes, looking=user.link))

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

    async def _check_tenant(self, user: UserInfo) -> None:
        try:
            await self._environment.get(f"/environment/v3/tenants/{quote(user.tenant, safe='')}", TenantView)
        except HttpFailure as failure:
            raise HttpError(401, "token-wrong", "The tenant of this user is not served here.") from failure

    async def _privileges(self, user: UserInfo) -> Privileges:
        path = f"/configuration/v3/users/{quote(user.sub, safe='')}/privileges"
        try:
            privileges = await self._roles.get(path, Privileges)
        except HttpUnavailable:
            self.configuration_reachable = False
            raise
        except HttpFailure as failure:
            if failure.status != 404:
                raise HttpUnavailable("configuration does not answer") from failure
            privileges = Privileges(user=user.sub, tenant=user.tenant)
        self.configuration_reachable = True
        return privileges
