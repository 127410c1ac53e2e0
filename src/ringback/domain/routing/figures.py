"""Figures of targets and queues, for thresholds and for those who ask why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import nan

from .ewt import Staff, estimate
from .queue import VirtualQueue
from .standing import Index


def of_index(index: Index, figure: str) -> float:
    """A figure of the agents of a target."""
    if figure == "ready":
        return len(index.ready)
    if figure == "staff":
        return index.staff
    if figure == "busy":
        return index.working - len(index.ready)
    if figure == "waiting":
        return sum(len(line.places) for line in index.queue)
    return nan


def of_queue(queue: VirtualQueue, figure: str, arrived: Callable[[str], float], now: float) -> float:
    """A figure of a virtual queue; `arrived` tells when an interaction came. Seconds."""
    if figure == "waiting":
        return len(queue.waiting)
    if figure == "longest_wait":
        first = queue.waiting.first()
        return now - arrived(first[3]) if first else 0.0
    index = queue.staffed_by
    if figure == "ewt":
        staff = Staff(index.staff, len(index.ready)) if index else Staff(0, 0)
        found = estimate("urs2", queue.history, staff, len(queue.waiting) + 1).seconds
        return found if found >= 0 else nan
    return of_index(index, figure) if index else 0.0


def figure_of(
    index: Index,
    queues: Mapping[str, VirtualQueue],
    arrived: Callable[[str], float],
    now: float,
) -> Callable[[str, str], float]:
    """What a threshold of the target `index` asks: (object, figure) to a number."""

    def figure(object_: str, name: str) -> float:
        if not object_:
            return of_index(index, name)
        queue = queues.get(object_)
        return nan if queue is None else of_queue(queue, name, arrived, now)

    return figure
