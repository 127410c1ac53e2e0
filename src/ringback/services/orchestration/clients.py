"""The services that sessions work with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringback.contracts.configuration import ConfigClient
from ringback.runtime.http import HttpClient
from ringback.runtime.link import LinkClient

if TYPE_CHECKING:
    from ringback.runtime.context import Context


class Clients:
    """One client per neighbour, shared by all sessions of the node."""

    def __init__(self, ctx: Context) -> None:
        self.config = ConfigClient(ctx, "voice-34")
        self.frontend = HttpClient(ctx, "frontend", connection="voice-38")
        self.designer = HttpClient(ctx, "designer", connection="voice-43", timeout_s=15.0)
        self.engagement = HttpClient(ctx, "engagement", connection="ges-12")
        self.tenant = HttpClient(ctx, "tenant")
        self.rq = LinkClient(ctx, "rq", "link", connection="voice-30")
