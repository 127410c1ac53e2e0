"""Queues and groups for Prometheus: the current figures, and what has been counted since the start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ringback.services.tenant.figures import Figures

_QUEUE = ("tenant", "type", "queue")
_GROUP = ("tenant", "group", "state")
_STATES = ("logged_in", "ready", "not_ready", "reserved", "ringing", "talking", "held", "acw")
_COUNTED = ("call_entered", "call_answered", "call_abandoned", "short", "in_time", "callback_answered")


class FigureMetrics(Collector):
    """Reads the totals when metrics are asked for. Agents are not among them: they would be too many."""

    def __init__(self, figures: Mapping[str, Figures]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        waiting = GaugeMetricFamily("tenant_queue_waiting", "Waiting, by kind", labels=(*_QUEUE, "kind"))
        longest = GaugeMetricFamily("tenant_queue_longest_wait_seconds", "Oldest waiting call", labels=_QUEUE)
        counted = CounterMetricFamily(
            "tenant_queue_interactions", "What became of interactions", labels=(*_QUEUE, "what")
        )
        agents = GaugeMetricFamily("tenant_group_agents", "Agents of a group, by state", labels=_GROUP)
        for tenant, figures in self._figures.items():
            for subject, queue in figures.floor.queues.items():
                place = (tenant, subject.type, subject.id)
                longest.add_metric(place, queue.longest)
                for kind, number in queue.numbers.items():
                    waiting.add_metric((*place, kind), number)
                for what in _COUNTED:
                    totals = queue.measured.totals.get(what)
                    counted.add_metric((*place, what), totals.count if totals else 0)
            for group, measured in figures.floor.groups.items():
                for state in _STATES:
                    agents.add_metric((tenant, group, state), measured.level(state))
        yield from (waiting, longest, counted, agents)
