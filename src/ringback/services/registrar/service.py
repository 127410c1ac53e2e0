"""Wiring of the registrar."""

from __future__ import annotations

import asyncio
import secrets
import time

from ringback.contracts.sip_trace import SipTracer
from ringback.contracts.telephony import SipNode
from ringback.domain.configuration import Extension
from ringback.runtime.context import Context
from ringback.runtime.http import HttpFailure, HttpServer, HttpUnavailable
from ringback.runtime.presence import Presence
from ringback.runtime.published import exact
from ringback.runtime.service import Service
from ringback.runtime.settings import ServiceSettings
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable
from ringback.services.registrar.answering import Answering
from ringback.services.registrar.asking import Asking
from ringback.services.registrar.notifier import Notifier
from ringback.services.registrar.register import ALLOW, RegisterHandler
from ringback.services.registrar.settings import RegistrarSettings
from ringback.sip import Request
from ringback.sip.digest import nonce_key
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.exchange import ServerTransaction

_LEASE_S = 6.0
_ANNOUNCE_S = 2.0


class RegistrarService(Service):
    """Listens on SIP/TCP 5066 behind sip_proxy."""

    name = "registrar"
    settings_type = RegistrarSettings
    signalling = True

    def __init__(self, ctx: Context, settings: ServiceSettings) -> None:
        super().__init__(ctx, settings)
        assert isinstance(settings, RegistrarSettings)
        self._settings = settings
        self._handler = RegisterHandler(
            ctx, settings, nonce_key(ctx.common.cluster_secret or secrets.token_hex())
        )
        self._endpoint = SipEndpoint(
            self._on_request, user_agent="Ringback registrar", advertised_host=ctx.announced(0)[0]
        )
        self._answering = Answering(self._handler, self._endpoint, ctx.metrics)
        self._notifier = Notifier(ctx, settings, self._endpoint)
        self._handler.on_arrival = self._arrived
        self._asking = Asking(self._handler, ctx.common.tenants[0], ctx.now)
        self._http = HttpServer(ctx)
        self._ignored = exact("registrar_ignored_request", "Requests of other methods", (), ctx.metrics)
        self._presence = Presence(ctx, "registrar", self._entry, ttl_s=_LEASE_S, every_s=_ANNOUNCE_S)

    async def start(self) -> None:
        """Listen, look for bindings that end, tell the directory."""
        await self._http.start()
        bound = await self._endpoint.listen_tcp(*self.ctx.address("registrar", "sip"))
        self.ctx.bound("sip", bound)
        await self._presence.begin()
        self.ctx.spawn(self._sweep(), "sweep")
        self._notifier.start()
        self._handler.numbers.start()
        SipTracer(self.ctx, self._endpoint).start()

    async def stop(self) -> None:
        """Leave the directory and close."""
        await self._presence.leave()
        await self._endpoint.close()
        await self._http.stop()

    async def _on_request(self, tx: ServerTransaction, request: Request) -> None:
        if not tx.can_respond:
            return
        if request.method == "REGISTER":
            began = time.perf_counter()
            status, reason, headers = await self._asking.answer(request)
            self._answering.answered(status, began)
            tx.reply(status, reason, headers=headers)
            return
        if request.method == "SUBSCRIBE":
            await self._notifier.subscribe(tx, request)
            return
        self._ignored.inc()
        tx.reply(200 if request.method == "OPTIONS" else 405, headers=[("Allow", ALLOW)])

    def _arrived(self, tenant: str, extension: Extension) -> None:
        self.ctx.spawn(self._notifier.registered(tenant, extension), "lamp")

    def _entry(self) -> SipNode:
        host, port = self.ctx.announced(self.ctx.listeners["sip"][1])
        return SipNode(node=self.ctx.node, sip_host=host, sip_port=port)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._settings.sweep_s)
            try:
                for tenant in self.ctx.common.tenants:
                    await self._handler.store.sweep(tenant)
                    await self._notifier.sweep(tenant)
            except (ValkeyUnavailable, ValkeyError, HttpUnavailable, HttpFailure) as error:
                self.ctx.log.warning("sweep_failed", error=str(error))
