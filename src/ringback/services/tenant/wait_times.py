"""Queue figures, and the wait times of HTTP 5580."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ringback.contracts.routing import QueueView, WaitTime
from ringback.domain.routing import METHODS, UNKNOWN, estimate
from ringback.domain.routing.queue import VirtualQueue
from ringback.domain.routing.waiting import Prediction, Told, Unknown
from ringback.domain.routing.waiting.predictor import NO_AGENTS, NO_INTERACTIONS
from ringback.runtime.http import HttpError, HttpRequest, HttpServer
from ringback.services.tenant.at_leader import AtLeader, NotLeading
from ringback.services.tenant.leader import Leader
from ringback.services.tenant.queue_groups import members, merged, place_among, staff_of
from ringback.services.tenant.router import TenantRouter

if TYPE_CHECKING:
    from ringback.runtime.context import Context

ANY_CALL = "max"
OURS = "ringback"
KNOWN_METHODS = (*METHODS, OURS)


def router_of(leaders: dict[str, Leader], tenant: str) -> TenantRouter:
    """The router of a tenant, when this node leads it; HttpError 404 or NotLeading otherwise."""
    leader = leaders.get(tenant)
    if leader is None:
        raise HttpError(404, "unknown_tenant", "no such tenant is served here")
    if leader.router is None or not leader.queues_known:
        raise NotLeading(tenant)
    return leader.router


def wait_time(
    router: TenantRouter, vq: str, name: str, method: str, now: float, *, on_hold: bool = False
) -> WaitTime:
    """The figures of a queue, or of a group of queues (`NAME.GQ`), as one call sees them, or (`max`) one that
    would come now.

    `on_hold`: calls that hold while their agent is brought to them stand ahead of the newcomer as well.
    """
    core, queues = router.core, members(router.core, vq)
    waiting, reserved = sum(len(queue.waiting) for queue in queues), sum(queue.reserved for queue in queues)
    request_id = "" if name == ANY_CALL else router.book.find(name)
    if name != ANY_CALL and not request_id:
        raise HttpError(404, "unknown_call", "this call is in no queue")
    interaction = core.interactions.get(request_id)
    newcomer = waiting + 1 + (reserved if on_hold else 0)
    ahead = place_among(core, queues, interaction, now) if interaction else newcomer
    history = merged(queues)
    found = WaitTime(
        time=int(now),
        wt=now - interaction.request.arrived if interaction else 0.0,
        calls=waiting + reserved,
        wcalls=waiting,
        pos=ahead if interaction else waiting + reserved + 1,
        wpos=ahead,
        aqt=history.quitting_time,
        ewt=UNKNOWN,
        hit=sum(len(queue.history.intervals) for queue in queues),
    )
    if method == OURS:
        priority = interaction.priority if interaction else 0
        return with_promise(found, earliest(router, queues, priority, ahead, now))
    staff = staff_of(core, queues)
    expected = estimate(method, history, staff, ahead)
    if expected.seconds == UNKNOWN:
        return msgspec.structs.replace(found, reason=NO_INTERACTIONS if staff.logged_in else NO_AGENTS)
    return msgspec.structs.replace(found, ewt=expected.seconds)


def earliest(
    router: TenantRouter, queues: list[VirtualQueue], priority: int, position: int, now: float
) -> Told:
    """What our predictor says; of a group, who stands in all its queues is served where it is soonest."""
    told = [router.promises.told(queue.name, priority, position, now) for queue in queues]
    known = [each for each in told if isinstance(each.answer, Prediction)]
    return min(known, key=_expected, default=told[0])


def _expected(told: Told) -> float:
    assert isinstance(told.answer, Prediction)
    return told.answer.expected


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
    position = len(queue.waiting) + 1
    answer = router.promises.told(vq, 0, position, now).answer
    if isinstance(answer, Prediction):
        expected, p50, p90 = answer.expected, answer.p50, answer.p90
    else:
        expected, p50, p90 = router.promises.in_one_number(vq, 0, position, now), UNKNOWN, UNKNOWN
    return QueueView(
        queue=vq,
        waiting=len(queue.waiting),
        calls=len(queue.waiting) + queue.reserved,
        callbacks=router.book.callbacks[vq],
        ewt=expected,
        agents_logged_in=staff.logged_in,
        agents_ready=staff.ready,
        longest_wait=max(0.0, now - arrived),
        agents_working=queue.staffed_by.working if queue.staffed_by else 0,
        p50=p50,
        p90=p90,
    )


class WaitTimes:
    """HTTP 5580."""

    def __init__(self, ctx: Context, leaders: dict[str, Leader]) -> None:
        self._ctx = ctx
        self._leaders = leaders
        self.server = HttpServer(ctx, "ewt")
        answer = AtLeader(ctx, "ewt")(self._wait_time)
        for path in ("/urs/call/{call}/lvq/{vq}", "/urs/call/{call}/lvq", "/urs/call/{call}/query"):
            self.server.route("GET", path, answer, public=True, connection="ges-13")

    async def _wait_time(self, request: HttpRequest) -> WaitTime:
        """The queue is in the path, or in `name`; without either it is the one in which the call stands."""
        tenant = request.query.get("tenant") or self._ctx.common.tenants[0]
        method = request.query.get("aqt", "urs")
        if method not in KNOWN_METHODS:
            raise HttpError(400, "unknown_method", f"aqt is one of {', '.join(KNOWN_METHODS)}")
        router = router_of(self._leaders, tenant)
        call, on_hold = request.path_param("call"), request.query.get("hold") == "true"
        named = request.raw.match_info.get("vq", "") or request.query.get("name", "")
        vq = named or queue_of(router, call)
        return wait_time(router, vq, call, method, self._ctx.now(), on_hold=on_hold)


def queue_of(router: TenantRouter, call: str) -> str:
    """The virtual queue in which a call stands; HttpError 404, or 400 where no call is named."""
    if call == ANY_CALL:
        raise HttpError(400, "no_queue", "name says which virtual queue is meant")
    known = router.book.get(router.book.find(call))
    if known is None:
        raise HttpError(404, "unknown_call", "this call is in no queue")
    return known.vq
