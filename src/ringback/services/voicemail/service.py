"""The voicemail service: mailboxes from configuration, recordings in storage, HTTP at 8081."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ringback.runtime.context import Context
from ringback.runtime.http import HttpServer
from ringback.runtime.service import Service
from ringback.services.voicemail.access import Access
from ringback.services.voicemail.http import VoicemailHttp
from ringback.services.voicemail.mailboxes import Mailboxes
from ringback.services.voicemail.settings import VoicemailSettings
from ringback.services.voicemail.storage import DirectoryStorage


class VoicemailService(Service):
    """Wiring."""

    name = "voicemail"
    settings_type = VoicemailSettings

    def __init__(self, ctx: Context, settings: VoicemailSettings) -> None:
        super().__init__(ctx, settings)
        self._folder = Path(settings.storage) if settings.storage else Path(ctx.common.data) / "voicemail"
        self._server = HttpServer(ctx)
        mailboxes = Mailboxes(ctx, settings, DirectoryStorage(self._folder))
        VoicemailHttp(mailboxes, Access(ctx, mailboxes)).add_routes(self._server, settings.max_bytes)

    async def start(self) -> None:
        """Begin to serve. Raises OSError when the folder of the recordings cannot be made."""
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        await self._server.start()

    async def stop(self) -> None:
        """Stop serving."""
        await self._server.stop()

    def checks(self) -> dict[str, bool]:
        """Whether what the service needs is there."""
        return {"valkey": self.ctx.valkey.connected}
