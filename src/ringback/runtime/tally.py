"""Metrics of what happens with every message: prometheus_client's own cost more than what they count."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector


class Tally(Collector):
    """A counter: `counts` by the values of its labels, to be added to from the loop's thread alone.

    `exact`: under a name that does not end in `_total`, which a counter would get.
    """

    def __init__(
        self,
        name: str,
        text: str,
        labels: tuple[str, ...],
        registry: CollectorRegistry,
        *,
        exact: bool = False,
    ) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._family = GaugeMetricFamily if exact else CounterMetricFamily
        self.counts: defaultdict[tuple[str, ...], int] = defaultdict(int)
        if not labels:
            self.counts[()] = 0
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """prometheus_client: the counts since the process began."""
        family = self._family(self._name, self._text, labels=self._labels)
        for labels, count in self.counts.items():
            family.add_metric(labels, count)
        yield family


class Durations(Collector):
    """How long things take: how often, and seconds in all, by labels; from the loop's thread alone."""

    def __init__(
        self, name: str, text: str, labels: tuple[str, ...] = (), *, registry: CollectorRegistry
    ) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._counts: defaultdict[tuple[str, ...], int] = defaultdict(int)
        self._seconds: defaultdict[tuple[str, ...], float] = defaultdict(float)
        if not labels:
            self._counts[()] = 0
        registry.register(self)

    def observe(self, seconds: float, *labels: str) -> None:
        """One more."""
        self._counts[labels] += 1
        self._seconds[labels] += seconds

    def time(self, *labels: str) -> Timed:
        """For `with`: how long the block takes, however it ends."""
        return Timed(self, labels)

    def collect(self) -> Iterator[SummaryMetricFamily]:
        """prometheus_client: since the process began."""
        family = SummaryMetricFamily(self._name, self._text, labels=self._labels)
        for labels, count in self._counts.items():
            family.add_metric(labels, count, self._seconds[labels])
        yield family


class Timed:
    """One block of `Durations.time`."""

    __slots__ = ("_began", "_labels", "_of")

    def __init__(self, of: Durations, labels: tuple[str, ...]) -> None:
        self._of, self._labels = of, labels
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._of.observe(time.perf_counter() - self._began, *self._labels)
