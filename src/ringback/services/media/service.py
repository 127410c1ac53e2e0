"""The media service: SIP/TCP 5072 behind sip_proxy, RTP, and an entry in the directory of media nodes."""

from __future__ import annotations

import asyncio

from ringback.contracts.telephony import SipNode
from ringback.runtime.context import Context
from ringback.runtime.directory import announce, withdraw
from ringback.runtime.http import HttpServer
from ringback.runtime.service import Service
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable
from ringback.services.media.calls import MediaCalls
from ringback.services.media.settings import MediaSettings

DIRECTORY = "media"
_ANNOUNCE_S = 2.0
_TTL_S = 6.0


class MediaService(Service):
    """Wiring."""

    name = "media"
    settings_type = MediaSettings
    signalling = True

    def __init__(self, ctx: Context, settings: MediaSettings) -> None:
        super().__init__(ctx, settings)
        self._server = HttpServer(ctx)
        self.calls = MediaCalls(ctx, settings)
        self._address = ("", 0)

    async def start(self) -> None:
        """Listen, and say so in the directory."""
        await self._server.start()
        self._address = await self.calls.start()
        self.ctx.bound("sip", self._address)
        await self._announce()
        self.ctx.spawn(self._keep_announced(), "announce")

    async def drain(self) -> None:
        """Take no new calls; wait for the last to end."""
        self.calls.draining = True
        await self._announce()
        await self.calls.drained()

    async def stop(self) -> None:
        """End what is left and close."""
        await self.calls.stop()
        if self.ctx.valkey.connected:
            await withdraw(self.ctx.valkey, DIRECTORY, self.ctx.node)
        await self._server.stop()

    def checks(self) -> dict[str, bool]:
        """Whether new calls are taken."""
        return {"admission": not self.calls.draining}

    async def _announce(self) -> None:
        host, port = self.ctx.announced(self._address[1])
        entry = SipNode(
            node=self.ctx.node,
            sip_host=host,
            sip_port=port,
            sessions=len(self.calls),
            draining=self.calls.draining,
        )
        await announce(self.ctx.valkey, DIRECTORY, self.ctx.node, entry, _TTL_S)

    async def _keep_announced(self) -> None:
        while True:
            await asyncio.sleep(_ANNOUNCE_S)
            try:
                await self._announce()
            except (ValkeyUnavailable, ValkeyError) as error:
                self.ctx.log.warning("not_announced", error=str(error))
