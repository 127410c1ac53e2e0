"""HTTP 5581 (5080 in the original): queues, interactions and why they are where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ringback.contracts.routing import QueueView
from ringback.contracts.rq import PriorityRequest
from ringback.contracts.statistics import ObjectFigures, Objects, StatisticDefinition, definitions
from ringback.domain.routing.messages import Explanation
from ringback.domain.statistics import DEFINITIONS, Asked, Subject, Window
from ringback.runtime.http import HttpError, HttpRequest, HttpServer
from ringback.runtime.link import LinkClient
from ringback.services.tenant.at_leader import AtLeader
from ringback.services.tenant.figures import Figures
from ringback.services.tenant.leader import Leader
from ringback.services.tenant.statistics import objects
from ringback.services.tenant.wait_times import queue_view, router_of

if TYPE_CHECKING:
    from ringback.runtime.context import Context


_PAGE = 200


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

    def __init__(
        self, ctx: Context, leaders: dict[str, Leader], rq: LinkClient, figures: dict[str, Figures]
    ) -> None:
        self._ctx = ctx
        self._figures = figures
        self._leaders = leaders
        self._rq = rq
        self.server = HttpServer(ctx)
        led = AtLeader(ctx, "http")
        one = "/interactions/{tenant}/{id}"
        self.server.route("GET", "/queues/{tenant}", led(self._queues), connection="voice-8")
        self.server.route("GET", one, led(self._interaction), connection="voice-8")
        self.server.route("POST", f"{one}/priority", led(self._prioritize), connection="voice-8")
        self.server.route("GET", "/statistics/definitions", self._definitions)
        self.server.route("GET", "/statistics/{tenant}/objects", self._objects)
        self.server.route("GET", "/statistics/{tenant}/{type}", self._statistics_of_all)
        self.server.route("GET", "/statistics/{tenant}/{type}/{object}", self._statistics)

    async def _definitions(self, request: HttpRequest) -> list[StatisticDefinition]:
        return list(definitions())

    async def _objects(self, request: HttpRequest) -> Objects:
        return objects(self._figures_of(request))

    async def _statistics(self, request: HttpRequest) -> ObjectFigures:
        """All figures of an object over one window, or those in `names` (with commas between)."""
        subject = Subject(request.path_param("type"), request.path_param("object"))
        return self._figures_at(request, subject)

    async def _statistics_of_all(self, request: HttpRequest) -> list[ObjectFigures]:
        """The same of every object of a type, a page at a time: `after` is the last id of the one before."""
        kind, after = request.path_param("type"), request.query.get("after", "")
        subjects = self._figures_of(request).floor.subjects()
        names = sorted(each.id for each in subjects if each.type == kind and each.id > after)
        return [self._figures_at(request, Subject(kind, name)) for name in names[:_PAGE]]

    def _figures_at(self, request: HttpRequest, subject: Subject) -> ObjectFigures:
        figures, now = self._figures_of(request), self._ctx.now()
        text = request.query.get("window", "growing")
        names = request.query.get("names", "")
        wanted = names.split(",") if names else [row.name for row in DEFINITIONS if subject.type in row.of]
        if not wanted:
            raise HttpError(404, "unknown_type", "an object is an agent, a group, a queue or a vq")
        try:
            window = Window.read(text)
            values = {name: figures.watch.read(Asked(subject, name, window), now) for name in wanted[:100]}
        except ValueError as error:
            raise HttpError(400, "unknown_statistic", str(error)) from None
        return ObjectFigures(figures.tenant, *subject, now, figures.since, text, values)

    def _figures_of(self, request: HttpRequest) -> Figures:
        figures = self._figures.get(request.path_param("tenant"))
        if figures is None:
            raise HttpError(404, "unknown_tenant", "no such tenant is served here")
        if not figures.ready:
            message = "the statistics of this tenant are being rebuilt; try again"
            raise HttpError(503, "statistics_not_ready", message, headers={"Retry-After": "1"})
        return figures

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
