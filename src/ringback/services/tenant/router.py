"""The shell around the router core: one tenant's routing, while this node leads it.

Inputs come from the request queue, from the agents stream and from time; outputs are carried out against the
agent sessions in Valkey (compare-and-set) and the request queue. The core is fed in the event loop, one input
after the other; what takes time runs beside it and comes back as an input.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ringback.contracts.reservation import AgentSessions, Applied, Contended
from ringback.contracts.routing import Outcome, RouteResult, SubmitRequest
from ringback.contracts.rq import OpenRequest
from ringback.domain.agents import AgentSession, Step
from ringback.domain.agents.session import Happening, Keep, Unreserve
from ringback.domain.routing import Router, messages
from ringback.domain.routing.log import Began
from ringback.domain.routing.waiting import Experience, Promises
from ringback.runtime.clock import Clock
from ringback.runtime.link import LinkClient, LinkError, LinkUnavailable
from ringback.runtime.valkey import ValkeyUnavailable
from ringback.services.tenant.book import (
    Known,
    RequestBook,
    reservation_id,
    to_reservation,
    to_submit,
)
from ringback.services.tenant.decisions import DecisionLog
from ringback.services.tenant.results import Results
from ringback.services.tenant.settings import TenantSettings

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_TOGETHER = 100
"""Reservations that are made in one step."""
_ANSWERED: dict[str, Outcome] = {"timeout": "timeout", "unclaimed": "timeout", "rejected": "rejected"}
"""How a request left, where orchestration does not know it already, and what it is told."""


class TenantRouter:
    """Routes for one tenant. Made anew by each rebuild, so that a failed one leaves nothing behind."""

    def __init__(
        self,
        ctx: Context,
        tenant: str,
        settings: TenantSettings,
        rq: LinkClient,
        sessions: AgentSessions,
        first_attempt: int,
        experience: Experience | None = None,
    ) -> None:
        self._ctx = ctx
        self._settings = settings
        self._rq = rq
        self._sessions = sessions
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._loading = True
        self.tenant = tenant
        self.broken = asyncio.Event()
        self.book = RequestBook()
        self.decisions = 0
        self.core = Router(
            growth=settings.priority_growth, retry_pause=settings.retry_pause_s, first_attempt=first_attempt
        )
        self._reserving: list[messages.Reserve] = []
        self._leases = {
            "call": settings.call_lease_s,
            "callback": settings.callback_lease_s,
            "interaction": settings.interaction_lease_s,
        }
        self._results = Results(ctx, rq, self._spawn, self._still_meant)
        self._clock = Clock(ctx)
        began = Began(ctx.now(), settings.priority_growth, settings.retry_pause_s, first_attempt)
        valkey = ctx.valkey.using("voice-14")
        self._log = DecisionLog(ctx, valkey, tenant, settings.decision_log, began)
        self.promises = Promises(self.core, experience or Experience())

    def close(self) -> None:
        """Stop: another node leads, or this router is made anew."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()

    def feed(self, event: messages.Input) -> None:
        """Give the core one input and carry out what comes of it."""
        if not self._closed:
            self._drive(event)

    def recall(self, agent: AgentSession) -> None:
        """What an agent has done since the login, so that the orders among agents go on as they were."""
        worked = agent.worked_until(self._ctx.now())
        self.feed(messages.Worked(agent.agent_id, agent.logged_in, agent.calls, worked))

    def submit(self, request: OpenRequest) -> None:
        """Take a request; one that has to wait is told its position."""
        if self.book.add(request):
            self._queue(request)
            self.tell_position(request.submit.request_id)

    def loaded(self) -> None:
        """All that had a place has it again: from here on time counts."""
        self._loading = False
        self._arm()

    def load(self, request: OpenRequest) -> None:
        """Take a request that had its place before a restart: nobody needs to be told."""
        if self.book.add(request):
            self._queue(request)

    def _queue(self, request: OpenRequest) -> None:
        self.feed(to_submit(request, self.lease_of(request.submit)))

    def lease_of(self, submit: SubmitRequest) -> float:
        """Seconds that an agent is held for a request."""
        return submit.lease_s or self._leases[submit.kind]

    def attempt_of(self, request_id: str, agent_id: str) -> int:
        """The attempt under which an agent holds a request; 0 when the agent does not."""
        interaction = self.core.interactions.get(request_id)
        return interaction.attempt if interaction and interaction.agent == agent_id else 0

    def release(self, agent_id: str, name: str, reason: str) -> None:
        """Let an agent go whom a reservation still holds."""
        self._spawn(self._apply(agent_id, Unreserve(name, reason)))

    def keep(self, agent_id: str, name: str) -> None:
        """The agent has accepted an interaction of another medium: it lasts until it is ended."""
        self._spawn(self._apply(agent_id, Keep(name, self._settings.interaction_hold_s)))

    def confirm(self, request_id: str, agent_id: str) -> None:
        """The agent is seen talking: close the request, whether or not orchestration still lives."""
        params = {"tenant": self.tenant, "request_id": request_id, "agent_id": agent_id}
        self._spawn(self._call_rq("confirm", params))

    def tell_position(self, request_id: str) -> None:
        """Tell a waiting request its position and how long it will take."""
        known, interaction = self.book.get(request_id), self.core.interactions.get(request_id)
        if known is None or interaction is None or interaction.agent is not None:
            return
        position = self.core.position(request_id)
        expected = self.promises.expected(request_id, self._ctx.now())
        result = self._result(known, "position", position=position, ewt=expected)
        self._results.tell(result)

    # Outputs

    def _carry_out(self, outputs: list[messages.Output]) -> None:
        for output in outputs:
            if isinstance(output, messages.Reserve):
                self._reserving.append(output)
                if len(self._reserving) == 1:
                    self._spawn(self._reserve())
            elif isinstance(output, messages.Release):
                name = reservation_id(output.interaction, output.attempt)
                self.release(output.agent, name, output.reason)
            elif isinstance(output, messages.Requeued):
                self._spawn(self._requeued(output.interaction))
            elif isinstance(output, messages.Moved):
                self.book.move(output.interaction, output.queue)
                self._spawn(self._requeued(output.interaction))
            elif isinstance(output, messages.Diverted):
                self._divert(output)
            elif isinstance(output, messages.Refused):
                self._finish(output.interaction, "rejected", output.reason)
            elif isinstance(output, messages.Left):
                self._finish(output.interaction, output.outcome, output.outcome)
        self._arm()

    def _arm(self) -> None:
        """A timer that ends too early is left: it finds nothing to do, and is set anew then."""
        due = self.core.next_timer()
        if due is None or self._closed or self._loading:
            return
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        # uvloop's timers do not say when they end, and one that is due at once is no timer there.
        delay = max(0.0, due - self._ctx.now())
        self._timer, self._timer_due = asyncio.get_running_loop().call_later(delay, self._on_timer), due

    def _on_timer(self) -> None:
        self._timer = None
        self._drive(None)

    def _drive(self, event: messages.Input | None) -> None:
        """One input (None: the timer). A core that fails is not to be trusted further: it is made anew from
        what is stored.
        """
        try:
            now = self._ctx.now()
            if stepped := self._clock.stepped():
                self._ctx.log.warning("clock_stepped", seconds=round(stepped, 3))
                self._turn(messages.ClockStepped(stepped), now)
            self._turn(event, now)
        except Exception:
            self._ctx.log.exception("router_failed", tenant=self.tenant)
            self.broken.set()

    def _turn(self, event: messages.Input | None, now: float) -> None:
        outputs = self.core.handle_timer(now) if event is None else self.core.handle(event, now)
        self._log.add(now, event, outputs)
        if self._log.wants_checkpoint(self.core):
            self._log.checkpoint(self.core, now)
        self.promises.watch(event, outputs, now)
        self._carry_out(outputs)

    def _finish(self, request_id: str, outcome: str, reason: str) -> None:
        known = self.book.get(request_id)
        if known is not None and outcome in _ANSWERED:
            self._results.tell(self._result(known, _ANSWERED[outcome], reason=reason))
        self.book.remove(request_id)

    def _divert(self, output: messages.Diverted) -> None:
        known = self.book.get(output.interaction)
        if known is not None:
            self._results.tell(self._result(known, "diverted", dn=output.destination))

    async def _requeued(self, request_id: str) -> None:
        """Said a turn later: most who are returned have found another agent by then."""
        self.tell_position(request_id)

    async def _reserve(self) -> None:
        """Carry out the reservations of one turn, and tell of them."""
        outputs, self._reserving = self._reserving[:_TOGETHER], self._reserving[_TOGETHER:]
        if self._reserving:
            self._spawn(self._reserve())
        meant: list[messages.Reserve] = []
        wanted: list[tuple[str, Happening]] = []
        for output in outputs:
            known = self._meant(output)
            if known is None:  # the agent is as ready as before
                self.feed(messages.NotTaken(output.agent, output.version, output.media))
                continue
            meant.append(output)
            wanted.append((output.agent, to_reservation(known.submit, output, self.lease_of(known.submit))))
        self.decisions += len(wanted)
        try:
            steps = await self._sessions.apply_all(wanted, self._ctx.now()) if wanted else []
        except ValkeyUnavailable:
            self.broken.set()
            return
        pairs = zip(meant, steps, strict=True)
        results = [result for output, step in pairs if (result := self._reserved(output, step))]
        stored = await self._results.store(results)
        for result, accepted in zip(results, stored, strict=True):
            if not accepted:
                self.feed(messages.Cancel(result.request_id, "closed"))

    def _meant(self, output: messages.Reserve) -> Known | None:
        """The request of a reservation, while the reservation is still meant."""
        meant = self.attempt_of(output.interaction, output.agent) == output.attempt
        return self.book.get(output.interaction) if meant else None

    def _reserved(self, output: messages.Reserve, step: Applied) -> RouteResult | None:
        """What is told of a reservation; None when the agent has been taken, or is no longer needed."""
        if not isinstance(step, Step):
            self.feed(messages.Return(output.interaction, output.attempt, "agent_taken", exclude=False))
            return None
        name = reservation_id(output.interaction, output.attempt)
        known = self._meant(output)
        if known is None:
            self.release(output.agent, name, "superseded")
            return None
        return self._result(
            known,
            "reserved",
            agent_id=output.agent,
            dn=step.session.dn,
            reservation_id=name,
            lease_until=output.lease_until,
        )

    async def _apply(self, agent_id: str, change: Unreserve | Keep) -> None:
        try:
            await self._sessions.apply(agent_id, change, self._ctx.now())
        except (Contended, ValkeyUnavailable) as error:
            self._ctx.log.warning("agent_not_changed", agent=agent_id, error=repr(error))

    def _result(self, known: Known, outcome: Outcome, **fields: Any) -> RouteResult:
        submit = known.submit
        return RouteResult(
            request_id=submit.request_id,
            tenant=self.tenant,
            seq=known.next_seq(),
            outcome=outcome,
            vq=known.vq,
            session_id=submit.session_id,
            media=submit.media,
            **fields,
        )

    def _still_meant(self, result: RouteResult) -> bool:
        """Whether a result that could not be stored at once is still what the router means."""
        if self._closed:
            return False
        return not result.agent_id or bool(self.attempt_of(result.request_id, result.agent_id))

    async def _call_rq(self, method: str, params: object) -> None:
        try:
            await self._rq.call(method, params)
        except (LinkUnavailable, LinkError) as error:
            self._ctx.log.warning("request_queue_away", method=method, error=str(error))

    def _spawn(self, coro: Any) -> None:
        if self._closed:
            coro.close()
            return
        task = asyncio.create_task(coro)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._ctx.log.error("task_failed", task=f"route-{self.tenant}", exc_info=error)
