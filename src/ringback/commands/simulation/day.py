"""One simulated day: the router core, fed with callers and agents by chance, under a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import log, sqrt
from random import Random

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
from ringback.domain.routing.waiting import Experience, Prediction, Promises
from ringback.domain.routing.waiting.floor import DAY

from .scenario import HOUR, AgentsPlan, CallbackPolicy, Duration, QueuePlan, Scenario, hourly


@dataclass(slots=True)
class Tally:
    """What happened to the callers of one queue on one day; seconds are sums."""

    calls: int = 0
    answered: int = 0
    in_time: int = 0
    delayed: int = 0
    abandoned: int = 0
    waited: float = 0.0
    callbacks: int = 0
    connected: int = 0
    callback_waited: float = 0.0


@dataclass(slots=True)
class DayResult:
    """One day: by queue, and the seconds that agents were busy and on duty."""

    queues: dict[str, Tally]
    busy: float = 0.0
    on_duty: float = 0.0


@dataclass(slots=True)
class Caller:
    """Somebody who has called; `policy`: has taken a callback under it."""

    plan: QueuePlan
    arrived: float
    policy: CallbackPolicy | None = None


@dataclass(slots=True)
class Worker:
    """An agent: on duty in these spans of the day (seconds), last seen doing what."""

    plan: AgentsPlan
    spans: list[tuple[float, float]]
    busy: bool = False
    present: bool = False
    since: float = 0.0


@dataclass(slots=True)
class Day:
    """One day of a scenario. `experience` carries what the predictor has learned from day to day; `number`
    counts the days for it.
    """

    scenario: Scenario
    random: Random
    experience: Experience
    number: int = 0
    result: DayResult = field(init=False)
    _router: Router = field(default_factory=Router)
    _promises: Promises | None = None
    _agenda: list[tuple[float, int, Callable[[float], None]]] = field(default_factory=list)
    _callers: dict[str, Caller] = field(default_factory=dict)
    _workers: dict[str, Worker] = field(default_factory=dict)
    _count: int = 0

    def run(self) -> DayResult:
        """Live through the day, until nobody waits."""
        self.result = DayResult({queue.name: Tally() for queue in self.scenario.queues})
        if any(queue.callback for queue in self.scenario.queues):
            self._promises = Promises(self._router, self.experience)
        for queue in self.scenario.queues:
            self._feed(QueueDefined(queue.name, queue.target), 0.0)
        self._hire()
        for queue in self.scenario.queues:
            self._next_arrival(queue, self._arrivals(queue))
        now = self._closing
        while self._agenda:
            now, _, step = heappop(self._agenda)
            step(now)
            if now >= self._closing and not self._callers:
                break
        self._close_books(max(now, self._closing))
        return self.result

    @property
    def _closing(self) -> float:
        return self.scenario.closes * HOUR

    def _date(self, now: float) -> float:
        return self.number * DAY + now

    def _at(self, when: float, step: Callable[[float], None]) -> None:
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

    def _arrivals(self, queue: QueuePlan) -> Iterator[float]:
        """A Poisson process whose rate changes by the hour."""
        for hour, calls in enumerate(hourly(queue, self.scenario)):
            now = (self.scenario.opens + hour) * HOUR
            end = min(now + HOUR, self._closing)
            while calls > 0 and (now := now + self.random.expovariate(calls / HOUR)) < end:
                yield now

    def _next_arrival(self, queue: QueuePlan, arrivals: Iterator[float]) -> None:
        when = next(arrivals, None)
        if when is not None:
            self._at(when, lambda now: self._arrive(queue, arrivals, now))

    def _arrive(self, queue: QueuePlan, arrivals: Iterator[float], now: float) -> None:
        self._next_arrival(queue, arrivals)
        self._count += 1
        name = f"{queue.name}-{self._count}"
        caller = self._callers[name] = Caller(queue, now)
        tally = self.result.queues[queue.name]
        tally.calls += 1
        if queue.callback and self._takes_callback(queue, queue.callback, now):
            caller.policy = queue.callback
            tally.callbacks += 1
        self._feed(Submit(name, queue.name, (queue.target,), now, self._count, queue.priority), now)
        if name in self._callers and queue.patience and caller.policy is None:
            self._at(now + draw(queue.patience, self.random), lambda then: self._give_up(name, then))

    def _takes_callback(self, queue: QueuePlan, policy: CallbackPolicy, now: float) -> bool:
        assert self._promises is not None
        waiting = len(self._router.queues[queue.name].waiting)
        answer = self._promises.told(queue.name, queue.priority, waiting + 1, self._date(now)).answer
        long = isinstance(answer, Prediction) and answer.expected > policy.offer_above
        return long and self.random.random() < policy.accept

    def _give_up(self, name: str, now: float) -> None:
        caller = self._callers.pop(name, None)
        if caller is not None:
            tally = self.result.queues[caller.plan.name]
            tally.abandoned += 1
            tally.waited += now - caller.arrived
            tally.delayed += 1
            self._feed(Cancel(name, "abandoned"), now)

    def _connect(self, reserve: Reserve, now: float) -> None:
        caller, worker = self._callers.pop(reserve.interaction), self._workers[reserve.agent]
        self.result.on_duty += now - worker.since
        worker.busy, worker.since = True, now
        self._feed(AgentBusy(reserve.agent, self._version(), worker.plan.skills), now)
        self._feed(Confirm(reserve.interaction, reserve.attempt), now)
        seconds = self._talk(caller, now)
        self._at(now + seconds, lambda then: self._finish(reserve.agent, then))

    def _talk(self, caller: Caller, now: float) -> float:
        """Seconds that the caller keeps the agent."""
        plan, tally, waited = caller.plan, self.result.queues[caller.plan.name], now - caller.arrived
        if caller.policy is not None:
            tally.callback_waited += waited
            if self.random.random() >= caller.policy.reached:
                return caller.policy.no_answer
            tally.connected += 1
        else:
            tally.answered += 1
            tally.waited += waited
            tally.delayed += waited > 0
            tally.in_time += waited <= self.scenario.service_level
        after = draw(plan.after_call, self.random) if plan.after_call else 0.0
        return draw(plan.service, self.random) + after

    # Agents

    def _hire(self) -> None:
        for group, plan in enumerate(self.scenario.agents):
            for number in range(plan.count):
                name = f"agent-{group}-{number}"
                worker = self._workers[name] = Worker(plan, list(spans_of(plan, self.scenario)))
                for start, end in worker.spans:
                    self._at(start, lambda now, name=name: self._turn_up(name, now))  # type: ignore[misc]
                    if end < self._closing:
                        self._at(end, lambda now, name=name: self._turn_down(name, now))  # type: ignore[misc]

    def _on_duty(self, worker: Worker, now: float) -> bool:
        return any(start <= now and (now < end or end >= self._closing) for start, end in worker.spans)

    def _turn_up(self, name: str, now: float) -> None:
        worker = self._workers[name]
        if not worker.present and not worker.busy:
            worker.present, worker.since = True, now
            self._feed(AgentReady(name, self._version(), now, worker.plan.skills), now)

    def _turn_down(self, name: str, now: float) -> None:
        worker = self._workers[name]
        if worker.present and not worker.busy and not self._on_duty(worker, now):
            self.result.on_duty += now - worker.since
            worker.present = False
            back = any(start > now for start, _ in worker.spans)
            version = self._version()
            away = AgentAway(name, version, worker.plan.skills) if back else AgentGone(name, version)
            self._feed(away, now)

    def _finish(self, name: str, now: float) -> None:
        worker = self._workers[name]
        self.result.busy += now - worker.since
        self.result.on_duty += now - worker.since
        worker.busy, worker.since = False, now
        if self._on_duty(worker, now):
            self._feed(AgentReady(name, self._version(), now, worker.plan.skills), now)
        else:
            self._turn_down(name, now)

    def _close_books(self, now: float) -> None:
        for worker in self._workers.values():
            if worker.present:
                self.result.busy += (now - worker.since) * worker.busy
                self.result.on_duty += now - worker.since

    def _version(self) -> int:
        self._count += 1
        return self._count


def spans_of(plan: AgentsPlan, scenario: Scenario) -> Iterator[tuple[float, float]]:
    """When the agents are on duty: the shift without its breaks, in seconds of the day."""
    start = scenario.opens if plan.starts is None else plan.starts
    end = scenario.closes if plan.ends is None else plan.ends
    for pause, back in sorted(plan.breaks):
        if start < pause < end:
            yield start * HOUR, pause * HOUR
            start = back
    if start < end:
        yield start * HOUR, end * HOUR


def draw(duration: Duration, random: Random) -> float:
    """One time by chance; seconds."""
    if duration.distribution == "fixed":
        return duration.mean
    if duration.distribution == "exponential":
        return random.expovariate(1 / duration.mean)
    spread = log(1 + duration.cv**2)
    return random.lognormvariate(log(duration.mean) - spread / 2, sqrt(spread))


def simulate(scenario: Scenario, days: int, seed: int) -> list[DayResult]:
    """So many days, each from empty; the same seed gives the same days."""
    random, experience = Random(seed), Experience()  # noqa: S311 - chance, not secrets
    return [Day(scenario, random, experience, number).run() for number in range(days)]
