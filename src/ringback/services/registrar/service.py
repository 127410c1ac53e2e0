"""Wiring of the registrar."""

from __future__ import annotations

import asyncio
import secrets
import time
from functools import lru_cache, partial

from ringback.contracts.sip_trace import SipTracer
from ringback.contracts.telephony import SipNode
from ringback.domain.configuration import Extension
from ringback.runtime.context import Context
from ringback.runtime.directory import announce, withdraw
from ringback.runtime.http import HttpFailure, HttpServer, HttpUnavailable
from ringback.runtime.published import exact
from ringback.runtime.service import Service
from ringback.runtime.settings import ServiceSettings
from ringback.runtime.tally import Durations, Tally
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable
from ringback.services.registrar.asked import Asked
from ringback.services.registrar.asking import Asking
from ringback.services.registrar.notifier import Notifier
from ringback.services.registrar.register import ALLOW, Answer, RegisterHandler
from ringback.services.registrar.settings import RegistrarSettings
from ringback.sip import Request
from ringback.sip.digest import nonce_key
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.exchange import ServerTransaction
from ringback.sip.transport import Source
from ringback.sip.ways import way_back_of

_word = lru_cache(128)(str)
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
        self._endpoint.takes_unread[b"REGISTER"] = self._takes_plain
        self._endpoint.takes["REGISTER"] = self._takes
        self._notifier = Notifier(ctx, settings, self._endpoint)
        self._handler.on_arrival = self._arrived
        self._asking = Asking(self._handler, ctx.common.tenants[0])
        self._http = HttpServer(ctx)
        registry = ctx.metrics
        self._answers = Tally(
            "registrar_register_count", "REGISTER by answer", ("status",), registry, exact=True
        )
        self._ignored = exact("registrar_ignored_request", "Requests of other methods", (), registry)
        self._seconds = Durations("registrar_request_latency", "Seconds to an answer", registry=registry)

    async def start(self) -> None:
        """Listen, look for bindings that end, tell the directory."""
        await self._http.start()
        bound = await self._endpoint.listen_tcp(*self.ctx.address("registrar", "sip"))
        self.ctx.bound("sip", bound)
        await self._announce(bound)
        self.ctx.spawn(self._keep_announced(bound), "announce")
        self.ctx.spawn(self._sweep(), "sweep")
        self._notifier.start()
        self._handler.numbers.start()
        SipTracer(self.ctx, self._endpoint).start()

    async def stop(self) -> None:
        """Leave the directory and close."""
        if self.ctx.valkey.connected:
            await withdraw(self.ctx.valkey, "registrar", self.ctx.node)
        await self._endpoint.close()
        await self._http.stop()

    async def _on_request(self, tx: ServerTransaction, request: Request) -> None:
        if not tx.can_respond:
            return
        if request.method == "REGISTER":
            with self._seconds.time():
                status, reason, headers = await self._asking.answer(request)
            self._answers.counts[_word(status),] += 1
            tx.reply(status, reason, headers=headers)
            return
        if request.method == "SUBSCRIBE":
            await self._notifier.subscribe(tx, request)
            return
        self._ignored.inc()
        tx.reply(200 if request.method == "OPTIONS" else 405, headers=[("Allow", ALLOW)])

    def _takes_plain(self, data: bytes, source: Source) -> bool:
        """Answer a REGISTER that is plain before a message is made of it."""
        asked = Asked.at_a_glance(data) if source.connection is not None else None
        return asked is not None and self._take(asked, source)

    def _takes(self, request: Request, source: Source) -> bool:
        """Answer a REGISTER that came over a connection without a transaction (RFC 3261 8.2.7)."""
        return source.connection is not None and self._take(Asked.of(request), source)

    def _take(self, asked: Asked, source: Source) -> bool:
        return self._handler.answer_now(asked, partial(self._answer, asked, source, time.perf_counter()))

    def _answer(self, asked: Asked, source: Source, began: float, answer: Answer) -> None:
        status, reason, headers = answer
        self._seconds.observe(time.perf_counter() - began)
        self._answers.counts[_word(status),] += 1
        endpoint = self._endpoint
        data = asked.answered(status, reason, endpoint.ids.tag(), headers)
        endpoint.send_bytes(data, way_back_of(source, asked.via))

    def _arrived(self, tenant: str, extension: Extension) -> None:
        self.ctx.spawn(self._notifier.registered(tenant, extension), "lamp")

    async def _announce(self, bound: tuple[str, int]) -> None:
        host, port = self.ctx.announced(bound[1])
        entry = SipNode(node=self.ctx.node, sip_host=host, sip_port=port)
        await announce(self.ctx.valkey, "registrar", self.ctx.node, entry, _LEASE_S)

    async def _keep_announced(self, bound: tuple[str, int]) -> None:
        while True:
            await asyncio.sleep(_ANNOUNCE_S)
            try:
                await self._announce(bound)
            except (ValkeyUnavailable, ValkeyError) as error:
                self.ctx.log.warning("announce_failed", error=str(error))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._settings.sweep_s)
            try:
                for tenant in self.ctx.common.tenants:
                    await self._handler.store.sweep(tenant)
                    await self._notifier.sweep(tenant)
            except (ValkeyUnavailable, ValkeyError, HttpUnavailable, HttpFailure) as error:
                self.ctx.log.warning("sweep_failed", error=str(error))
