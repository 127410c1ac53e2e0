"""Metrics by their published names beyond requests and status values.

The published counters carry no `_total`, which prometheus_client would add; they are written as they are.
"""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.metrics_core import Metric

if TYPE_CHECKING:
    from ringback.runtime.context import Context


class Published:
    """Counted here by whoever it concerns, read at each scrape."""

    def __init__(self, ctx: Context) -> None:
        self._push: Counts[str] = Counts(ok=0, failed=0)
        self._callins = 0
        ctx.metrics.register(self)

    def push_sent(self, ok: bool) -> None:
        """A notice was sent to a push service, which took it or did not."""
        self._push["ok" if ok else "failed"] += 1

    def callin_created(self) -> None:
        """A customer was given a number to dial."""
        self._callins += 1

    def collect(self) -> Iterator[Metric]:
        """The metrics as they stand."""
        push = Metric("ges_push_notifications_sent", "Notices sent to push services", "unknown")
        for result, number in self._push.items():
            push.add_sample("ges_push_notifications_sent", {"result": result}, number)
        yield push
        callins = Metric("ges_callin_created", "Requests to call in", "unknown")
        callins.add_sample("ges_callin_created", {}, self._callins)
        yield callins
