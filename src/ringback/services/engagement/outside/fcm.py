"""Firebase Cloud Messaging, HTTP v1: a bearer token for the account, a message to a device."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec
from joserfc import jwt

from ringback.services.engagement.outside.credentials import FcmAccount, signing_key
from ringback.services.engagement.outside.egress import Egress
from ringback.services.engagement.outside.notices import Notice, Refused, TryAgain
from ringback.services.engagement.outside.settings import OutsideSettings

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.runtime.http import HttpReply

_ROWS = "ges-4,ges-6"
_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_ASSERTION_S = 3600
_EARLY_S = 60.0
_RETRIED = frozenset({429, 500, 502, 503, 504})


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of the token endpoint (RFC 6749 5.1); `expires_in` in seconds."""

    access_token: str
    expires_in: int = 3600


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """A detail of an error; FCM's own code stands in one of them."""

    error_code: str = msgspec.field(default="", name="errorCode")


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Google's form of an error."""

    status: str = ""
    details: list[Detail] = []


class SendReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `messages:send`: the message's name, or what was wrong."""

    name: str = ""
    error: Failure | None = None


class Fcm:
    """Sends with any tenant's account; bearer tokens are kept until a minute before their end."""

    def __init__(self, ctx: Context, settings: OutsideSettings, egress: Egress) -> None:
        self._ctx = ctx
        self._settings = settings
        self._egress = egress
        self._bearers: dict[FcmAccount, tuple[float, str]] = {}
        self._asking: defaultdict[FcmAccount, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def send(self, account: FcmAccount, notice: Notice, *, validate_only: bool = False) -> str:
        """Deliver one notice; returns the message's name. Raises Refused, TryAgain or EgressFailed."""
        reply = await self._once(account, notice, validate_only)
        if reply.status == 401:  # the token was withdrawn before its time
            self._bearers.pop(account, None)
            reply = await self._once(account, notice, validate_only)
        found = _decode(reply)
        if reply.status == 200 and found.name:
            return found.name
        code = _code(found) or f"status-{reply.status}"
        if reply.status in _RETRIED:
            raise TryAgain(code, retry_after(reply))
        raise Refused(code)

    async def _once(self, account: FcmAccount, notice: Notice, validate_only: bool) -> HttpReply:
        bearer = await self._bearer(account)
        base = account.base_url or self._settings.fcm_url
        url = f"{base.rstrip('/')}/v1/projects/{account.project_id}/messages:send"
        headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
        body = msgspec.json.encode(_request(notice, validate_only))
        timeout_s = self._settings.push_timeout_s
        return await self._egress.post(url, body, headers, timeout_s=timeout_s, rows=_ROWS)

    async def _bearer(self, account: FcmAccount) -> str:
        async with self._asking[account]:
            until, bearer = self._bearers.get(account, (0.0, ""))
            if self._ctx.monotonic() < until:
                return bearer
            grant = await self._grant(account)
            until = self._ctx.monotonic() + grant.expires_in - _EARLY_S
            self._bearers[account] = (until, grant.access_token)
            return grant.access_token

    async def _grant(self, account: FcmAccount) -> Grant:
        """Ask for a bearer token with a signed assertion (RFC 7523 2.1)."""
        body = urlencode({"grant_type": _GRANT, "assertion": self._assertion(account)}).encode()
        timeout_s = self._settings.push_timeout_s
        reply = await self._egress.post(account.token_uri, body, _FORM, timeout_s=timeout_s, rows=_ROWS)
        if reply.status in _RETRIED:
            raise TryAgain("token-unavailable", retry_after(reply))
        if reply.status != 200:
            raise Refused("token-refused")
        try:
            return msgspec.json.decode(reply.body, type=Grant)
        except msgspec.MsgspecError:
            raise TryAgain("token-unreadable") from None

    def _assertion(self, account: FcmAccount) -> str:
        now = int(self._ctx.now())
        claims = {
            "iss": account.client_email,
            "scope": _SCOPE,
            "aud": account.token_uri,
            "iat": now,
            "exp": now + _ASSERTION_S,
        }
        header = {"alg": "RS256", "typ": "JWT"}
        if account.private_key_id:
            header["kid"] = account.private_key_id
        return jwt.encode(header, claims, signing_key(account))


def retry_after(reply: HttpReply) -> float:
    """Seconds that an answer asks to wait; 0 when it does not say."""
    text = reply.headers.get("Retry-After", "")
    return min(float(text), 3600.0) if text.isascii() and text.isdigit() else 0.0


def _request(notice: Notice, validate_only: bool) -> dict[str, object]:
    message: dict[str, object] = {"token": notice.target}
    if notice.notification is not None:
        message["notification"] = notice.notification
    if notice.data:
        message["data"] = notice.data
    return {"validate_only": validate_only, "message": message}


def _decode(reply: HttpReply) -> SendReply:
    try:
        return msgspec.json.decode(reply.body, type=SendReply)
    except msgspec.MsgspecError:
        return SendReply()


def _code(found: SendReply) -> str:
    if found.error is None:
        return ""
    return next((each.error_code for each in found.error.details if each.error_code), found.error.status)
