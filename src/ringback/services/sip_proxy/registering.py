"""REGISTER on its ordinary way to a registrar, and what its answer says of who has asked."""

from __future__ import annotations

from collections.abc import Awaitable

from ringback.contracts.sip import HEADER_RECEIVED, HEADER_TENANT
from ringback.domain.configuration import Tenant
from ringback.runtime.http import HttpFailure, HttpUnavailable
from ringback.services.sip_proxy.bans import Offence
from ringback.services.sip_proxy.core import ProxyCore
from ringback.services.sip_proxy.refusals import Why
from ringback.services.sip_proxy.targets import Outcome, Target
from ringback.sip import Request
from ringback.sip.exchange import ServerTransaction
from ringback.sip.transport import Source

_RETRY_S = 5


class Registering:
    """Sends REGISTER on to the registrars, with transactions: whatever is in it, whoever is away."""

    def __init__(self, core: ProxyCore) -> None:
        self._core = core
        self._ctx = core.ctx

    def on_request(self, tx: ServerTransaction, request: Request) -> Awaitable[None] | None:
        """Pass any REGISTER on; nearly always all that is needed is at hand."""
        hosts = (request.to.uri.host, request.uri.host)
        tenants = self._core.callers.tenants_at_hand()
        if tenants is None:
            return self._ask_whose(tx, request, hosts)
        self._forward(tx, request, self._core.callers.pick(tenants, hosts))
        return None

    async def _ask_whose(self, tx: ServerTransaction, request: Request, hosts: tuple[str, ...]) -> None:
        try:
            tenant = await self._core.callers.tenant_of(*hosts)
        except (HttpUnavailable, HttpFailure):
            self._core.refusals.turn(Why.LOOKUP)
            self._core.reply(tx, 503, [("Retry-After", str(_RETRY_S))])
        else:
            self._forward(tx, request, tenant)

    def _forward(self, tx: ServerTransaction, request: Request, tenant: Tenant | None) -> None:
        core, source = self._core, tx.source
        if tenant is None:
            core.reply(tx, 404)
            core.guard.offend(source, Offence.STRANGER)
            return
        headers = self.headers(tenant, source)
        groups = [
            [Target("registrar", name, "inside", place, headers=headers)]
            for name, place in core.directory.registrar_order(self._ctx.monotonic())[: core.settings.attempts]
        ]

        def done(outcome: Outcome) -> None:
            proves = request.has("Authorization")
            self.ended(source, outcome.status, proves=proves, stale=outcome.stale)
            if outcome.status < 300:
                self.registered(request, source, tenant)

        core.forward(tx, request, groups, role="phone", to_edge=True, done=done)

    def headers(self, tenant: Tenant, source: Source) -> tuple[tuple[str, str], ...]:
        """What the registrar is told."""
        return (
            (HEADER_TENANT, tenant.id),
            (HEADER_RECEIVED, f"{source.transport}:{source.host}:{source.port}"),
            *self._core.flows.headers(source),
        )

    def ended(self, source: Source, status: int, *, proves: bool, stale: bool) -> None:
        """What a final answer says of who has asked; `proves`: with credentials."""
        core = self._core
        if status >= 400 and status != 401:
            core.metrics.register_rejected.inc()
        if status < 300:
            core.guard.prove(source)
        elif status == 401 and proves and not stale:
            core.guard.offend(source, Offence.PASSWORD)

    def registered(self, request: Request, source: Source, tenant: Tenant) -> None:
        """A phone can be reached over this flow: what that means to those that keep flows."""
        self._core.flows.registered(request, source)
        self._core.returning.registered(request, source, tenant.id)
