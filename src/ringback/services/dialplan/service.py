"""Wiring of the dialplan service."""

from ringback.contracts.configuration import ConfigChange, ConfigClient, changes_stream
from ringback.runtime.context import Context
from ringback.runtime.service import Service
from ringback.runtime.streams import StreamEntry, StreamTail
from ringback.services.dialplan.http import DialplanHttp
from ringback.services.dialplan.plans import Plans
from ringback.services.dialplan.settings import DialplanSettings


class DialplanService(Service):
    """Listens on HTTP 8800."""

    name = "dialplan"
    settings_type = DialplanSettings

    def __init__(self, ctx: Context, settings: DialplanSettings) -> None:
        super().__init__(ctx, settings)
        self._tenants = {changes_stream(tenant): tenant for tenant in ctx.common.tenants}
        self._config = ConfigClient(ctx, "voice-22", ttl_s=settings.config_ttl_s)
        self._http = DialplanHttp(ctx, Plans(self._config), settings.reuse_s)

    async def start(self) -> None:
        """Follow the configuration's changes, then listen."""
        StreamTail(self.ctx, list(self._tenants), self._changed, connection="voice-12").start()
        await self._http.server.start()

    async def stop(self) -> None:
        """Close the listener."""
        await self._http.server.stop()

    def checks(self) -> dict[str, bool]:
        """Valkey is there."""
        return {"valkey": self.ctx.valkey.connected}

    async def _changed(self, entry: StreamEntry) -> None:
        self._config.changed(self._tenants[entry.stream], entry.json(ConfigChange))
