"""The predictor beside a router that works: it watches, promises, and is judged by what comes of it.

Each caller who has to wait is given two promises when joining the line, ours and the simple one (`urs`); when
the caller is served both are compared with the outcome. While ours has lately been worse in a queue, that
queue is told the simple one. Where callers join a line faster than APART, those between are told what was
promised last, brought to their place, and their outcomes teach nothing: twenty a second teach enough.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..ewt import Estimate, estimate
from ..messages import (
    AgentAway,
    AgentGone,
    AgentReady,
    Grown,
    Input,
    Left,
    Output,
    Reprioritize,
    Requeued,
    Reserve,
    Submit,
)
from ..queue import WAITING, VirtualQueue
from ..router import Router
from .floor import Floor, Line
from .predictor import AGENTS_AWAY, NO_AGENTS, NO_INTERACTIONS, Prediction, Predictor, Promise, Unknown

_NOT_BUSY = (AgentReady, AgentAway, AgentGone)
OURS, SIMPLE, STAND_IN = "ringback", "urs", "urs2"
ROUTED = "routed"

_ENOUGH = 30
"""Outcomes before one of the two is called worse."""
_WORSE = 1.05
_GAIN = 0.02
APART = 0.05
"""Seconds between two promises of one line."""
_FRESH = 0.5
"""Seconds for which a promise of one in line is still the answer."""


@dataclass(frozen=True, slots=True)
class Told:
    """An answer about a wait: by whose method, and the time or why it is not known."""

    method: str
    answer: Prediction | Unknown


@dataclass(slots=True)
class Record:
    """Promise against outcome in one queue. Absolute errors in seconds; `lately`: the latest count most."""

    promised: int = 0
    kept: int = 0
    compared: int = 0
    ours: float = 0.0
    simple: float = 0.0
    ours_lately: float = 0.0
    simple_lately: float = 0.0

    def promise(self, p90: float, waited: float) -> None:
        """What came of a P90."""
        self.promised += 1
        self.kept += waited <= p90

    def compare(self, ours: float, simple: float) -> None:
        """Both errors of one outcome."""
        self.compared += 1
        self.ours += ours
        self.simple += simple
        gain = max(_GAIN, 1 / self.compared)
        self.ours_lately += gain * (ours - self.ours_lately)
        self.simple_lately += gain * (simple - self.simple_lately)

    @property
    def ours_is_worse(self) -> bool:
        """Whether the simple one is to be told."""
        return self.compared >= _ENOUGH and self.ours_lately > _WORSE * self.simple_lately


class Experience:
    """What has been learned, and how good it proved. It outlives the router that it was learned beside."""

    def __init__(self) -> None:
        self.predictor = Predictor(Floor())
        self.records: dict[str, Record] = {}


@dataclass(slots=True)
class Open:
    """A promise whose outcome is not known yet."""

    promise: Promise
    simple: float | None


@dataclass(slots=True)
class Latest:
    """The last promise of a line, and the position for which it was made."""

    promise: Promise
    position: int


class Promises:
    """Watches one router, from before its first input."""

    def __init__(self, core: Router, experience: Experience) -> None:
        self._core = core
        self._predictor = experience.predictor
        self._records = experience.records
        self._floor = experience.predictor.floor
        self._floor.clear()
        self._open: dict[str, Open] = {}
        self._latest: dict[tuple[str, int], Latest] = {}
        self._lines: dict[str, Line] = {}
        self._agents: dict[str, str] = {}
        self._serving: dict[str, str] = {}

    def told(self, queue: str, priority: int, position: int, now: float) -> Told:
        """The wait from now of somebody at `position` (1 is next) of a queue that the router knows."""
        found, staff = self._core.queues[queue], self._core.staff(queue)
        if staff.ready >= position and not found.waiting:
            return Told(OURS, Prediction(0.0, 0.0, 0.0))
        if not working(found):
            return Told(OURS, Unknown(AGENTS_AWAY if staff.logged_in else NO_AGENTS))
        if self.falls_back(queue):
            return Told(SIMPLE, _simple_answer(self._simple(found, position)))
        line, ahead = self._floor.line(queue, priority), max(0, position - 1)
        return Told(OURS, self._predictor.at(line, now, ahead, working(found)))

    def expected(self, interaction: str, now: float) -> float:
        """Seconds that an interaction in line has still to wait, -1 unknown; see `in_one_number`."""
        waiting = self._core.interactions[interaction]
        opened, queue = self._open.get(interaction), waiting.queue.name
        position = self._core.position(interaction)
        if not self.falls_back(queue):
            if opened is not None and now - opened.promise.made < _FRESH:
                return self._or_stand_in(opened.promise.told, queue, position)
            latest = self._latest.get((queue, waiting.priority))
            if opened is None and latest is not None and _follows(latest, now):
                return self._between(latest, queue, position)
        return self.in_one_number(queue, waiting.priority, position, now)

    def _between(self, latest: Latest, queue: str, position: int) -> float:
        """What somebody near the last promised is told."""
        answer = latest.promise.told
        if isinstance(answer, Prediction):
            return answer.expected * position / latest.position
        return self._or_stand_in(answer, queue, position)

    def in_one_number(self, queue: str, priority: int, position: int, now: float) -> float:
        """The wait where there is no room for more than seconds, -1 unknown: as told, and where ours does
        not know yet, by the handling time and the agents.
        """
        return self._or_stand_in(self.told(queue, priority, position, now).answer, queue, position)

    def _or_stand_in(self, answer: Prediction | Unknown, queue: str, position: int) -> float:
        if isinstance(answer, Prediction):
            return answer.expected
        found = self._core.queues[queue]
        return estimate(STAND_IN, found.history, self._core.staff(queue), position).seconds

    def falls_back(self, queue: str) -> bool:
        """Whether the queue is told the simple estimate."""
        record = self._records.get(queue)
        return record is not None and record.ours_is_worse

    def watch(self, event: Input | None, outputs: list[Output], now: float) -> None:
        """The router has taken `event` (None: a timer) at `now`, and this came of it."""
        if isinstance(event, Submit):
            self._submitted(event, now)
        elif isinstance(event, _NOT_BUSY):
            self._finish(event.agent, now)
        elif isinstance(event, Reprioritize):
            self._reprioritized(event.interaction)
        for output in outputs:
            if isinstance(output, Reserve):
                self._agents[output.interaction] = output.agent
            elif isinstance(output, Left):
                self._left(output, now)
            elif isinstance(output, Requeued):
                self._requeued(output.interaction, now)
            elif isinstance(output, Grown):
                self._reprioritized(output.interaction)

    def _submitted(self, event: Submit, now: float) -> None:
        interaction = self._core.interactions.get(event.interaction)
        if interaction is None or event.interaction in self._lines:
            return
        line = self._floor.arrive(event.queue, interaction.priority, now)
        self._lines[event.interaction] = line
        if interaction.state != WAITING:
            return
        queue, key = self._core.queues[event.queue], (event.queue, line.priority)
        latest = self._latest.get(key)
        if working(queue) and not (latest and _follows(latest, now)):
            position = self._core.position(event.interaction)
            simple = self._simple(queue, position).seconds
            promise = self._promise(line, position, now)
            self._latest[key] = Latest(promise, position)
            self._open[event.interaction] = Open(promise, simple if simple >= 0 else None)
        self._floor.enter(event.interaction, line, now)

    def _reprioritized(self, name: str) -> None:
        """What was promised was promised for another place."""
        line, interaction = self._lines.get(name), self._core.interactions.get(name)
        if line is not None and interaction is not None and line.priority != interaction.priority:
            self._open.pop(name, None)
            self._floor.reprioritize(name, interaction.priority)
            self._lines[name] = self._floor.line(line.queue.name, interaction.priority)

    def _requeued(self, interaction: str, now: float) -> None:
        line = self._lines.get(interaction)
        if line is not None and interaction not in self._floor.entries:
            self._floor.enter(interaction, line, now)

    def _left(self, left: Left, now: float) -> None:
        line = self._lines.pop(left.interaction, None)
        agent = self._agents.pop(left.interaction, None)
        opened = self._open.pop(left.interaction, None)
        routed = left.outcome == ROUTED
        entry = self._floor.leave(left.interaction, now, served=routed)
        if line is None or not routed:
            return
        if agent is not None:
            self._floor.serve(agent, left.interaction, line, now, waited=entry is not None)
            self._serving[agent] = left.interaction
        if opened is not None:
            self._judge(opened, now)

    def _judge(self, opened: Open, now: float) -> None:
        promise = opened.promise
        waited, queue = now - promise.made, promise.line.queue.name
        self._predictor.learn(promise, waited)
        if promise.p90 is None:
            return
        record = self._records.setdefault(queue, Record())
        record.promise(promise.p90, waited)
        if opened.simple is not None:
            record.compare(abs(waited - promise.expected), abs(waited - opened.simple))

    def _finish(self, agent: str, now: float) -> None:
        call = self._serving.pop(agent, None)
        if call is not None:
            self._floor.finish(agent, call, now)

    def _promise(self, line: Line, position: int, now: float) -> Promise:
        servers = working(self._core.queues[line.queue.name])
        return self._predictor.promise(line, now, max(0, position - 1), servers)

    def _simple(self, queue: VirtualQueue, position: int) -> Estimate:
        return estimate(SIMPLE, queue.history, self._core.staff(queue.name), position)


def working(queue: VirtualQueue) -> int:
    """The agents who serve a queue and are ready or busy: those who are away take nobody from the line."""
    return queue.staffed_by.working if queue.staffed_by else 0


def _follows(latest: Latest, now: float) -> bool:
    """Whether somebody who joins now comes right after the last who was promised anything."""
    return 0.0 <= now - latest.promise.made < APART


def _simple_answer(found: Estimate) -> Prediction | Unknown:
    """The simple one knows one number: it stands for all three."""
    if found.seconds < 0:
        return Unknown(found.reason or NO_INTERACTIONS)
    return Prediction(found.seconds, found.seconds, found.seconds)
