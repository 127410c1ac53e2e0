"""REGISTER whose answer takes more than a look: the configuration is asked first, or all bindings go."""

from __future__ import annotations

from collections.abc import Callable

from ringback.domain.configuration import Extension
from ringback.services.registrar.asked import Asked
from ringback.services.registrar.extensions import Extensions, read_extensions
from ringback.services.registrar.refused import Refused
from ringback.services.registrar.register import REFUSED, Answer, RegisterHandler
from ringback.services.registrar.script import Stored
from ringback.sip import Request


class Asking:
    """Does what `RegisterHandler.answer_now` leaves."""

    def __init__(self, handler: RegisterHandler, first_tenant: str, now: Callable[[], float]) -> None:
        self._handler = handler
        self._first = first_tenant
        self._now = now

    async def answer(self, request: Request) -> Answer:
        """Status, reason and headers of the response."""
        try:
            return await self._register(Asked.of(request))
        except REFUSED as error:
            return self._handler.refusal(error)

    async def _register(self, asked: Asked) -> Answer:
        handler, tenant, dn = self._handler, asked.tenant or self._first, asked.dn
        if asked.request is not None and not asked.request.to.uri.is_sip:
            raise Refused(400, "To is not a SIP URI")
        numbers = handler.numbers
        found = numbers.tenant_at_hand(tenant) or await numbers.tenant(tenant)
        if found is None or not dn:
            raise Refused(404)
        extensions = read_extensions(asked.request)
        at_hand, number = numbers.dn_at_hand(tenant, dn)
        number = number if at_hand else await numbers.dn(tenant, dn)
        extension = handler.check(asked, found.domain, number, self._now())
        if not isinstance(extension, Extension):
            return extension
        stored = await self._apply(asked, tenant, dn, extensions)
        return handler.stored(asked, (tenant, extension, extensions), stored)

    async def _apply(self, asked: Asked, tenant: str, dn: str, extensions: Extensions) -> Stored:
        handler = self._handler
        wish, reason = handler.wish(asked, extensions, self._now())
        if wish.remove_all:
            return await handler.store.remove_all(tenant, dn, asked.call_id, asked.cseq)
        return await handler.store.apply(tenant, dn, wish.changes, reason)
