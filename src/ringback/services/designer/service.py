"""Wiring of the designer."""

from __future__ import annotations

from ringback.runtime.context import Context
from ringback.runtime.http import HttpServer
from ringback.runtime.service import Service
from ringback.services.designer.http import DesignerHttp
from ringback.services.designer.publisher import Publisher
from ringback.services.designer.settings import DesignerSettings
from ringback.services.designer.store import Store


class DesignerService(Service):
    """Listens on HTTP 8480."""

    name = "designer"
    settings_type = DesignerSettings
    needs_postgres = True

    def __init__(self, ctx: Context, settings: DesignerSettings) -> None:
        super().__init__(ctx, settings)
        store = Store(ctx)
        self._publisher = Publisher(ctx, store, settings.publish_retry_s)
        self._server = HttpServer(ctx)
        DesignerHttp(ctx, settings, store, self._publisher).add_routes(self._server)

    async def start(self) -> None:
        """Listen, and deliver what was published before."""
        await self._server.start()
        self._publisher.start()

    async def stop(self) -> None:
        """Close the listener."""
        await self._server.stop()
