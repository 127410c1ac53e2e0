"""Push channels by name: FCM, or an HTTP address of the tenant's own that gets signed notices."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

import msgspec

from ringback.services.engagement.outside.credentials import Credentials, FcmAccount, HttpChannel
from ringback.services.engagement.outside.egress import Egress, EgressFailed
from ringback.services.engagement.outside.fcm import Fcm, retry_after
from ringback.services.engagement.outside.notices import Notice, Refused, TryAgain
from ringback.services.engagement.outside.settings import OutsideSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from ringback.runtime.context import Context

SIGNATURE = "X-Ringback-Signature"
_HTTP_ROWS = "ges-6"


class UnknownChannel(LookupError):
    """The tenant has no push channel of this name."""


class Channels:
    """Delivers notices; `count` is told of each try and whether it went well."""

    def __init__(
        self,
        ctx: Context,
        settings: OutsideSettings,
        credentials: Credentials,
        egress: Egress,
        count: Callable[[bool], None],
    ) -> None:
        self._ctx = ctx
        self._settings = settings
        self._credentials = credentials
        self._egress = egress
        self._fcm = Fcm(ctx, settings, egress)
        self._count = count

    async def send(self, tenant: str, channel: str, notice: Notice, *, validate_only: bool = False) -> str:
        """Deliver; returns the id at the push service. Raises UnknownChannel, Refused or TryAgain."""
        found = (await self._credentials.push(tenant)).get(channel)
        if found is None:
            raise UnknownChannel(channel)
        try:
            if isinstance(found, FcmAccount):
                name = await self._fcm.send(found, notice, validate_only=validate_only)
            else:
                name = await self._post(found, notice, validate_only)
        except EgressFailed as error:
            self._count(False)
            raise TryAgain("no-answer") from error
        except (Refused, TryAgain):
            self._count(False)
            raise
        self._count(True)
        return name

    async def _post(self, channel: HttpChannel, notice: Notice, validate_only: bool) -> str:
        body = msgspec.json.encode(
            {
                "id": notice.id,
                "event": notice.event,
                "target": notice.target,
                "data": notice.data,
                "notification": notice.notification,
                "validateOnly": validate_only,
            }
        )
        signature = sign(channel.secret, int(self._ctx.now()), body)
        headers = {"Content-Type": "application/json", SIGNATURE: signature}
        timeout_s = self._settings.push_timeout_s
        reply = await self._egress.post(channel.url, body, headers, timeout_s=timeout_s, rows=_HTTP_ROWS)
        if 200 <= reply.status < 300:
            return notice.id
        if reply.status in (408, 425, 429) or reply.status >= 500:
            raise TryAgain(f"status-{reply.status}", retry_after(reply))
        raise Refused(f"status-{reply.status}")


def sign(secret: str, time: int, body: bytes) -> str:
    """`t=<seconds since the epoch>,v1=<HMAC-SHA256 of "<t>.<body>", hexadecimal>`."""
    digest = hmac.new(secret.encode(), f"{time}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={time},v1={digest}"
