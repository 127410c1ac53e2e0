"""The voicemail service: mailboxes from configuration, recordings in object storage, HTTP at 8081."""

from __future__ import annotations

import asyncio
import contextlib

from prometheus_client import Gauge

from ringback.runtime.context import Context
from ringback.runtime.http import HttpServer
from ringback.runtime.service import Service
from ringback.services.voicemail.access import Access
from ringback.services.voicemail.http import VoicemailHttp
from ringback.services.voicemail.mailboxes import Mailboxes
from ringback.services.voicemail.settings import VoicemailSettings
from ringback.services.voicemail.storage import open_storage

_FIRST_PROBE_S = 1.0  # a start does not wait longer for a storage that is away


class VoicemailService(Service):
    """Wiring."""

    name = "voicemail"
    settings_type = VoicemailSettings

    def __init__(self, ctx: Context, settings: VoicemailSettings) -> None:
        super().__init__(ctx, settings)
        self._storage = open_storage(ctx, settings)
        self._probe_s = settings.storage_probe_s
        self._server = HttpServer(ctx)
        alive = Gauge("voicemail_storage_alive", "1 while the storage answers", registry=ctx.metrics)
        alive.set_function(lambda: float(self._storage.available))
        mailboxes = Mailboxes(ctx, settings, self._storage)
        VoicemailHttp(mailboxes, Access(ctx, mailboxes)).add_routes(self._server, settings.max_bytes)

    async def start(self) -> None:
        """Begin to serve. A storage that is away makes the service not ready; it does not stop it."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._storage.probe(), _FIRST_PROBE_S)
        self.ctx.spawn(self._storage.watch(self.ctx.log, self._probe_s), "storage")
        await self._server.start()

    async def stop(self) -> None:
        """Stop serving."""
        await self._server.stop()

    def checks(self) -> dict[str, bool]:
        """Whether what the service needs is there."""
        return {"valkey": self.ctx.valkey.connected, "storage": self._storage.available}
