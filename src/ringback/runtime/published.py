"""What every service tells under the names that the original's dashboards ask for.

Levels: `…_health_level` 2 all is well, 1 something that it needs is away, 0 not ready; `…_redis_state` 2
ready, 0 disconnected; `…_config_node_status` 0 when the last request to config failed, else 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ringback import __version__
from ringback.runtime.logs import WRITTEN
from ringback.runtime.outgoing import BOUNDS_S, NO_ANSWER, Neighbour

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.runtime.http_door import HttpDoor

LEVELS: dict[str, tuple[str, ...]] = {
    "agent_state": (
        "agent_health_level",
        "agent_redis_state",
        "agent_stream_redis_state",
        "agent_config_node_status",
    ),
    "call_state": ("callthread_health_level", "callthread_redis_state"),
    "config": ("config_redis_state",),
    "dialplan": ("dialplan_health_level", "dialplan_redis_state", "dialplan_config_node_status"),
    "registrar": ("registrar_health_level", "registrar_redis_state"),
    "sip_cluster": ("sipnode_health_level", "sipnode_redis_state", "sipnode_config_node_status"),
    "sip_proxy": ("sipproxy_config_node_status",),
    "tenant": ("tenant_service_health_level", "tenant_redis_state"),
}
"""Of each service, the names that it has."""


def exact(name: str, text: str, labels: tuple[str, ...], registry: CollectorRegistry) -> Gauge:
    """What is counted under a name that does not end in `_total`: a counter would get that end."""
    return Gauge(name, text, labels, registry=registry)


class Published(Collector):
    """The metrics of one service that come from what it stands on."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def describe(self) -> Iterable[Metric]:
        """Nothing is asked before somebody reads."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """As Prometheus reads it."""
        version = GaugeMetricFamily(
            "service_version_info", "The version that runs", labels=["container", "version"]
        )
        version.add_metric([self._ctx.service, __version__], 1.0)
        yield version
        for name in LEVELS.get(self._ctx.service, ()):
            yield GaugeMetricFamily(name, "See the levels in the operations guide", value=self._level(name))
        yield from _logs(self._ctx.service)
        yield from _requests(self._ctx.outgoing.http)
        yield from _doors(self._ctx.http_doors)
        cut_off = CounterMetricFamily(
            "link_server_cut_off", "Sessions that were ended, by reason", labels=["listener", "why"]
        )
        for labels, number in self._ctx.cut_off.items():
            cut_off.add_metric(labels, number)
        yield cut_off
        yield from self._rq_client()

    def _level(self, name: str) -> float:
        if name.endswith("redis_state"):
            return 2.0 if self._ctx.valkey.connected else 0.0
        if name.endswith("config_node_status"):
            config = self._ctx.outgoing.http.get("config")
            return 0.0 if config is not None and config.failing else 1.0
        if not self._ctx.ready or not self._ctx.valkey.connected:
            return 0.0
        return 2.0 if all(self._ctx.checks().values()) else 1.0

    def _rq_client(self) -> Iterator[Metric]:
        """Of services that are clients of rq."""
        for service, client in self._ctx.links:
            if service != "rq":
                continue
            state = 2.0 if client.connected else 0.0
            yield GaugeMetricFamily("rq_client_state", "2 connected, 0 not", value=state)
            yield GaugeMetricFamily("rq_client_connection_state", "1 connected, 0 not", value=state / 2)
            depth = GaugeMetricFamily("rq_client_queue_depth", "Requests without an answer yet")
            depth.add_metric([], len(client.waiting))
            yield depth
            timeouts = CounterMetricFamily("rq_client_timeouts", "Requests that nobody answered in time")
            timeouts.add_metric([], self._ctx.outgoing.linked("rq").answers.get(NO_ANSWER, 0))
            yield timeouts
            return


def _doors(doors: dict[str, HttpDoor]) -> Iterator[Metric]:
    connections = GaugeMetricFamily("http_server_connections", "Open connections", labels=["listener"])
    turned_away = CounterMetricFamily(
        "http_server_turned_away",
        "Connections that were refused or ended, by reason",
        labels=["listener", "reason"],
    )
    for listener, door in doors.items():
        connections.add_metric([listener], door.open)
        for reason, number in door.turned_away.items():
            turned_away.add_metric([listener, reason], number)
    yield connections
    yield turned_away


def _logs(service: str) -> Iterator[Metric]:
    labels = ["container", "format", "level", "module"]
    written = CounterMetricFamily("log_output_bytes", "Bytes of logs", labels=labels)
    for (of, level), number in WRITTEN.items():
        if of == service:
            written.add_metric([service, "json", level, service], number)
    yield written


def _requests(neighbours: dict[str, Neighbour]) -> Iterator[Metric]:
    text = "Requests to neighbours over HTTP"
    seconds = HistogramMetricFamily(
        "http_client_request_duration_seconds", text, labels=["target_service_name"]
    )
    answers = GaugeMetricFamily("http_client_response_count", text, labels=["target_service_name", "status"])
    for service, each in neighbours.items():
        bounds = [*map(str, BOUNDS_S), "+Inf"]
        buckets = list(zip(bounds, map(float, accumulate(each.classes)), strict=True))
        seconds.add_metric([service], buckets, each.seconds)
        for status, number in each.answers.items():
            answers.add_metric([service, status], number)
    if neighbours:
        yield seconds
        yield answers
