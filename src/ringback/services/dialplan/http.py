"""The HTTP interface of the dialplan service."""

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Literal

import msgspec
from prometheus_client import Histogram

from ringback.contracts.dialplan import (
    ResolvedMany,
    ResolveMany,
    ResolveReply,
    ResolveRequest,
    dn_states_key,
)
from ringback.domain.dialplan import (
    Destination,
    DestinationKind,
    DnState,
    Origin,
    Plan,
    chosen_first,
    resolve,
)
from ringback.runtime.http import HttpError, HttpRequest, HttpServer
from ringback.runtime.tally import Tally
from ringback.services.dialplan.plans import Plans

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_KINDS: dict[DestinationKind, Literal["dn", "route_point", "trunk", "mailbox", "unknown"]] = {
    "extension": "dn",
    "route_point": "route_point",
    "mailbox": "mailbox",
    "trunk": "trunk",
    "none": "unknown",
}
_RINGS_S = 15.0
_MOST = 1000
_MILLISECONDS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, float("inf"))


class DialplanHttp:
    """Serves ``POST /resolve`` and, for several numbers at once, ``POST /resolve-many``."""

    def __init__(self, ctx: "Context", plans: Plans, reuse_s: float = 0.0) -> None:
        self._reuse_s = reuse_s
        self._valkey = ctx.valkey.using("voice-12")
        self._plans = plans
        tally = partial(Tally, labels=("operation_type", "tenant"), registry=ctx.metrics, exact=True)
        self._requests = tally("dialplan_total_request", "requests")
        self._successes = tally("dialplan_success_response", "numbers that lead somewhere")
        self._failures = tally("dialplan_failure_response", "numbers that lead nowhere")
        self._milliseconds = Histogram(
            "dialplan_response_time", "milliseconds to resolve", buckets=_MILLISECONDS, registry=ctx.metrics
        )
        self._results = Tally("dialplan_result", "results", ("tenant", "kind"), ctx.metrics)
        self._seconds = Histogram("dialplan_response_time_seconds", "time to resolve", registry=ctx.metrics)
        self.server = HttpServer(ctx)
        self.server.route("POST", "/resolve", self._resolve, connection="voice-27")
        self.server.route("POST", "/resolve-many", self._resolve_many, connection="voice-27")

    async def _resolve(self, request: HttpRequest) -> ResolveReply:
        return await self._answer(request.decode(ResolveRequest))

    async def _resolve_many(self, request: HttpRequest) -> ResolvedMany:
        questions = request.decode(ResolveMany).questions
        if len(questions) > _MOST:
            raise HttpError(400, "too_many", f"at most {_MOST} numbers at once")
        return ResolvedMany(answers=await asyncio.gather(*map(self._answer, questions)))

    async def _answer(self, wanted: ResolveRequest) -> ResolveReply:
        started = time.perf_counter()
        plan = await self._plans.get(wanted.tenant)
        if plan is None:
            raise HttpError(404, "unknown_tenant", "this platform has no such tenant")
        found, asked = await self._follow(plan, wanted.to_number, wanted.origin)
        if wanted.origin == "route_point":
            found = chosen_first(plan, found, wanted.from_number, wanted.trunk)
        self._count(wanted.tenant, found.kind)
        took = time.perf_counter() - started
        self._seconds.observe(took)
        self._milliseconds.observe(took * 1000)
        # Where no DN on the way was looked at, nothing but a new configuration makes another answer.
        settled = found.kind == "route_point" and not asked
        return reply(found, self._reuse_s if settled else 0.0)

    def _count(self, tenant: str, kind: DestinationKind) -> None:
        self._requests.counts["resolve", tenant] += 1
        (self._failures if kind == "none" else self._successes).counts["resolve", tenant] += 1
        self._results.counts[tenant, kind] += 1

    async def _follow(self, plan: Plan, dialled: str, origin: Origin) -> tuple[Destination, int]:
        """Where a number leads, and how many DNs had to be looked at."""
        steps, asked = resolve(plan, dialled, origin), 0
        try:
            wanted = next(steps)
            while True:
                asked += 1
                wanted = steps.send(await self._state(plan.tenant.id, wanted))
        except StopIteration as end:
            found: Destination = end.value
            return found, asked

    async def _state(self, tenant: str, dn: str) -> DnState:
        asked = [
            self._valkey.call("HGET", dn_states_key(tenant), dn),
            self._valkey.call("EXISTS", f"{{{tenant}}}:sip:bindings:{dn}"),
        ]
        kept, registered = await asyncio.gather(*asked)
        state = msgspec.json.decode(kept, type=DnState) if kept else DnState()
        return msgspec.structs.replace(state, registered=bool(registered))


def reply(found: Destination, reuse_s: float = 0.0) -> ResolveReply:
    """The destination as it is told to other services."""
    internal = found.kind in ("extension", "route_point", "mailbox")
    return ResolveReply(
        kind=_KINDS[found.kind],
        dn=found.number if internal else "",
        number=found.number,
        trunk=found.trunks[0] if found.trunks else "",
        trunks=found.trunks,
        default_dn=found.default_dn,
        script=found.script,
        mailbox=found.number if found.kind == "mailbox" else found.on_no_answer,
        no_answer_timeout=found.no_answer or _RINGS_S,
        status=0 if found.status == 200 else found.status,
        reason=found.reason,
        on_no_answer=found.on_no_answer,
        on_busy=found.on_busy,
        caller_id=found.caller_id,
        hide_caller=found.hide_caller,
        dnis=found.dnis,
        dnis_over=found.dnis_over,
        call_type=found.call_type,
        diverted_from=found.diverted_from,
        auto_answer=found.auto_answer,
        reuse_s=reuse_s,
    )
