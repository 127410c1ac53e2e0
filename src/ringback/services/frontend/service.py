"""Wiring of the frontend."""

from ringback.runtime.context import Context
from ringback.runtime.service import Service
from ringback.services.frontend.requests import Requests
from ringback.services.frontend.settings import FrontendSettings


class FrontendService(Service):
    """HTTP 9101."""

    name = "frontend"
    settings_type = FrontendSettings

    def __init__(self, ctx: Context, settings: FrontendSettings) -> None:
        super().__init__(ctx, settings)
        self._requests = Requests(ctx, settings)

    async def start(self) -> None:
        """Listen."""
        await self._requests.server.start()

    async def stop(self) -> None:
        """Finish the requests under way and close."""
        await self._requests.server.stop()
