"""The answer to a REGISTER: whose it is, whether the password is right, what is stored (RFC 3261 10.3)."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from ringback.contracts.followed_configuration import FollowedConfiguration
from ringback.contracts.sip import HEADER_TENANT
from ringback.domain.configuration import DN, Extension
from ringback.runtime.http import HttpFailure, HttpUnavailable
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable
from ringback.services.registrar.bindings import Wish, contact_lines, read_wish
from ringback.services.registrar.extensions import Extensions, answer_headers, read_extensions
from ringback.services.registrar.refused import Refused
from ringback.services.registrar.store import BindingStore, Done, Stored
from ringback.sip import Request, SipParseError
from ringback.sip.digest import DigestServer, Verdict

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.registrar.settings import RegistrarSettings

Headers = list[tuple[str, str]]
Answer = tuple[int, str | None, Headers]
Reply = Callable[[Answer], None]
Whose = tuple[str, Extension, Extensions]
_REFUSED = (Refused, SipParseError, HttpUnavailable, HttpFailure, ValkeyUnavailable, ValkeyError)
ALLOW = "OPTIONS, REGISTER, SUBSCRIBE"


@lru_cache(2)
def _date(second: int) -> str:
    """The Date header, which many answers of one second have."""
    return formatdate(second, usegmt=True)


class RegisterHandler:
    """Handles REGISTER for every tenant."""

    def __init__(self, ctx: Context, settings: RegistrarSettings, secret: bytes) -> None:
        self._ctx = ctx
        self._settings = settings
        self._secret = secret
        self.numbers = FollowedConfiguration(ctx, http="voice-32", stream="voice-36")
        self._realms: dict[str, DigestServer] = {}
        self._issuer = secrets.token_hex(4)
        self.store = BindingStore(ctx, settings.max_bindings)
        self.on_arrival: Callable[[str, Extension], None] = lambda tenant, extension: None
        """Told of a number that has come into service."""

    async def answer(self, request: Request) -> Answer:
        """Status, reason and headers of the response."""
        try:
            return await self._register(request)
        except _REFUSED as error:
            return self._refusal(error)

    def _refusal(self, error: Exception) -> Answer:
        if isinstance(error, Refused):
            return error.status, error.reason, list(error.headers)
        if isinstance(error, SipParseError):
            return error.status, None, []
        self._ctx.log.warning("register_dependency_away", error=repr(error))
        return 503, None, [("Retry-After", "5")]

    async def _register(self, request: Request) -> Answer:
        if not request.to.uri.is_sip:
            raise Refused(400, "To is not a SIP URI")
        dn = request.to.uri.number
        tenant = request.get(HEADER_TENANT) or self._ctx.common.tenants[0]
        numbers = self.numbers
        found = numbers.tenant_at_hand(tenant) or await numbers.tenant(tenant)
        if found is None or not dn:
            raise Refused(404)
        extensions = read_extensions(request)
        at_hand, number = numbers.dn_at_hand(tenant, dn)
        extension = self._check(request, found.domain, number if at_hand else await numbers.dn(tenant, dn))
        if not isinstance(extension, Extension):
            return extension
        stored = await self._apply(request, tenant, dn, extensions)
        return self._stored(request, tenant, extension, extensions, stored)

    def answer_now(self, request: Request, reply: Reply) -> bool:
        """Call `reply` with the answer, at once or when it is stored; False where `answer` has to be asked.

        For nearly all: what the configuration says is at hand, and nothing comes into service or out of it.
        """
        tenant, dn = request.get(HEADER_TENANT) or self._ctx.common.tenants[0], request.to.uri.number
        found, (at_hand, number) = self.numbers.tenant_at_hand(tenant), self.numbers.dn_at_hand(tenant, dn)
        # The star is for the other way as a whole: a nonce counts only once.
        if (
            found is None
            or not at_hand
            or not (dn and request.to.uri.is_sip)
            or request.get("Contact") == "*"
        ):
            return False
        try:
            extensions = read_extensions(request)
            extension = self._check(request, found.domain, number)
            if not isinstance(extension, Extension):
                reply(extension)
                return True
            wish, reason = self._wish(request, extensions)
            whose = (tenant, extension, extensions)
            self.store.post(tenant, dn, wish.changes, reason, partial(self._done, reply, request, whose))
        except _REFUSED as error:
            reply(self._refusal(error))
        return True

    def _done(self, reply: Reply, request: Request, whose: Whose, done: Done) -> None:
        reply(self._stored(request, *whose, done) if isinstance(done, Stored) else self._refusal(done))

    def _stored(
        self, request: Request, tenant: str, extension: Extension, extensions: Extensions, stored: Stored
    ) -> Answer:
        """The 200."""
        if stored.event is not None and stored.bindings:
            self.on_arrival(tenant, extension)
        now = self._ctx.now()
        headers: Headers = [("Contact", line) for line in contact_lines(stored.bindings, now)]
        headers += answer_headers(request, extensions)
        return 200, None, [*headers, ("Date", _date(int(now)))]

    def _check(self, request: Request, realm: str, number: DN | None) -> Extension | Answer:
        """The extension whose credentials are right, or a challenge; unknown ones are challenged alike."""
        server = self._realms.get(realm)
        if server is None:
            server = self._realms[realm] = DigestServer(
                realm,
                self._secret,
                self._settings.nonce_s,
                self._settings.digest_algorithms,
                issuer=self._issuer,
            )
        given = request.get_all("Authorization")
        extension = number if isinstance(number, Extension) else None
        user, stored = ("", {}) if extension is None else (extension.user or extension.id, extension.hashes())
        verdict = server.check(given, request.method, user, stored, self._ctx.now())
        if given and verdict is Verdict.WRONG:
            self._ctx.log.info("register_refused", dn=request.to.uri.number)
        if verdict is Verdict.OK and extension is not None:
            return extension
        stale = verdict is Verdict.STALE
        challenges = server.challenges(self._ctx.now(), os.urandom(8), stale=stale)
        return 401, None, [("WWW-Authenticate", value) for value in challenges]

    async def _apply(self, request: Request, tenant: str, dn: str, extensions: Extensions) -> Stored:
        wish, reason = self._wish(request, extensions)
        if wish.remove_all:
            return await self.store.remove_all(tenant, dn, request.call_id, request.cseq.number)
        return await self.store.apply(tenant, dn, wish.changes, reason)

    def _wish(self, request: Request, extensions: Extensions) -> tuple[Wish, str]:
        """What is wanted, and the reason if a number goes out of service by it."""
        wish = read_wish(request, self._ctx.now(), self._settings, extensions)
        return wish, "unregistered" if any(not change.expires_at for change in wish.changes) else ""
