"""Ringback's own prediction of a waiting time.

A caller's wait is the time that the servers need to take everybody before him. It is told by several rough
estimates (features, all in seconds): the wait of the last who entered service, the age of the head of the
line, the mean of the last ten, the recent pace per place, the recent interval of departures, the work ahead
divided by the servers present (of at least his priority; of everybody; with those who will overtake him; less
those who will give up), and what is usual at this time of day. How far each can be trusted is learned from
the outcomes, over all lines and for each line; a line of which little is known leans on all. As long as all
this has not proved to know better than the work ahead alone, that one is told (see `blend`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import log1p

from .blend import Blend
from .floor import Floor, Line, day_part
from .regression import Regression
from .spread import Spread

NO_INTERACTIONS, NO_AGENTS, AGENTS_AWAY = "no_interactions", "no_agents", "agents_away"

_LEAST = 0.5
_FARTHEST = 2.0
"""A prediction is at most so many times the largest of the rough estimates."""
_UNIT = 10.0
_DRAINED = 6
FEATURES = 12
_PRIOR = tuple(float(index == _DRAINED) for index in range(FEATURES))
_MEMORY = 100_000
_STRENGTH_ALL, _STRENGTH_LINE = 200, 200
_SPREAD_FROM = 30.0
_BIAS_GAIN = 0.02
_UNUSUAL = 20.0
_RATE_UNKNOWN = 0.01


@dataclass(frozen=True, slots=True)
class Prediction:
    """Seconds: the expected wait, its median, and the time within which nine in ten are served."""

    expected: float
    p50: float
    p90: float


@dataclass(frozen=True, slots=True)
class Unknown:
    """`reason`: `no_interactions` (too few have been served to tell), `no_agents` or `agents_away` (all)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Promise:
    """What a caller could be told on joining a line, kept until the outcome is known; seconds.

    `righted` is what the work ahead alone says, `fitted` what all estimates say together, `expected` what is
    told.
    """

    line: Line
    made: float
    features: tuple[float, ...]
    righted: float
    fitted: float
    expected: float
    p50: float | None
    p90: float | None

    @property
    def told(self) -> Prediction | Unknown:
        """As it is said to people."""
        if self.p50 is None or self.p90 is None:
            return Unknown(NO_INTERACTIONS)
        return Prediction(self.expected, self.p50, self.p90)


@dataclass(slots=True)
class Lessons:
    """What one line has taught. `bias`: by half hour, outcome over the work ahead."""

    weights: Regression
    spread: Spread = field(default_factory=Spread)
    blend: Blend = field(default_factory=Blend)
    bias: dict[int, float] = field(default_factory=dict)


class Predictor:
    """Predicts for the lines of one floor and learns from what comes of it."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.common = Regression(_PRIOR, memory=_MEMORY, strength=_STRENGTH_ALL)
        self.lessons: dict[tuple[str, int], Lessons] = {}

    def promise(
        self, line: Line, now: float, ahead: int | None = None, servers: int | None = None
    ) -> Promise:
        """The prediction for a call that would have to wait, before it is entered into the floor.

        `ahead`: how many of its own queue stand before it; when not given, all of at least its priority.
        `servers`: how many serve the queue; when not given, those that are seen to.
        """
        lessons = self._of(line)
        features = self._features(line, lessons, now, ahead, servers)
        most = _FARTHEST * max(features[1:])
        fitted = max(_LEAST, min(lessons.weights.predict(features), most))
        righted = lessons.blend.righted(features[_DRAINED])
        expected = max(_LEAST, min(lessons.blend.between(righted, fitted), most))
        p50, p90 = lessons.spread.quantiles(expected) or (None, None)
        return Promise(line, now, features, righted, fitted, expected, p50, p90)

    def at(self, line: Line, now: float, ahead: int, servers: int | None = None) -> Prediction | Unknown:
        """The wait from now of somebody with so many of the queue before him.

        What is told at the end of the line is brought to his place by the work ahead, so that whoever is
        farther from being served is never told less.
        """
        end = self.promise(line, now, None, servers)
        place = self.promise(line, now, ahead, servers)
        expected = max(_LEAST, end.expected * place.righted / end.righted)
        p50, p90 = self._of(line).spread.quantiles(expected) or (None, None)
        return replace(end, expected=expected, p50=p50, p90=p90).told

    def learn(self, promise: Promise, waited: float) -> None:
        """The call was served after `waited` seconds. Who gives up does not say how long it would have been;
        that is learned as the impatience of the queue. What is beyond all measure (a clock was set) is taken
        for a long wait.
        """
        waited = max(0.0, min(waited, _UNUSUAL * max(promise.expected, _SPREAD_FROM)))
        lessons, features = self._of(promise.line), promise.features
        lessons.spread.learn(promise.expected, promise.p90, waited)
        part = day_part(promise.made)
        bias = lessons.bias.get(part, 1.0)
        lessons.bias[part] = bias + _BIAS_GAIN * (waited / max(1.0, features[_DRAINED]) - bias)
        scale = (_SPREAD_FROM + promise.expected) ** 0.5
        lessons.blend.learn(features[_DRAINED], promise.righted, promise.fitted, waited, scale)
        self.common.learn(features, waited, scale, _PRIOR)
        lessons.weights.learn(features, waited, scale, self.common.weights)

    def _features(
        self, line: Line, lessons: Lessons, now: float, ahead: int | None, servers: int | None
    ) -> tuple[float, ...]:
        floor, queue = self.floor, line.queue
        floor.look(now)
        own = floor.ahead(queue, line.priority)
        before, everybody, overtaking = floor.pressure(queue, line.priority, now)
        if ahead is not None:
            before, everybody, own = before + ahead - own, everybody + ahead - own, ahead
        present = queue.present if servers is None else servers
        rate = max(1, present) / queue.cycle if queue.cycle else _RATE_UNKNOWN
        drained = drain(max(0.0, before) + 1.0, rate, queue.impatience)
        mean = sum(line.recent) / len(line.recent) if line.recent else 0.0
        part = day_part(now)
        return (
            _UNIT,
            line.last_wait,
            line.head_age(now),
            mean,
            (own + 1) * line.pace,
            (own + 1) * queue.quit_interval,
            drained,
            drain(max(0.0, everybody) + 1.0, rate, queue.impatience),
            drained * min(2.0, overtaking / rate),
            line.day_parts.get(part, mean),
            (max(0.0, before) + 1.0) / rate,
            drained * lessons.bias.get(part, 1.0),
        )

    def _of(self, line: Line) -> Lessons:
        key = (line.queue.name, line.priority)
        lessons = self.lessons.get(key)
        if lessons is None:
            lessons = self.lessons[key] = self.new_lessons()
        return lessons

    def new_lessons(self) -> Lessons:
        """Those of a line of which nothing is known yet: it leans on all."""
        return Lessons(Regression(self.common.weights, memory=_MEMORY, strength=_STRENGTH_LINE))


def drain(places: float, rate: float, impatience: float) -> float:
    """Seconds until `places` are empty: `rate` a second are served, `impatience` of each give up."""
    if impatience <= 1e-9:
        return places / rate
    return log1p(places * impatience / rate) / impatience
