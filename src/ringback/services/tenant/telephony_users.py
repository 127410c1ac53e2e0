"""Whose token it is, and what that user may do at the telephony link."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from ringback.contracts.auth import Privileges, UserInfo
from ringback.contracts.configuration import ConfigClient
from ringback.domain.configuration import Person
from ringback.runtime.http import HttpClient, HttpFailure
from ringback.runtime.link import LinkError
from ringback.services.tenant.telephony_desk import ASKING, FORBIDDEN, HEARING, Rights

if TYPE_CHECKING:
    from ringback.runtime.context import Context

UNAUTHORIZED = 401
_LONGEST_TOKEN = 4096


class TelephonyUsers:
    """Asks authentication for the user, and the configuration for the agent behind the user."""

    def __init__(self, ctx: Context, config: ConfigClient) -> None:
        self._ctx = ctx
        self._config = config
        self._identity = HttpClient(ctx, "auth", timeout_s=3.0)
        self._roles = HttpClient(ctx, "auth", "configuration", timeout_s=3.0)

    async def rights(self, token: str) -> Rights:
        """What the bearer may do. LinkError 401 or 403; ConnectionError when authentication is away."""
        user = await self._user(token)
        if user.tenant not in self._ctx.common.tenants:
            raise LinkError(FORBIDDEN, "this user's tenant is not served here")
        roles = frozenset(await self._roles_of(user.sub))
        person = await self._person(user)
        if person is None and not roles & HEARING:
            raise LinkError(FORBIDDEN, "this user is no agent and has no role that may listen")
        return Rights(
            tenant=user.tenant,
            agent=person.id if person else "",
            names=frozenset(person.login_ids) if person else frozenset(),
            own_dn=person.dn if person else "",
            asks_all=bool(roles & ASKING),
            hears_all=bool(roles & HEARING),
        )

    async def _user(self, token: str) -> UserInfo:
        if not token or len(token) > _LONGEST_TOKEN or not token.isascii() or not token.isprintable():
            raise LinkError(UNAUTHORIZED, "a token is needed")
        try:
            reply = await self._identity.request(
                "GET", "/auth/v3/userinfo", headers={"Authorization": f"Bearer {token}"}
            )
        except HttpFailure as failure:
            raise LinkError(UNAUTHORIZED, "this token is not good, or no longer") from failure
        return msgspec.json.decode(reply.body, type=UserInfo)

    async def _roles_of(self, user: str) -> tuple[str, ...]:
        try:
            path = f"/configuration/v3/users/{quote(user, safe='')}/privileges"
            return (await self._roles.get(path, Privileges)).roles
        except HttpFailure:
            return ()

    async def _person(self, user: UserInfo) -> Person | None:
        person = await self._config.person(user.tenant, user.sub)
        if person is None:
            everybody = await self._config.persons(user.tenant)
            person = next((each for each in everybody if user.sub in each.login_ids), None)
        return person if person and person.enabled else None
