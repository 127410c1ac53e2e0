"""Metrics by their published names beyond requests and status values.

The published counters carry no `_total`, which prometheus_client would add; they are written as they are.
Event counters appear after their first event, as published.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter as Counts
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client.metrics_core import Metric

from ringback.runtime.http import HttpError, HttpRequest, HttpResponse, HttpServer
from ringback.runtime.rounds import Rounds, every
from ringback.services.engagement.outside.settings import OutsideSettings
from ringback.services.engagement.store import Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context

EVENTS = {
    "DNS_FAILURE": "Names of hosts outside that could not be resolved",
    "GWS_SERVER_ERROR": "Questions that the statistics service did not answer",
    "GWS_INCORRECT_CLIENT_CREDENTIALS": "Credentials that the statistics service did not take",
    "MONITOR_LAGGING_BEHIND": "Callbacks found due for more than five seconds, at each look",
    "UNCAUGHT_EXCEPTION": "Requests that failed by a fault of ours",
}
_SAMPLE_S = 5.0
_LAG_S = 0.5
_MONITOR = """
SELECT
    count(*) FILTER (WHERE state <> 'SCHEDULED') AS live,
    count(*) FILTER (WHERE state <> 'SCHEDULED' AND heard_at < now() - make_interval(secs => $1)) AS silent,
    count(*) FILTER (WHERE state = 'SCHEDULED') AS late
FROM engagement.callbacks
WHERE state IN ('QUEUED', 'ROUTING', 'PROCESSING')
    OR (state = 'SCHEDULED' AND due_at < now() - interval '5 seconds')
"""
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


class Published:
    """Counted here by whoever it concerns, read at each scrape; `silence_s` as the scheduler's."""

    def __init__(self, ctx: Context, store: Store, settings: OutsideSettings, silence_s: float) -> None:
        self._ctx = ctx
        self._store = store
        self._silence_s = silence_s
        self._tolerances = {
            "http_400_tolerance": settings.http_400_tolerance,
            "http_401_tolerance": settings.http_401_tolerance,
            "http_404_tolerance": settings.http_404_tolerance,
            "http_500_tolerance": settings.http_500_tolerance,
            "invalid_content_length_tolerance": settings.invalid_content_length_tolerance,
        }
        self._push: Counts[str] = Counts(ok=0, failed=0)
        self._callins = 0
        self._events: Counts[str] = Counts()
        self._monitor = {"activeMonitorSize": 0, "activePingSize": 0}
        self._lag_s = 0.0
        self._memory = _memory_limit()
        ctx.metrics.register(self)

    def start(self) -> None:
        """Begin to measure; runs until the service stops."""
        Rounds(self._ctx, "monitor-size", every(_SAMPLE_S, self.sample)).start()
        self._ctx.spawn(self._measure_lag(), "loop-lag")

    def watch(self, server: HttpServer) -> None:
        """Count the faults of ours that a server answers."""
        render = server.error_renderer

        def counted(error: HttpError, request: HttpRequest) -> HttpResponse:
            if error.slug == "internal":
                self.event("UNCAUGHT_EXCEPTION")
            return render(error, request)

        server.error_renderer = counted

    def push_sent(self, ok: bool) -> None:
        """A notice was sent to a push service, which took it or did not."""
        self._push["ok" if ok else "failed"] += 1

    def callin_created(self) -> None:
        """A customer was given a number to dial."""
        self._callins += 1

    def event(self, name: str, number: int = 1) -> None:
        """Something of a published name happened."""
        self._events[name] += number

    async def sample(self) -> None:
        """Look at how much there is to watch."""
        async with self._store.statement() as session:
            row = await session.connection.fetchrow(_MONITOR, self._silence_s)
        self._monitor = {"activeMonitorSize": row["live"], "activePingSize": row["silent"]}
        if row["late"]:
            self.event("MONITOR_LAGGING_BEHIND", row["late"])

    def collect(self) -> Iterator[Metric]:
        """The metrics as they stand."""
        yield _labelled("ges_push_notifications_sent", "Notices sent to push services", "result", self._push)
        yield _plain("ges_callin_created", "Requests to call in", self._callins)
        yield _labelled("ges_monitor_size", "Callbacks watched", "type", self._monitor, "gauge")
        lag = "Seconds by which the event loop was late"
        yield _plain("ges_nodejs_eventloop_lag_seconds", lag, self._lag_s, "gauge")
        yield from self._heap()
        for name, text in EVENTS.items():
            if self._events[name]:
                yield _plain(name, text, self._events[name])
        for name, value in self._tolerances.items():
            yield _plain(name, "What an alert tolerates in two minutes", value, "gauge")

    def _heap(self) -> Iterator[Metric]:
        """Published names of another runtime; here the memory of the process, and what it may have."""
        used, text = _memory_used(), "Memory of the process"
        yield _plain("ges_nodejs_heap_space_size_used_bytes", text, used, "gauge")
        yield _plain("ges_nodejs_heap_space_size_available_bytes", text, self._memory, "gauge")

    async def _measure_lag(self) -> None:
        while True:
            before = self._ctx.monotonic()
            await asyncio.sleep(_LAG_S)
            self._lag_s = max(0.0, self._ctx.monotonic() - before - _LAG_S)


def _plain(name: str, text: str, value: float, kind: str = "unknown") -> Metric:
    metric = Metric(name, text, kind)
    metric.add_sample(name, {}, value)
    return metric


def _labelled(name: str, text: str, label: str, values: dict[str, int], kind: str = "unknown") -> Metric:
    metric = Metric(name, text, kind)
    for each, value in values.items():
        metric.add_sample(name, {label: each}, value)
    return metric


def _memory_limit() -> int:
    """Bytes that this process may have: the control group's limit, or what the machine has."""
    try:
        text = _CGROUP_LIMIT.read_text().strip()
    except OSError:
        text = "max"
    return int(text) if text.isdigit() else os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _memory_used() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
