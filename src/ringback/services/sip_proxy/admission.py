"""Who may begin a call now: calls per second and calls at a time, per source. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ringback.domain.bucket import Bucket

_MAX_SOURCES = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one source, and all together, may do."""

    per_second: float
    burst: int
    calls: int
    calls_total: int
    max_call_s: float


class RateLimit:
    """One token bucket per source."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._rate = per_second
        self._burst = burst
        self._buckets: dict[str, Bucket] = {}

    def wait(self, source: str, now: float) -> float:
        """0 if the source may go on now, else the seconds to wait."""
        bucket = self._buckets.get(source)
        if bucket is None:
            self._make_room(now)
            bucket = self._buckets[source] = Bucket(self._burst, now)
        return bucket.take(now, self._rate, self._burst)

    def _make_room(self, now: float) -> None:
        """Forget sources whose bucket is full again; if none is, the oldest."""
        if len(self._buckets) < _MAX_SOURCES:
            return
        full = self._burst / self._rate
        idle = [name for name, bucket in self._buckets.items() if now - bucket.filled_at > full]
        for name in idle or [next(iter(self._buckets))]:
            del self._buckets[name]


class Admission:
    """Admits calls and remembers those that are under way, by Call-ID."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._rates = RateLimit(limits.per_second, limits.burst)
        self._calls: dict[str, tuple[str, float]] = {}
        self._per_source: dict[str, int] = {}
        self._nodes: dict[str, str] = {}
        self.closed = False
        """True while the proxy drains."""

    @property
    def calls(self) -> int:
        """Calls under way."""
        return len(self._calls)

    def admit(self, source: str, call_id: str, now: float) -> int:
        """0 and the call counts from now on, or the seconds after which to try again."""
        if call_id in self._calls:
            return 0
        if self.closed:
            return 10
        self._forget_old(now)
        full = len(self._calls) >= self._limits.calls_total
        if full or self._per_source.get(source, 0) >= self._limits.calls:
            return 5
        wait = self._rates.wait(source, now)
        if wait:
            return math.ceil(wait)
        self._calls[call_id] = (source, now)
        self._per_source[source] = self._per_source.get(source, 0) + 1
        return 0

    def answered_by(self, call_id: str, node: str) -> None:
        """A node has taken the call."""
        if call_id in self._calls:
            self._nodes[call_id] = node

    def node_of(self, call_id: str) -> str:
        """The node that has taken the call, or an empty string."""
        return self._nodes.get(call_id, "")

    def ended(self, call_id: str) -> None:
        """The call is over, or never came about."""
        self._nodes.pop(call_id, None)
        found = self._calls.pop(call_id, None)
        if found is None:
            return
        left = self._per_source[found[0]] - 1
        if left:
            self._per_source[found[0]] = left
        else:
            del self._per_source[found[0]]

    def _forget_old(self, now: float) -> None:
        while self._calls:
            call_id, (_, began) = next(iter(self._calls.items()))
            if now - began < self._limits.max_call_s:
                return
            self.ended(call_id)
