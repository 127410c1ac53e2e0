"""Metrics by their published names.

The published counters carry no `_total`, which prometheus_client would add; `_Plain` writes them as they are.
"""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import Counter, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector

from ringback.runtime.http import HttpRequest

if TYPE_CHECKING:
    from ringback.runtime.context import Context

TENANT = web.RequestKey("tenant", str)
"""Whose request it is, once its key is known."""

_DOCUMENTED = {
    "ges_callbacks_created": "Callbacks created",
    "CB_SUBMIT_FAILED": "Entries that could not be appended to the stream of new callbacks",
    "INVALID_CONTENT_LENGTH": "Requests with a body that is too large",
    "CB_ENQUEUE_LIMIT_REACHED": "Requests for a number that waits already as often as it may",
    "CB_TTL_LIMIT_REACHED": "Requests refused because there were too many like them",
}
# Appear after their first event, as published.
_EVENTS = frozenset(_DOCUMENTED) - {"ges_callbacks_created"}


class Metrics:
    """What the service counts; `gauges` are status values asked for at each scrape (0 good)."""

    def __init__(self, ctx: Context, gauges: dict[str, Callable[[], bool]]) -> None:
        self._plain = _Plain(gauges)
        ctx.metrics.register(self._plain)
        ProcessCollector(namespace="ges", registry=ctx.metrics)
        labels = ("path", "httpCode", "tenant")
        self._requests = Counter("ges_http_requests", "Requests", labels, registry=ctx.metrics)
        self._failed = Counter(
            "ges_http_failed_requests", "Requests that failed", labels, registry=ctx.metrics
        )
        self._durations = Histogram(
            "ges_http_request_duration_seconds", "Time to answer", ("path",), registry=ctx.metrics
        )

    def created(self) -> None:
        """A callback was created."""
        self._plain.counts["ges_callbacks_created"] += 1

    def event(self, name: str) -> None:
        """Something of a published name happened."""
        self._plain.counts[name] += 1

    def response(self, request: HttpRequest, status: int, seconds: float) -> None:
        """A request was answered."""
        resource = request.raw.match_info.route.resource
        path = resource.canonical if resource else "other"
        labels = (path, str(status), request.raw.get(TENANT, ""))
        self._requests.labels(*labels).inc()
        if status >= 400:
            self._failed.labels(*labels).inc()
        self._durations.labels(path).observe(seconds)


class _Plain:
    """Counters and status gauges under exact names."""

    def __init__(self, gauges: dict[str, Callable[[], bool]]) -> None:
        self.counts: Counts[str] = Counts()
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        for name, text in _DOCUMENTED.items():
            if name not in _EVENTS or self.counts[name]:
                yield _metric(name, text, "unknown", self.counts[name])
        for name, good in self._gauges.items():
            yield _metric(name, "0 good, 1 bad", "gauge", 0 if good() else 1)


def _metric(name: str, text: str, kind: str, value: float) -> Metric:
    metric = Metric(name, text, kind)
    metric.add_sample(name, {}, value)
    return metric
