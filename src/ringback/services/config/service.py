"""Wiring of the config service."""

from ringback.runtime.context import Context
from ringback.runtime.service import Service
from ringback.services.config.http import ConfigHttp
from ringback.services.config.settings import ConfigSettings
from ringback.services.config.store import ConfigStore


class ConfigService(Service):
    """Listens on HTTP 9100."""

    name = "config"
    settings_type = ConfigSettings

    def __init__(self, ctx: Context, settings: ConfigSettings) -> None:
        super().__init__(ctx, settings)
        self._store = ConfigStore(ctx, ctx.common.tenants, settings.refresh_s)
        self._http = ConfigHttp(ctx, self._store)

    async def start(self) -> None:
        """Fill the cache, then listen."""
        await self._store.start()
        await self._http.server.start()

    async def stop(self) -> None:
        """Close the listener."""
        await self._http.server.stop()

    def checks(self) -> dict[str, bool]:
        """Valkey is there and every tenant is loaded."""
        loaded = all(cache.version >= 0 for cache in self._store.tenants.values())
        return {"valkey": self.ctx.valkey.connected, "configuration": loaded}
