"""HTTP 5581 (5080 in the original): queues, interactions and why they are where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ringback.contracts.routing import QueueView
from ringback.contracts.rq import PriorityRequest
from ringback.domain.routing.messages import Explanation
from ringback.runtime.http import HttpError, HttpRequest, HttpServer
from ringback.runtime.link import LinkClient
from ringback.services.tenant.leader import Leader
from ringback.services.tenant.wait_times import queue_view, router_of

if TYPE_CHECKING:
    from ringback.runtime.context import Context


class PriorityBody(msgspec.Struct, frozen=True):
    """The body of a change of priority."""

    priority: int


class InteractionView(msgspec.Struct, frozen=True):
    """One interaction: its request, position in the queue, and its story."""

    request_id: str
    position: int
    explanation: Explanation


class RoutingHttp:
    """The routes of 5581."""

    def __init__(self, ctx: Context, leaders: dict[str, Leader], rq: LinkClient) -> None:
        self._ctx = ctx
        self._leaders = leaders
        self._rq = rq
        self.server = HttpServer(ctx)
        self.server.route("GET", "/queues/{tenant}", self._queues, connection="voice-8")
        self.server.route("GET", "/interactions/{tenant}/{id}", self._interaction, connection="voice-8")
        self.server.route(
            "POST", "/interactions/{tenant}/{id}/priority", self._prioritize, connection="voice-8"
        )

    async def _queues(self, request: HttpRequest) -> list[QueueView]:
        router = router_of(self._leaders, request.path_param("tenant"))
        return [queue_view(router, vq, self._ctx.now()) for vq in sorted(router.core.queues)]

    async def _interaction(self, request: HttpRequest) -> InteractionView:
        router = router_of(self._leaders, request.path_param("tenant"))
        name = request.path_param("id")
        request_id = router.book.find_left(name)
        explanation = router.core.explain(request_id)
        if explanation is None:
            raise HttpError(404, "unknown_interaction", "no such interaction is in a queue, or was lately")
        return InteractionView(request_id, router.core.position(request_id), explanation)

    async def _prioritize(self, request: HttpRequest) -> dict[str, bool]:
        tenant = request.path_param("tenant")
        router = router_of(self._leaders, tenant)
        request_id = router.book.find(request.path_param("id"))
        if not request_id:
            raise HttpError(404, "unknown_interaction", "no such interaction is in a queue")
        body = request.decode(PriorityBody)
        wanted = PriorityRequest(request_id=request_id, tenant=tenant, priority=body.priority)
        reply = await self._rq.call("priority", wanted)
        return {"open": bool(reply["open"])}
