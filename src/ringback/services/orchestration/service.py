"""Wiring of orchestration."""

from __future__ import annotations

from ringback.runtime.context import Context
from ringback.runtime.http import HttpServer
from ringback.runtime.service import Service
from ringback.services.orchestration.consumers import Consumers
from ringback.services.orchestration.http import ControlHttp, DataHttp
from ringback.services.orchestration.node import Node
from ringback.services.orchestration.settings import OrchestrationSettings


class OrchestrationService(Service):
    """Listens on HTTP 9098 (control) and 11200 (call data)."""

    name = "orchestration"
    settings_type = OrchestrationSettings

    def __init__(self, ctx: Context, settings: OrchestrationSettings) -> None:
        super().__init__(ctx, settings)
        self._node = Node(ctx, settings)
        self._consumers = Consumers(ctx, self._node)
        self._control = HttpServer(ctx, "control")
        self._data = HttpServer(ctx)
        ControlHttp(ctx, self._node).add_routes(self._control)
        DataHttp(self._node).add_routes(self._data)

    async def start(self) -> None:
        """Take up what was running, then read what is new."""
        await self._control.start()
        await self._data.start()
        await self._node.start()
        await self._consumers.start()

    async def stop(self) -> None:
        """Sessions are stored: another node, or the next start, goes on with them."""
        await self._node.stop()
        await self._control.stop()
        await self._data.stop()

    def checks(self) -> dict[str, bool]:
        """Without the request queue no call can be queued."""
        return {"rq": self._node.clients.rq.connected}
