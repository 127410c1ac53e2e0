"""A call log, lived through again by every predictor.

Each event is told when it happened, and at one moment first what ends, then what leaves a line, then what
arrives; so a prediction knows what was known at the arrival and nothing else. The first half of the days
trains, the second half is judged, on the calls that waited and were answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import count

import msgspec

from .floor import DAY, Floor, Line
from .predictor import Predictor, Promise
from .score import Figures, Score
from .simple import NAMES, SimpleQueue, Values

OURS = "ringback"
PREDICTORS = (*NAMES, OURS)
_END, _LEAVE, _ARRIVE, _SERVE = 0, 1, 2, 3
_LOOKS = 1000


class LoggedCall(msgspec.Struct, frozen=True):
    """A call; times are epoch seconds. Not answered: the service times are those of queue_exit, no server."""

    arrival: float
    queue: str
    priority: int
    answered: bool
    queue_exit: float
    service_start: float
    service_end: float
    server: str


class QueueReport(msgspec.Struct, frozen=True, kw_only=True):
    """One queue, or all (`queue` is None): calls judged, their mean wait in seconds, and the predictors."""

    queue: str | None
    calls: int
    mean_wait: float | None
    predictors: list[Figures]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the replay."""

    calls: int
    days: int
    training_days: int
    queues: list[QueueReport]


class LogError(ValueError):
    """The log cannot be judged, and why."""


Told = tuple[Promise, Values]


class Replay:
    """One log, one run."""

    def __init__(self, calls: Sequence[LoggedCall]) -> None:
        self._calls = sorted(calls, key=lambda call: call.arrival)
        days = sorted({call.arrival // DAY for call in calls})
        if len(days) < 2:
            raise LogError("a log is judged by its days: there must be two or more")
        self._days = days
        self._judged_from = days[len(days) // 2] * DAY
        self._trained = False
        self._floor = Floor()
        self._ours = Predictor(self._floor)
        self._simple: dict[str, SimpleQueue] = {}
        self._told: dict[int, Told] = {}
        self._scores: dict[str | None, list[Score]] = {None: [Score() for _ in PREDICTORS]}
        self._due: list[tuple[float, int, int, int]] = []
        self._order = count()

    def run(self, look: Callable[[int], None] | None = None) -> Report:
        """Live through all calls; `look` is told now and then how many are done."""
        for index, call in enumerate(self._calls):
            if look is not None and index % _LOOKS == 0:
                look(index)
            self._catch_up((call.arrival, _ARRIVE))
            if not self._trained and call.arrival >= self._judged_from:
                self._end_training()
            self._arrive(index, call)
        self._catch_up((float("inf"), _END))
        return self._report()

    def _catch_up(self, until: tuple[float, int]) -> None:
        due = self._due
        while due and due[0][:2] < until:
            now, kind, _, index = heappop(due)
            call = self._calls[index]
            if kind == _END:
                self._floor.finish(call.server, index, now)
                self._simple[call.queue].finish(call.service_end - call.service_start)
            elif kind == _LEAVE:
                self._leave(index, call)
            else:
                self._serve(index, call)

    def _push(self, when: float, kind: int, index: int) -> None:
        heappush(self._due, (when, kind, next(self._order), index))

    def _arrive(self, index: int, call: LoggedCall) -> None:
        now, floor = call.arrival, self._floor
        line = floor.arrive(call.queue, call.priority, now)
        simple = self._simple.get(call.queue)
        if simple is None:
            simple = self._simple[call.queue] = SimpleQueue()
        if call.queue_exit > now:
            self._tell(index, line, simple, now)
            floor.enter(index, line, now)
            simple.enter(index, now)
            self._push(call.queue_exit, _LEAVE, index)
        elif call.answered:
            simple.enter_service(0.0)
            self._start(index, call)

    def _tell(self, index: int, line: Line, simple: SimpleQueue, now: float) -> None:
        promise = self._ours.promise(line, now)
        values: Values = ()
        if self._trained:
            position = 1 + self._floor.ahead(line.queue, line.priority)
            values = simple.predict(line.queue.present, position, now)
        self._told[index] = (promise, values)

    def _leave(self, index: int, call: LoggedCall) -> None:
        self._floor.leave(index, call.queue_exit, served=call.answered)
        simple = self._simple[call.queue]
        simple.leave(index, call.queue_exit, served=call.answered)
        promise, values = self._told.pop(index)
        if not call.answered:
            return
        waited = call.queue_exit - call.arrival
        simple.enter_service(waited)
        self._ours.learn(promise, waited)
        if values:
            self._judge(call.queue, promise, values, waited)
        self._start(index, call)

    def _start(self, index: int, call: LoggedCall) -> None:
        if not call.server:
            return
        if call.service_start > call.queue_exit:
            self._push(call.service_start, _SERVE, index)
        else:
            self._serve(index, call)

    def _serve(self, index: int, call: LoggedCall) -> None:
        line = self._floor.line(call.queue, call.priority)
        waited = call.queue_exit > call.arrival
        self._floor.serve(call.server, index, line, call.service_start, waited=waited)
        self._push(call.service_end, _END, index)

    def _end_training(self) -> None:
        self._trained = True
        for simple in self._simple.values():
            simple.constant = simple.waited / simple.waits if simple.waits else None

    def _judge(self, queue: str, promise: Promise, values: Values, waited: float) -> None:
        own = self._scores.get(queue)
        if own is None:
            own = self._scores[queue] = [Score() for _ in PREDICTORS]
        known = promise.p90 is not None
        for scores in (own, self._scores[None]):
            for score, value in zip(scores, values, strict=False):
                score.add(value, waited)
            scores[-1].add(promise.expected if known else None, waited, promise.p90)

    def _report(self) -> Report:
        names: list[str | None] = [*sorted(name for name in self._scores if name is not None), None]
        return Report(
            calls=len(self._calls),
            days=len(self._days),
            training_days=len(self._days) // 2,
            queues=[self._queue_report(name) for name in names],
        )

    def _queue_report(self, name: str | None) -> QueueReport:
        scores = self._scores[name]
        ours = scores[-1]
        return QueueReport(
            queue=name,
            calls=ours.calls + ours.unknown,
            mean_wait=ours.waited / ours.calls if ours.calls else None,
            predictors=[score.figures(who) for who, score in zip(PREDICTORS, scores, strict=True)],
        )
