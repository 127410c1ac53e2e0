"""Queue figures, and the wait times of HTTP 5580."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ringback.contracts.routing import QueueView, WaitTime
from ringback.domain.routing import METHODS, UNKNOWN, estimate
from ringback.domain.routing.waiting import Told, Unknown
from ringback.runtime.http import HttpError, HttpRequest, HttpServer
from ringback.services.tenant.leader import Leader
from ringback.services.tenant.router import TenantRouter

if TYPE_CHECKING:
    from ringback.runtime.context import Context

ANY_CALL = "max"
OURS = "ringback"


def router_of(leaders: dict[str, Leader], tenant: str) -> TenantRouter:
    """The router of a tenant, when this node leads it; HttpError 404 or 503 otherwise."""
    leader = leaders.get(tenant)
    if leader is None:
        raise HttpError(404, "unknown_tenant", "no such tenant is served here")
    if leader.router is None or not leader.queues_known:
        message = "the routing of this tenant is being taken over; try again"
        raise HttpError(503, "routing_not_ready", message, headers={"Retry-After": "1"})
    return leader.router


def wait_time(
    router: TenantRouter, vq: str, name: str, method: str, now: float, *, on_hold: bool = False
) -> WaitTime:
    """The figures of a queue as one call sees them, or (`max`) one that would come now.

    `on_hold`: calls that hold while their agent is brought to them stand ahead of the newcomer as well.
    """
    core = router.core
    queue = core.queues.get(vq)
    if queue is None:
        raise HttpError(404, "unknown_queue", "no virtual queue has this name")
    waiting, calls = len(queue.waiting), len(queue.waiting) + queue.reserved
    request_id = "" if name == ANY_CALL else router.book.find(name)
    if name != ANY_CALL and not request_id:
        raise HttpError(404, "unknown_call", "this call is in no queue")
    interaction = core.interactions.get(request_id)
    newcomer = waiting + 1 + (queue.reserved if on_hold else 0)
    ahead = core.position(request_id) if interaction else newcomer
    found = WaitTime(
        time=int(now),
        wt=now - interaction.request.arrived if interaction else 0.0,
        calls=calls,
        wcalls=waiting,
        pos=ahead if interaction else calls + 1,
        wpos=ahead,
        aqt=queue.history.quitting_time,
        ewt=UNKNOWN,
        hit=len(queue.history.intervals),
    )
    if method == OURS:
        priority = interaction.priority if interaction else 0
        return with_promise(found, router.promises.told(vq, priority, ahead, now))
    expected = estimate(method, queue.history, core.staff(vq), ahead)
    return msgspec.structs.replace(found, ewt=expected.seconds)


def with_promise(found: WaitTime, told: Told) -> WaitTime:
    """The figures with what our own predictor says."""
    answer = told.answer
    if isinstance(answer, Unknown):
        return msgspec.structs.replace(found, method=told.method, reason=answer.reason)
    return msgspec.structs.replace(
        found, ewt=answer.expected, p50=answer.p50, p90=answer.p90, method=told.method
    )


def queue_view(router: TenantRouter, vq: str, now: float) -> QueueView:
    """A virtual queue as supervisors see it."""
    core = router.core
    queue, staff = core.queues[vq], core.staff(vq)
    first = queue.waiting.first()
    arrived = core.interactions[first[3]].request.arrived if first else now
    expected = router.promises.in_one_number(vq, 0, len(queue.waiting) + 1, now)
    return QueueView(
        queue=vq,
        waiting=len(queue.waiting),
        calls=len(queue.waiting) + queue.reserved,
        callbacks=router.book.callbacks[vq],
        ewt=expected,
        agents_logged_in=staff.logged_in,
        agents_ready=staff.ready,
        longest_wait=max(0.0, now - arrived),
    )


class WaitTimes:
    """HTTP 5580."""

    def __init__(self, ctx: Context, leaders: dict[str, Leader]) -> None:
        self._ctx = ctx
        self._leaders = leaders
        self.server = HttpServer(ctx, "ewt")
        self.server.route(
            "GET", "/urs/call/{call}/lvq/{vq}", self._wait_time, public=True, connection="ges-13"
        )

    async def _wait_time(self, request: HttpRequest) -> WaitTime:
        tenant = request.query.get("tenant") or self._ctx.common.tenants[0]
        method = request.query.get("aqt", "urs")
        if method not in (*METHODS, OURS):
            raise HttpError(400, "unknown_method", f"aqt is one of {', '.join((*METHODS, OURS))}")
        router = router_of(self._leaders, tenant)
        vq, call = request.path_param("vq"), request.path_param("call")
        on_hold = request.query.get("hold") == "true"
        return wait_time(router, vq, call, method, self._ctx.now(), on_hold=on_hold)
