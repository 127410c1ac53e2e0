"""Promised waits against what came of them, as metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ringback.domain.routing.waiting import Experience

_QUEUE = ("tenant", "queue")


class PromiseMetrics(Collector):
    """Reads the records when metrics are asked for. Kept over promised is the coverage of P90; the sum of
    errors over the number compared is their mean.
    """

    def __init__(self, experiences: Mapping[str, Experience]) -> None:
        self._experiences = experiences

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        promised = CounterMetricFamily("tenant_wait_promises", "P90 waits given", labels=_QUEUE)
        kept = CounterMetricFamily("tenant_wait_promises_kept", "Served within P90", labels=_QUEUE)
        compared = CounterMetricFamily("tenant_wait_compared", "Outcomes of both methods", labels=_QUEUE)
        error = CounterMetricFamily(
            "tenant_wait_error_seconds", "Sum of absolute errors", labels=(*_QUEUE, "method")
        )
        falls_back = GaugeMetricFamily(
            "tenant_wait_fallback", "1 while the simple estimate is told", labels=_QUEUE
        )
        for tenant, experience in self._experiences.items():
            for queue, record in experience.records.items():
                place = (tenant, queue)
                promised.add_metric(place, record.promised)
                kept.add_metric(place, record.kept)
                compared.add_metric(place, record.compared)
                error.add_metric((*place, "ringback"), record.ours)
                error.add_metric((*place, "urs"), record.simple)
                falls_back.add_metric(place, float(record.ours_is_worse))
        yield from (promised, kept, compared, error, falls_back)
