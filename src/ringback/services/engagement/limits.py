"""How often somebody may ask: a bucket for each API key, and slower answers for who guesses."""

from __future__ import annotations

import asyncio
from math import ceil
from typing import TYPE_CHECKING

from prometheus_client import Counter

from ringback.contracts.auth import KeyOwner
from ringback.domain.bucket import Bucket
from ringback.runtime.bounded import Bounded
from ringback.runtime.http import HttpError
from ringback.services.engagement.management.settings import ManagementSettings

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_MOST = 10_000
_WINDOW_S = 10.0
_STEP_S = 0.05
_LONGEST_S = 2.0
_WAITING = 200
GUESSES = frozenset({401, 404})


class Refusals:
    """Counts refusals by source; the more there were lately, the longer the next answer waits. Pure."""

    def __init__(self, tolerance: int) -> None:
        self._tolerance = tolerance
        self._seen = Bounded[str, tuple[float, float]](_MOST)

    def delay(self, source: str, now: float) -> float:
        """Note one refusal at `now`; the seconds that its answer is to wait."""
        if not self._tolerance:
            return 0.0
        count, then = self._seen.get(source, (0.0, now))
        count = max(0.0, count - (now - then) * self._tolerance / _WINDOW_S) + 1
        self._seen[source] = (count, now)
        return min(_LONGEST_S, max(0.0, count - self._tolerance) * _STEP_S)


class Limits:
    """Admits the requests of keys, and slows down the answers to guesses."""

    def __init__(self, ctx: Context, settings: ManagementSettings) -> None:
        self._ctx = ctx
        self._rate, self._burst = settings.key_rate, settings.key_burst
        self._buckets = Bounded[tuple[str, str], Bucket](_MOST)
        self._refusals = Refusals(settings.flood_tolerance)
        self._waiting = 0
        labels = ("tenant", "key")
        text = "Requests refused because their API key had sent too many"
        self._limited = Counter("ringback_rate_limited", text, labels, registry=ctx.metrics)
        text = "Answers to guesses that were held back"
        self._slowed = Counter("ringback_refusals_slowed", text, registry=ctx.metrics)

    def admit(self, owner: KeyOwner) -> None:
        """Return when the key may send one more request now; HttpError 429."""
        rate, burst = owner.rate or self._rate, owner.burst or self._burst
        if not rate:
            return
        now, name = self._ctx.monotonic(), (owner.tenant, owner.name)
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = Bucket(burst, now)
        wait = bucket.take(now, rate, burst)
        if wait:
            self._limited.labels(owner.tenant, owner.name).inc()
            headers = {"Retry-After": str(ceil(wait))}
            raise HttpError(429, "rate-limited", "this key sends too many requests", headers)

    async def hold_back(self, source: str) -> None:
        """Wait before a guess is answered; HttpError 429 when too many answers wait already."""
        delay = self._refusals.delay(source, self._ctx.monotonic())
        if not delay:
            return
        self._slowed.inc()
        if self._waiting >= _WAITING:
            raise HttpError(429, "slow-down", "too many requests were refused lately", {"Retry-After": "10"})
        self._waiting += 1
        try:
            await asyncio.sleep(delay)
        finally:
            self._waiting -= 1
