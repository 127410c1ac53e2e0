"""Who may do what: the platform's services, supervisors with a token, owners with the mailbox's PIN."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING
from urllib.parse import quote

from msgspec.json import decode

from ringback.contracts.auth import Privileges, UserInfo
from ringback.domain.configuration import Mailbox
from ringback.runtime.http import CLUSTER_HEADER, HttpClient, HttpError, HttpFailure, HttpRequest
from ringback.services.voicemail.mailboxes import Mailboxes, unauthorised

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_ADMINISTRATORS = frozenset({"Administrator", "Supervisor"})


class Access:
    """Checks one request."""

    def __init__(self, ctx: Context, mailboxes: Mailboxes) -> None:
        self._ctx = ctx
        self._mailboxes = mailboxes
        self._users = HttpClient(ctx, "auth")
        self._roles = HttpClient(ctx, "auth", "configuration")

    async def administer(self, request: HttpRequest, tenant: str) -> None:
        """Let a service of ours pass, or a supervisor of the tenant; 401 and 403 for anybody else."""
        if self._is_ours(request):
            return
        if (token := _authorization(request, "bearer")) is None:
            raise HttpError(401, "no_token", "a bearer token is needed", {"WWW-Authenticate": "Bearer"})
        if not await self._supervises(token, tenant):
            raise HttpError(403, "not_allowed", "supervisors of the tenant may do this")

    async def use(self, request: HttpRequest, tenant: str, mailbox: Mailbox) -> None:
        """Let the owner pass with the PIN, and whoever may administer."""
        if _authorization(request, "basic") is None:
            await self.administer(request, tenant)
            return
        await self._mailboxes.check_pin(tenant, mailbox, _pin_of(request, mailbox.id))

    def presented(self, request: HttpRequest) -> bool:
        """Whether the request shows anything at all; without it not even the name of a mailbox is told."""
        shown = (_authorization(request, scheme) for scheme in ("basic", "bearer"))
        return self._is_ours(request) or any(value is not None for value in shown)

    def _is_ours(self, request: HttpRequest) -> bool:
        secret = self._ctx.common.cluster_secret
        given = request.headers.get(CLUSTER_HEADER, "")
        return bool(secret) and hmac.compare_digest(secret.encode(), given.encode())

    async def _supervises(self, token: str, tenant: str) -> bool:
        headers = {"Authorization": f"Bearer {token}"}
        try:
            reply = await self._users.request("GET", "/auth/v3/userinfo", headers=headers, retry=True)
            user = decode(reply.body, type=UserInfo)
            path = f"/configuration/v3/users/{quote(user.sub, safe='')}/privileges"
            granted = await self._roles.get(path, Privileges)
        except HttpFailure as failure:
            if failure.status >= 500:
                raise
            raise HttpError(
                401, "invalid_token", "the token is not good", {"WWW-Authenticate": "Bearer"}
            ) from None
        return granted.tenant == tenant and not _ADMINISTRATORS.isdisjoint(granted.roles)


def _authorization(request: HttpRequest, wanted: str) -> str | None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value if value and scheme.lower() == wanted else None


def _pin_of(request: HttpRequest, mailbox: str) -> str:
    """The PIN of an HTTP Basic header (RFC 7617) whose user is the mailbox; 401 for anything else."""
    try:
        plain = base64.b64decode(_authorization(request, "basic") or "", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise unauthorised() from None
    user, found, pin = plain.partition(":")
    if not found or user != mailbox:
        raise unauthorised()
    return pin
