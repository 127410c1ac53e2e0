"""Who may begin a call now: calls per second and calls at a time, per source and per tenant. Pure."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

from ringback.domain.bucket import Bucket
from ringback.services.sip_proxy.refusals import Why

_MAX_SOURCES = 10_000
_SWEEP_S = 1.0
_FULL_S = 5
"""Seconds after which there may be room for another call."""
_WAITS_S = {Why.DRAINING: 10, Why.ALL_CALLS: _FULL_S, Why.SOURCE_CALLS: _FULL_S}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one source, and all together, may do."""

    per_second: float
    burst: int
    calls: int
    calls_total: int
    max_call_s: float
    tenant_per_second: float = 0.0
    """Of one tenant from all sources; 0: no limit of its own."""
    tenant_calls: int = 0


class RateLimit:
    """One token bucket per source."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._rate = per_second
        self._burst = burst
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._swept_at = -math.inf

    def wait(self, source: str, now: float) -> float:
        """0 if the source may go on now, else the seconds to wait."""
        bucket = self._buckets.get(source)
        if bucket is None:
            self._make_room(now)
            bucket = self._buckets[source] = Bucket(self._burst, now)
        return bucket.take(now, self._rate, self._burst)

    def _make_room(self, now: float) -> None:
        """Forget sources whose bucket is full again, looked for once a second; if none is, the oldest."""
        if len(self._buckets) < _MAX_SOURCES:
            return
        if now - self._swept_at >= _SWEEP_S:
            self._swept_at, full = now, self._burst / self._rate
            idle = [name for name, bucket in self._buckets.items() if now - bucket.filled_at > full]
            for name in idle:
                del self._buckets[name]
        while len(self._buckets) >= _MAX_SOURCES:
            self._buckets.popitem(last=False)


class _Owners:
    """Whose calls are under way, by Call-ID, and how many each has."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def count(self, owner: str) -> int:
        return self._counts.get(owner, 0)

    def add(self, call_id: str, owner: str) -> None:
        self._of[call_id] = owner
        self._counts[owner] = self._counts.get(owner, 0) + 1

    def remove(self, call_id: str) -> None:
        owner = self._of.pop(call_id, None)
        if owner is None:
            return
        left = self._counts[owner] - 1
        if left:
            self._counts[owner] = left
        else:
            del self._counts[owner]

    def __contains__(self, call_id: str) -> bool:
        return call_id in self._of


class Admission:
    """Admits calls and remembers those that are under way, by Call-ID."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._rates = RateLimit(limits.per_second, limits.burst)
        self._tenant_rates = RateLimit(limits.tenant_per_second, max(1.0, limits.tenant_per_second))
        self._calls: OrderedDict[str, float] = OrderedDict()
        self._sources = _Owners()
        self._tenants = _Owners()
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
        self._forget_old(now)
        full = self._full(source)
        if full is not None:
            return _WAITS_S[full]
        wait = self._rates.wait(source, now)
        if wait:
            return math.ceil(wait)
        self._calls[call_id] = now
        self._sources.add(call_id, source)
        return 0

    def why(self, source: str) -> Why:
        """Why `admit` has just refused a call of a source."""
        return self._full(source) or Why.SOURCE_RATE

    def _full(self, source: str) -> Why | None:
        """Why there is no place for a call of a source, however slowly they come."""
        if self.closed:
            return Why.DRAINING
        if len(self._calls) >= self._limits.calls_total:
            return Why.ALL_CALLS
        return Why.SOURCE_CALLS if self._sources.count(source) >= self._limits.calls else None

    def admit_tenant(self, tenant: str, call_id: str, now: float) -> int:
        """As `admit`, once it is known whose call this is; a refused one has to be ended."""
        if call_id in self._tenants:
            return 0
        limits = self._limits
        if limits.tenant_calls and self._tenants.count(tenant) >= limits.tenant_calls:
            return _FULL_S
        wait = self._tenant_rates.wait(tenant, now) if limits.tenant_per_second else 0.0
        if not wait and call_id in self._calls:
            self._tenants.add(call_id, tenant)
        return math.ceil(wait)

    def calls_of(self, tenant: str) -> int:
        """Calls of a tenant."""
        return self._tenants.count(tenant)

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
        self._calls.pop(call_id, None)
        self._sources.remove(call_id)
        self._tenants.remove(call_id)

    def _forget_old(self, now: float) -> None:
        while self._calls:
            call_id, began = next(iter(self._calls.items()))
            if now - began < self._limits.max_call_s:
                return
            self.ended(call_id)
