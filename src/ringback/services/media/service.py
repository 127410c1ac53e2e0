"""The media service: SIP/TCP 5072 behind sip_proxy, RTP, and an entry in the directory of media nodes."""

from __future__ import annotations

from ringback.contracts.telephony import SipNode
from ringback.runtime.context import Context
from ringback.runtime.http import HttpServer
from ringback.runtime.presence import Presence
from ringback.runtime.service import Service
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
        self._presence = Presence(ctx, DIRECTORY, self._entry, ttl_s=_TTL_S, every_s=_ANNOUNCE_S)

    async def start(self) -> None:
        """Listen, and say so in the directory."""
        await self._server.start()
        self._address = await self.calls.start()
        self.ctx.bound("sip", self._address)
        await self._presence.begin()

    async def drain(self) -> None:
        """Take no new calls; wait for the last to end."""
        self.calls.draining = True
        await self._presence.tell()
        await self.calls.drained()

    async def stop(self) -> None:
        """End what is left and close."""
        await self.calls.stop()
        await self._presence.leave()
        await self._server.stop()

    def checks(self) -> dict[str, bool]:
        """Whether new calls are taken."""
        return {"admission": not self.calls.draining}

    def _entry(self) -> SipNode:
        host, port = self.ctx.announced(self._address[1])
        return SipNode(
            node=self.ctx.node,
            sip_host=host,
            sip_port=port,
            sessions=len(self.calls),
            draining=self.calls.draining,
        )
