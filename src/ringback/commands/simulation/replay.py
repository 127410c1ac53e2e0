"""A call log, lived through again under other rules.

Who calls, and when, is known from the log, and so is how long each answered call kept its agent and after how
long each abandoned one was given up. What it cannot tell is drawn: how much longer a caller who was answered
would have waited (at the queue's rate of giving up, which has no memory), and how long a caller who gave up
would have talked (as one of the answered calls of the queue did).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import msgspec

from ringback.domain.routing.waiting import Experience, LogError, LoggedCall

from .agents import Worker, hired
from .callers import Caller, draw
from .day import Day, Record
from .scenario import QueuePlan, Scenario
from .tally import HOUR, DayResult

AS_IT_WAS = "as it was"


@dataclass(slots=True)
class QueueHabits:
    """What the log tells of a queue; seconds. `lost` callers gave up, all waited `waited` together."""

    talks: list[float] = field(default_factory=list)
    lost: int = 0
    waited: float = 0.0

    def residual(self, chance: Random) -> float | None:
        """How much longer somebody would have waited; None: nobody gives up here."""
        return chance.expovariate(self.lost / self.waited) if self.lost and self.waited else None


@dataclass(frozen=True, slots=True)
class LogDay:
    """The calls of one day in the rules' time zone; `midnight` in epoch seconds."""

    midnight: float
    calls: list[LoggedCall]

    def seconds(self, when: float) -> float:
        """The second of the day."""
        return when - self.midnight


def by_day(calls: Sequence[LoggedCall], zone: str) -> list[LogDay]:
    """The log's days on which there are calls."""
    days: dict[float, LogDay] = {}
    midnight, ends = 0.0, -1.0
    for call in sorted(calls, key=lambda call: call.arrival):
        if not midnight <= call.arrival < ends:
            midnight, ends = _day_of(call.arrival, ZoneInfo(zone))
        days.setdefault(midnight, LogDay(midnight, [])).calls.append(call)
    return list(days.values())


def _day_of(when: float, zone: ZoneInfo) -> tuple[float, float]:
    try:
        start = (
            datetime.fromtimestamp(when, UTC)
            .astimezone(zone)
            .replace(hour=0, minute=0, second=0, microsecond=0)
        )
        return start.timestamp(), (start + timedelta(days=1)).timestamp()
    except (ValueError, OverflowError, OSError):
        raise LogError(f"arrival {when} is no time in epoch seconds") from None


def habits_of(calls: Sequence[LoggedCall]) -> dict[str, QueueHabits]:
    """What the log tells, by queue."""
    habits: dict[str, QueueHabits] = {}
    for call in calls:
        habit = habits.setdefault(call.queue, QueueHabits())
        habit.waited += call.queue_exit - call.arrival
        if not call.answered:
            habit.lost += 1
        elif call.service_end > call.service_start:
            habit.talks.append(call.service_end - call.service_start)
    return habits


def actual(days: Sequence[LogDay], rules: Scenario) -> list[DayResult]:
    """What happened, counted as the simulation counts."""
    return [_actual_day(day, rules) for day in days]


def _actual_day(day: LogDay, rules: Scenario) -> DayResult:
    result = DayResult({queue.name: {} for queue in rules.queues})
    for call in day.calls:
        tally, waited = result.of(call.queue, day.seconds(call.arrival)), call.queue_exit - call.arrival
        tally.calls += 1
        tally.waited += waited
        tally.delayed += waited > 0
        tally.answered += call.answered
        tally.abandoned += not call.answered
        tally.in_time += call.answered and waited <= rules.service_level
        result.wait(call.queue, waited)
    for name, worker in _seen_at_work(day).items():
        for start, end in worker.spans:
            result.serve(start, end, busy=False)
        for call in day.calls:
            if call.server == name:
                hour = int(day.seconds(call.service_start) // HOUR)
                if hour in result.duty:
                    result.duty[hour].busy += call.service_end - call.service_start
    return result


def _seen_at_work(day: LogDay) -> dict[str, Worker]:
    """The log's servers: on duty from their first call to the end of their last, skilled in what they served.

    Those who were there when the day's last call came stay until nobody waits.
    """
    workers: dict[str, Worker] = {}
    for call in day.calls:
        if call.server:
            start, end = day.seconds(call.service_start), day.seconds(call.service_end)
            worker = workers.setdefault(call.server, Worker({}, [(start, end)]))
            first, latest = worker.spans[0]
            worker.spans[0] = (min(first, start), max(latest, end))
            worker.skills = {**worker.skills, call.queue: 1}
    return workers


@dataclass(frozen=True, slots=True)
class Replayed:
    """A log under rules, as a source of days."""

    name: str
    rules: Scenario
    log: Sequence[LogDay]
    habits: dict[str, QueueHabits]
    seed: int

    @property
    def days(self) -> int:
        """How many there are."""
        return len(self.log)

    def run(self, record: Record | None = None) -> Iterator[DayResult]:
        """The log's days, each from empty."""
        experience = Experience()
        plans = {queue.name: queue for queue in self.rules.queues}
        for number, day in enumerate(self.log):
            source = f"{self.seed}/{number}"
            scenario, workers = self._staffed(day)
            callers = self._callers(day, plans, Random(source))  # noqa: S311 - chance, not secrets
            yield Day(scenario, callers, workers, experience, number, source, record).run()

    def _staffed(self, day: LogDay) -> tuple[Scenario, dict[str, Worker]]:
        if self.rules.agents:
            return self.rules, hired(self.rules)
        closes = min(24.0, (day.seconds(day.calls[-1].arrival) + 1.0) / HOUR)
        return msgspec.structs.replace(self.rules, closes=closes, opens=0.0), _seen_at_work(day)

    def _callers(self, day: LogDay, plans: dict[str, QueuePlan], chance: Random) -> Iterator[Caller]:
        for number, call in enumerate(day.calls):
            plan, habit = plans[call.queue], self.habits[call.queue]
            talk = self._talk(call, plan, habit, chance)
            patience = _patience(call, plan, habit, chance)
            level = call.priority if plan.priority is None else plan.priority
            arrived = day.seconds(call.arrival)
            yield Caller(f"{call.queue}-{number}", plan, arrived, talk, patience, chance.random(), level)

    def _talk(self, call: LoggedCall, plan: QueuePlan, habit: QueueHabits, chance: Random) -> float:
        if plan.service:
            talk = draw(plan.service, chance)
        elif call.answered and call.service_end > call.service_start:
            talk = call.service_end - call.service_start
        else:
            talk = chance.choice(habit.talks)
        return talk + (draw(plan.after_call, chance) if plan.after_call else 0.0)


def _patience(call: LoggedCall, plan: QueuePlan, habit: QueueHabits, chance: Random) -> float | None:
    if plan.patience:
        return draw(plan.patience, chance)
    waited = call.queue_exit - call.arrival
    if not call.answered:
        return waited
    more = habit.residual(chance)
    return None if more is None else waited + more


def replayed(name: str, rules: Scenario, calls: Sequence[LoggedCall], seed: int) -> Replayed:
    """The log under these rules. LogError: they do not fit each other."""
    if not calls:
        raise LogError("there are no calls in the log")
    habits = habits_of(calls)
    plans = {queue.name: queue for queue in rules.queues}
    for queue, habit in habits.items():
        if queue not in plans:
            raise LogError(f"{name}: the log has calls of the queue {queue!r}, the rules do not name it")
        if not habit.talks and plans[queue].service is None:
            raise LogError(f"{name}: the log does not tell how long calls of {queue!r} last; give `service`")
    return Replayed(name, rules, by_day(calls, rules.zone), habits, seed)
