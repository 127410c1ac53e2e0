"""One simulated day: the router core, fed with callers and agents, under a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush

from ringback.domain.routing import Router
from ringback.domain.routing.messages import (
    AgentAway,
    AgentBusy,
    AgentGone,
    AgentReady,
    Cancel,
    Confirm,
    Input,
    QueueDefined,
    Reserve,
    Submit,
)
from ringback.domain.routing.waiting import Experience, LoggedCall, Prediction, Promises
from ringback.domain.routing.waiting.floor import DAY

from .agents import Worker
from .bookings import Booking, book
from .callers import Caller
from .scenario import CallbackPolicy, QueuePlan, Scenario
from .tally import HOUR, DayResult, Tally

EPOCH = 1767571200.0
"""Midnight before the first simulated day: Monday, 5 January 2026, UTC."""

Record = Callable[[LoggedCall], None]
Step = Callable[[float], None]


@dataclass(slots=True)
class Day:
    """One day of a scenario; its times are seconds of the day.

    `experience` carries what the predictor has learned from day to day; `number` counts the days for it;
    `source` seeds the chances of callbacks. `record` gets every call that was answered or given up.
    """

    scenario: Scenario
    callers: Iterator[Caller]
    workers: dict[str, Worker]
    experience: Experience
    number: int = 0
    source: str = ""
    record: Record | None = None
    result: DayResult = field(init=False)
    _router: Router = field(default_factory=Router)
    _promises: Promises | None = None
    _agenda: list[tuple[float, int, Step]] = field(default_factory=list)
    _waiting: dict[str, Caller] = field(default_factory=dict)
    _open_bookings: int = 0
    _count: int = 0

    def run(self) -> DayResult:
        """Live through the day, until nobody waits."""
        self.result = DayResult({queue.name: {} for queue in self.scenario.queues})
        if any(queue.callback for queue in self.scenario.queues):
            self._promises = Promises(self._router, self.experience)
        for queue in self.scenario.queues:
            self._feed(QueueDefined(queue.name, queue.target), 0.0)
        for name in self.workers:
            self._engage(name)
        self._next_arrival()
        now = self._closing
        while self._agenda:
            now, _, step = heappop(self._agenda)
            step(now)
            if now >= self._closing and not self._waiting and not self._open_bookings:
                break
        self._close_books(max(now, self._closing))
        return self.result

    @property
    def _closing(self) -> float:
        return self.scenario.closes * HOUR

    def _date(self, now: float) -> float:
        return EPOCH + self.number * DAY + now

    def _at(self, when: float, step: Step) -> None:
        self._count += 1
        heappush(self._agenda, (when, self._count, step))

    def _feed(self, event: Input, now: float) -> None:
        outputs = self._router.handle(event, now)
        if self._promises is not None:
            self._promises.watch(event, outputs, self._date(now))
        for output in outputs:
            if isinstance(output, Reserve):
                self._connect(output, now)

    # Callers

    def _next_arrival(self) -> None:
        caller = next(self.callers, None)
        if caller is not None:
            self._at(caller.arrived, partial(self._arrive, caller))

    def _arrive(self, caller: Caller, now: float) -> None:
        self._next_arrival()
        tally = self._tally(caller)
        tally.calls += 1
        policy = caller.plan.callback
        if policy and caller.whim < policy.accept and self._is_offered(caller, policy, now):
            tally.callbacks += 1
            self._open_bookings += 1
            caller.booking = book(policy, now, self._closing, f"{self.source}/{caller.name}")
            self._plan_attempt(caller, caller.booking, now)
            return
        self._submit(caller, caller.name, now, now)
        if caller.name in self._waiting and caller.patience is not None:
            self._at(now + caller.patience, partial(self._give_up, caller.name))

    def _is_offered(self, caller: Caller, policy: CallbackPolicy, now: float) -> bool:
        """Whether this caller must expect to wait for long."""
        assert self._promises is not None
        queue = caller.plan.name
        position = len(self._router.queues[queue].waiting) + 1
        answer = self._promises.told(queue, caller.priority, position, self._date(now)).answer
        return isinstance(answer, Prediction) and answer.expected > policy.offer_above

    def _submit(self, caller: Caller, name: str, arrived: float, now: float) -> None:
        plan: QueuePlan = caller.plan
        self._count += 1
        caller.joined = now
        self._waiting[name] = caller
        self._feed(Submit(name, plan.name, (plan.target,), arrived, self._count, caller.priority), now)

    def _give_up(self, name: str, now: float) -> None:
        caller = self._waiting.pop(name, None)
        if caller is not None:
            self._lose(caller, now)
            self._feed(Cancel(name, "abandoned"), now)

    def _lose(self, caller: Caller, now: float) -> None:
        tally, waited = self._tally(caller), now - caller.arrived
        tally.abandoned += 1
        tally.delayed += 1
        tally.waited += waited
        self.result.wait(caller.plan.name, waited)
        self._write(caller, now, now, "")

    def _connect(self, reserve: Reserve, now: float) -> None:
        caller, worker = self._waiting.pop(reserve.interaction), self.workers[reserve.agent]
        self.result.serve(worker.since, now, busy=False)
        worker.busy, worker.since = True, now
        self._feed(AgentBusy(reserve.agent, self._version(), worker.skills), now)
        self._feed(Confirm(reserve.interaction, reserve.attempt), now)
        seconds = caller.talk
        if caller.booking is None:
            self._answer(caller, now)
        else:
            seconds = self._dial(caller, caller.booking, now)
        self._write(caller, now, now + seconds, reserve.agent)
        self._at(now + seconds, partial(self._finish, reserve.agent))

    def _answer(self, caller: Caller, now: float) -> None:
        tally, waited = self._tally(caller), now - caller.arrived
        tally.answered += 1
        tally.waited += waited
        tally.delayed += waited > 0
        tally.in_time += waited <= self.scenario.service_level
        self.result.wait(caller.plan.name, waited)

    # Callbacks

    def _plan_attempt(self, caller: Caller, booking: Booking, now: float) -> None:
        """What comes next for a booking: an attempt now or later, or nothing more."""
        if booking.over:
            self._open_bookings -= 1
            tally = self._tally(caller)
            tally.expired += booking.expired
            tally.failed += not booking.expired
        elif booking.due_at is not None:
            self._at(booking.due_at, partial(self._begin, caller, booking))
        else:
            name = f"{caller.name}/{booking.progress.attempt}"
            self._submit(caller, name, booking.progress.arrived_at, now)

    def _begin(self, caller: Caller, booking: Booking, now: float) -> None:
        booking.begin(now)
        self._plan_attempt(caller, booking, now)

    def _dial(self, caller: Caller, booking: Booking, now: float) -> float:
        """Seconds that the agent is kept."""
        tally = self._tally(caller)
        tally.dials += 1
        if not booking.dial(now):
            seconds = booking.plan.no_answer
            self._at(now + seconds, partial(self._not_reached, caller, booking))
            return seconds
        tally.connected += 1
        tally.callback_waited += now - booking.progress.arrived_at
        self._open_bookings -= 1
        return caller.talk

    def _not_reached(self, caller: Caller, booking: Booking, now: float) -> None:
        booking.fail(now)
        self._plan_attempt(caller, booking, now)

    # Agents

    def _engage(self, name: str) -> None:
        for start, end in self.workers[name].spans:
            self._at(start, partial(self._turn_up, name))
            if end < self._closing:
                self._at(end, partial(self._turn_down, name))

    def _on_duty(self, worker: Worker, now: float) -> bool:
        return any(start <= now and (now < end or end >= self._closing) for start, end in worker.spans)

    def _turn_up(self, name: str, now: float) -> None:
        worker = self.workers[name]
        if not worker.present and not worker.busy:
            worker.present, worker.since = True, now
            self._feed(AgentReady(name, self._version(), now, worker.skills), now)

    def _turn_down(self, name: str, now: float) -> None:
        worker = self.workers[name]
        if worker.present and not worker.busy and not self._on_duty(worker, now):
            self.result.serve(worker.since, now, busy=False)
            worker.present = False
            back = any(start > now for start, _ in worker.spans)
            version = self._version()
            self._feed(AgentAway(name, version, worker.skills) if back else AgentGone(name, version), now)

    def _finish(self, name: str, now: float) -> None:
        worker = self.workers[name]
        self.result.serve(worker.since, now, busy=True)
        worker.busy, worker.since = False, now
        if self._on_duty(worker, now):
            self._feed(AgentReady(name, self._version(), now, worker.skills), now)
        else:
            self._turn_down(name, now)

    def _close_books(self, now: float) -> None:
        """Who could not be served has waited in vain; whose turn did not come is not called back."""
        for caller in self._waiting.values():
            if caller.booking is None:
                self._lose(caller, now)
            else:
                self._tally(caller).expired += 1
        for worker in self.workers.values():
            if worker.present:
                self.result.serve(worker.since, now, busy=worker.busy)

    def _tally(self, caller: Caller) -> Tally:
        return self.result.of(caller.plan.name, caller.arrived)

    def _write(self, caller: Caller, left: float, end: float, server: str) -> None:
        if self.record is not None:
            came, gone, over = (self._date(at) for at in (caller.joined, left, end))
            queue, priority = caller.plan.name, caller.priority
            self.record(LoggedCall(came, queue, priority, bool(server), gone, gone, over, server))

    def _version(self) -> int:
        self._count += 1
        return self._count
