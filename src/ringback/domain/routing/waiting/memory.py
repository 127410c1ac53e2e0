"""What prediction has learned, as it is kept over a restart: with a version, and bounded.

Who waits and who serves is not part of it; that is seen anew. Of each window of ratios the latest are kept,
of a queue the lines that it can have, and of numbers six digits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple
from itertools import islice

import msgspec

from .blend import Blend
from .floor import MOST_LINES, Line
from .predictor import FEATURES, Lessons, Predictor
from .promises import Experience, Record
from .regression import Regression
from .spread import Spread

VERSION = 1
MOST_QUEUES = 2000
_KEPT_RATIOS = 100
_KEPT_DIGITS = 6


class Weights(msgspec.Struct, frozen=True, array_like=True):
    """A regression."""

    weights: list[float]
    seen: int
    mass: float
    squares: list[list[float]]
    products: list[float]


class LineMemory(msgspec.Struct, frozen=True, kw_only=True):
    """A line, and what it has taught."""

    priority: int
    last_wait: float
    recent: list[float]
    pace: float
    served: int
    day_parts: dict[int, float]
    bias: dict[int, float]
    blend: list[float]
    stretch: float
    windows: dict[int, list[float]]
    all: list[float]
    weights: Weights


class QueueMemory(msgspec.Struct, frozen=True, kw_only=True):
    """A queue with its lines; `record`: the fields of its Record."""

    version: int
    cycle: float
    cycles: int
    served: int
    abandoned: float
    waited: float
    quits: list[float]
    record: list[float]
    lines: list[LineMemory]


class CommonMemory(msgspec.Struct, frozen=True, kw_only=True):
    """What all lines have taught together."""

    version: int
    weights: Weights


class ForgottenError(ValueError):
    """What was kept cannot be used."""


def keep_common(experience: Experience) -> CommonMemory:
    """What is to be kept beside the queues."""
    return CommonMemory(version=VERSION, weights=_keep_weights(experience.predictor.common))


def keep_queue(experience: Experience, name: str) -> QueueMemory:
    """What is to be kept of a queue. KeyError: there is none of this name."""
    predictor = experience.predictor
    queue = predictor.floor.queues[name]
    lessons = predictor.lessons
    return QueueMemory(
        version=VERSION,
        cycle=queue.cycle,
        cycles=queue.cycles,
        served=queue.served,
        abandoned=queue.abandoned,
        waited=queue.waited,
        quits=_short(queue.quits),
        record=[float(each) for each in astuple(experience.records.get(name, Record()))],
        lines=[
            _keep_line(line, lessons[name, line.priority])
            for line in queue.lines.values()
            if (name, line.priority) in lessons
        ],
    )


def recall_common(experience: Experience, kept: CommonMemory) -> None:
    """Know again what all lines have taught. ForgottenError: it is of another version or shape."""
    if kept.version != VERSION:
        raise ForgottenError("of another version")
    _recall_weights(experience.predictor.common, kept.weights)


def recall_queue(experience: Experience, name: str, kept: QueueMemory) -> None:
    """Know again what a queue has taught. ForgottenError: it is of another version or shape."""
    if kept.version != VERSION or len(kept.lines) > MOST_LINES:
        raise ForgottenError("of another version")
    predictor = experience.predictor
    made = [(line, _recall_lessons(predictor, line)) for line in kept.lines]
    record = _recall_record(kept.record)
    for line, lessons in made:
        here = predictor.floor.line(name, line.priority)
        here.last_wait, here.pace, here.served = line.last_wait, line.pace, line.served
        here.recent.extend(line.recent)
        here.day_parts.update(line.day_parts)
        predictor.lessons[name, line.priority] = lessons
    queue = predictor.floor.line(name, kept.lines[0].priority if kept.lines else 0).queue
    queue.cycle, queue.cycles, queue.served = kept.cycle, kept.cycles, kept.served
    queue.abandoned, queue.waited = kept.abandoned, max(1.0, kept.waited)
    queue.quits.extend(kept.quits)
    experience.records[name] = record


def _keep_line(line: Line, lessons: Lessons) -> LineMemory:
    stretch, windows, whole = lessons.spread.state(_KEPT_RATIOS)
    return LineMemory(
        priority=line.priority,
        last_wait=line.last_wait,
        recent=_short(line.recent),
        pace=line.pace,
        served=line.served,
        day_parts={part: _round(wait) for part, wait in line.day_parts.items()},
        bias={part: _round(bias) for part, bias in lessons.bias.items()},
        blend=list(astuple(lessons.blend)),
        stretch=stretch,
        windows={size: _short(ratios) for size, ratios in windows.items()},
        all=_short(whole),
        weights=_keep_weights(lessons.weights),
    )


def _recall_lessons(predictor: Predictor, kept: LineMemory) -> Lessons:
    if len(kept.blend) != len(astuple(Blend())):
        raise ForgottenError("of another shape")
    lessons = predictor.new_lessons()
    _recall_weights(lessons.weights, kept.weights)
    lessons.blend = Blend(*kept.blend)
    lessons.bias.update(kept.bias)
    lessons.spread = Spread.of(kept.stretch, kept.windows, kept.all)
    return lessons


def _recall_record(kept: list[float]) -> Record:
    if len(kept) != len(astuple(Record())):
        raise ForgottenError("of another shape")
    promised, held, compared, *errors = kept
    return Record(int(promised), int(held), int(compared), *errors)


def _keep_weights(regression: Regression) -> Weights:
    weights, seen, mass, squares, products = regression.state()
    rows = [_short(row) for row in squares]
    return Weights(_short(weights), seen, mass, rows, _short(products))


def _recall_weights(regression: Regression, kept: Weights) -> None:
    rows = [len(row) for row in kept.squares]
    if not len(kept.weights) == len(kept.products) == FEATURES or rows != list(range(1, FEATURES + 1)):
        raise ForgottenError("of another shape")
    regression.resume(kept.weights, kept.seen, kept.mass, kept.squares, kept.products)


def _short(values: Iterable[float]) -> list[float]:
    return [_round(value) for value in islice(values, _KEPT_RATIOS)]


def _round(value: float) -> float:
    return float(f"{value:.{_KEPT_DIGITS}g}")
