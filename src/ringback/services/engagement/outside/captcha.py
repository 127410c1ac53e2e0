"""reCAPTCHA: whether a person, and not a machine, asks for a callback."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec
from msgspec import field

from ringback.runtime.http import HttpError
from ringback.runtime.valkey import ValkeyUnavailable
from ringback.services.engagement.outside.credentials import CaptchaKeys, Credentials
from ringback.services.engagement.outside.egress import Egress, EgressFailed
from ringback.services.engagement.outside.settings import OutsideSettings

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_ROWS = "ges-3,ges-6"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_OUR_FAULT = frozenset({"missing-input-secret", "invalid-input-secret", "bad-request"})


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of siteverify; `score` comes with V3 only, from 0 (a machine) to 1 (a person)."""

    success: bool
    score: float | None = None
    error_codes: list[str] = field(default_factory=list, name="error-codes")


class CaptchaUndecided(Exception):
    """The captcha service has not judged the token: it is away, or it does not take our secret."""


class Captcha:
    """Judges tokens with the tenant's key sets."""

    def __init__(
        self, ctx: Context, settings: OutsideSettings, credentials: Credentials, egress: Egress
    ) -> None:
        self._ctx = ctx
        self._settings = settings
        self._credentials = credentials
        self._egress = egress

    async def admit(self, tenant: str, token: str | None) -> bool:
        """Whether this token has passed; false: the callback may be created without. HttpError 400 or 503.

        A tenant with no key set for creates asks for none; with several, a token of any of them will do.
        """
        sets = await self._credentials.captcha(tenant)
        asked = {name: keys for name, keys in sets.items() if keys.on_create}
        if not asked:
            return False
        if not token:
            raise HttpError(400, "captcha-missing", "captchaToken is needed")
        if await self._was_kept(tenant, token):
            return True
        judged = await asyncio.gather(
            *[self._judge(name, keys, token) for name, keys in asked.items()], return_exceptions=True
        )
        if any(one is True for one in judged):
            return True
        undecided = [
            (keys, one)
            for keys, one in zip(asked.values(), judged, strict=True)
            if isinstance(one, CaptchaUndecided)
        ]
        for one in judged:
            if isinstance(one, BaseException) and not isinstance(one, CaptchaUndecided):
                raise one
        if not undecided:
            raise HttpError(400, "captcha-refused", "captchaToken did not pass")
        self._undecided(tenant, [keys for keys, _ in undecided], undecided[0][1])
        return False

    async def keep(self, tenant: str, token: str) -> None:
        """Let a token that passed be good once more, for a while: its create found no room."""
        try:
            lasts = ("PX", str(int(self._settings.captcha_grace_s * 1000)))
            await self._ctx.valkey.using("ges-15").call("SET", _kept_key(tenant, token), "1", *lasts)
        except ValkeyUnavailable as error:
            self._ctx.log.warning("captcha_not_kept", tenant=tenant, error=str(error))

    async def _was_kept(self, tenant: str, token: str) -> bool:
        """Whether the token passed before, for a create that found no room; it is used up by this."""
        try:
            valkey = self._ctx.valkey.using("ges-15")
            return await valkey.call("GETDEL", _kept_key(tenant, token)) is not None
        except ValkeyUnavailable:
            return False

    async def verify(self, tenant: str, site_key: str, token: str) -> bool:
        """Whether a token of one key set passes; HttpError 400 for an unknown key, 503 without a verdict."""
        for name, keys in (await self._credentials.captcha(tenant)).items():
            if keys.site_key == site_key:
                try:
                    return await self._judge(name, keys, token)
                except CaptchaUndecided as error:
                    raise _unavailable() from error
        raise HttpError(400, "captcha-key-unknown", "no key set has this siteKey")

    def _undecided(self, tenant: str, sets: list[CaptchaKeys], error: CaptchaUndecided) -> None:
        """Let it pass where every key set without a verdict allows it; HttpError 503."""
        usual = self._settings.captcha_on_failure
        allow = all((keys.on_failure or usual) == "allow" for keys in sets)
        self._ctx.log.warning("captcha_undecided", tenant=tenant, error=str(error), allowed=allow)
        if not allow:
            raise _unavailable() from error

    async def _judge(self, name: str, keys: CaptchaKeys, token: str) -> bool:
        verdict = await self._ask(keys, token)
        if not _OUR_FAULT.isdisjoint(verdict.error_codes):
            self._ctx.log.error("captcha_secret_refused", key_set=name, codes=verdict.error_codes)
            raise CaptchaUndecided("the captcha service does not take the secret key")
        if keys.type == "V3":
            return verdict.success and verdict.score is not None and verdict.score >= keys.threshold
        return verdict.success

    async def _ask(self, keys: CaptchaKeys, token: str) -> Verdict:
        url = keys.verify_url or self._settings.captcha_url
        body = urlencode({"secret": keys.secret_key, "response": token}, errors="replace").encode()
        timeout_s = self._settings.captcha_timeout_s
        try:
            reply = await self._egress.post(url, body, _FORM, timeout_s=timeout_s, rows=_ROWS)
        except EgressFailed as error:
            raise CaptchaUndecided(str(error)) from error
        if reply.status != 200:
            raise CaptchaUndecided(f"status {reply.status}")
        try:
            return msgspec.json.decode(reply.body, type=Verdict)
        except msgspec.MsgspecError as error:
            raise CaptchaUndecided("its answer is no verdict") from error


def _kept_key(tenant: str, token: str) -> str:
    """The token itself is kept nowhere."""
    return f"{{{tenant}}}:captcha:{hashlib.sha256(token.encode(errors='replace')).hexdigest()}"


def _unavailable() -> HttpError:
    return HttpError(
        503, "captcha-unavailable", "the captcha could not be verified; try again", {"Retry-After": "5"}
    )
