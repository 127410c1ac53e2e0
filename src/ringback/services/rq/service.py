"""Wiring of the rq service."""

from prometheus_client import Gauge

from ringback.runtime.context import Context
from ringback.runtime.http import HttpServer
from ringback.runtime.link import LinkServer
from ringback.runtime.service import Service
from ringback.services.rq.methods import RqMethods
from ringback.services.rq.settings import RqSettings
from ringback.services.rq.standby import Standby
from ringback.services.rq.store import RequestStore
from ringback.services.rq.subscriptions import Subscriptions


class RqService(Service):
    """Listens on TCP 12100 (link) and HTTP 12101 (health, metrics)."""

    name = "rq"
    settings_type = RqSettings

    def __init__(self, ctx: Context, settings: RqSettings) -> None:
        super().__init__(ctx, settings)
        self.link = LinkServer(ctx, "link")
        self.subscriptions = Subscriptions(ctx)
        self.store = RequestStore(ctx, settings, self.subscriptions)
        RqMethods(ctx, self.link, self.store, self.subscriptions)
        self.standby = Standby(ctx, settings, self.link)
        self._http = HttpServer(ctx)
        self._describe()

    async def start(self) -> None:
        """Bind HTTP, and the link unless another node has it."""
        await self._http.start()
        await self.standby.start()

    async def stop(self) -> None:
        """Close both listeners; what was acknowledged is stored."""
        await self.standby.stop()
        await self._http.stop()

    def _describe(self) -> None:
        figures = {
            "rqnode_alive": ("1 while the node runs", lambda: 1.0),
            "rqnode_active": ("1 while the node serves the link", lambda: float(self.standby.active)),
            "rqnode_clients": ("Clients of the link", lambda: float(len(self.link.sessions))),
            "rqnode_streams": ("Streams that are followed", lambda: float(self.subscriptions.active)),
            "rqnode_xreads": ("Reads of streams", lambda: float(self.subscriptions.reads)),
            "rqnode_messages_sent": ("Notifications sent", lambda: float(self.subscriptions.sent)),
            "rqnode_redis_state": (
                "2 ready, 0 disconnected",
                lambda: 2.0 if self.ctx.valkey.connected else 0.0,
            ),
        }
        for name, (text, read) in figures.items():
            Gauge(name, text, registry=self.ctx.metrics).set_function(read)
