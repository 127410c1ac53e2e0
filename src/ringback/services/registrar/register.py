"""The answer to a REGISTER: whose it is, whether the password is right, what is stored (RFC 3261 10.3)."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from ringback.contracts.followed_configuration import FollowedConfiguration
from ringback.domain.configuration import DN, Extension
from ringback.runtime.http import HttpFailure, HttpUnavailable
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable
from ringback.services.registrar.asked import Asked
from ringback.services.registrar.bindings import Wish, contact_lines, read_wish
from ringback.services.registrar.extensions import Extensions, answer_headers, read_extensions
from ringback.services.registrar.refused import Refused
from ringback.services.registrar.script import Stored
from ringback.services.registrar.store import BindingStore, Done
from ringback.sip import SipParseError
from ringback.sip.digest import DigestServer, Verdict
from ringback.sip.ids import RandomPool

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.registrar.settings import RegistrarSettings

Headers = list[tuple[str, str]]
Answer = tuple[int, str | None, Headers]
Reply = Callable[[Answer], None]
Whose = tuple[str, Extension, Extensions]
REFUSED = (Refused, SipParseError, HttpUnavailable, HttpFailure, ValkeyUnavailable, ValkeyError)
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
        self._first = ctx.common.tenants[0]
        self._realms: dict[str, DigestServer] = {}
        self._issuer = secrets.token_hex(4)
        self._random = RandomPool(os.urandom)
        self.store = BindingStore(ctx, settings.max_bindings)
        self.on_arrival: Callable[[str, Extension], None] = lambda tenant, extension: None
        """Told of a number that has come into service."""

    def answer_now(self, asked: Asked, reply: Reply) -> bool:
        """Call `reply` with the answer, at once or when it is stored; False where `Asking` has to be asked.

        For nearly all: what the configuration says is at hand, and nothing comes into service or out of it.
        """
        tenant, dn = asked.tenant or self._first, asked.dn
        found, (at_hand, number) = self.numbers.tenant_at_hand(tenant), self.numbers.dn_at_hand(tenant, dn)
        # The star is for the other way as a whole: a nonce counts only once.
        if found is None or not at_hand or not dn or "*" in asked.contacts:
            return False
        try:
            extensions, now = read_extensions(asked.request), self._ctx.now()
            extension = self.check(asked, found.domain, number, now)
            if not isinstance(extension, Extension):
                reply(extension)
                return True
            wish, reason = self.wish(asked, extensions, now)
            done = partial(self._done, reply, asked, (tenant, extension, extensions))
            self.store.post(tenant, dn, wish.changes, reason, done, now)
        except REFUSED as error:
            reply(self.refusal(error))
        return True

    def _done(self, reply: Reply, asked: Asked, whose: Whose, done: Done) -> None:
        reply(self.stored(asked, whose, done) if isinstance(done, Stored) else self.refusal(done))

    def check(self, asked: Asked, realm: str, number: DN | None, now: float) -> Extension | Answer:
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
        given = asked.credentials
        extension = number if isinstance(number, Extension) else None
        user, hashes = ("", {}) if extension is None else (extension.user or extension.id, extension.hashes())
        verdict = server.check(given, "REGISTER", user, hashes, now)
        if verdict is Verdict.OK and extension is not None:
            return extension
        if given and verdict is Verdict.WRONG:
            self._ctx.log.info("register_refused", dn=asked.dn)
        challenges = server.challenges(now, self._random(8), stale=verdict is Verdict.STALE)
        return 401, None, [("WWW-Authenticate", value) for value in challenges]

    def wish(self, asked: Asked, extensions: Extensions, now: float) -> tuple[Wish, str]:
        """What is wanted, and the reason if a number goes out of service by it."""
        wish = read_wish(asked, now, self._settings, extensions)
        for change in wish.changes:
            if not change.expires_at:
                return wish, "unregistered"
        return wish, ""

    def stored(self, asked: Asked, whose: Whose, stored: Stored) -> Answer:
        """The 200."""
        tenant, extension, extensions = whose
        if stored.event is not None and stored.bindings:
            self.on_arrival(tenant, extension)
        now = self._ctx.now()
        headers: Headers = [("Contact", line) for line in contact_lines(stored.bindings, now)]
        headers += answer_headers(asked.request, extensions)
        headers.append(("Date", _date(int(now))))
        return 200, None, headers

    def refusal(self, error: Exception) -> Answer:
        """What is said in place of a 200."""
        if isinstance(error, Refused):
            return error.status, error.reason, list(error.headers)
        if isinstance(error, SipParseError):
            return error.status, None, []
        self._ctx.log.warning("register_dependency_away", error=repr(error))
        return 503, None, [("Retry-After", "5")]
