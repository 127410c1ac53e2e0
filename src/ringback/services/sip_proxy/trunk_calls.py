"""How many calls a trunk has, and how fast new ones may begin, both ways together. Pure."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

from ringback.domain.bucket import Bucket

if TYPE_CHECKING:
    from ringback.domain.configuration import Trunk

_FULL_RETRY_S = 5
Key = tuple[str, str]


class TrunkCalls:
    """Counts calls by trunk; a call whose end was not seen is forgotten after `longest_s` seconds."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._calls: OrderedDict[str, tuple[Key, float]] = OrderedDict()
        self._count: Counter[Key] = Counter()
        self._buckets: dict[Key, Bucket] = {}
        self.rejected: Counter[Key] = Counter()
        """Calls for which there was no room."""

    def of(self, tenant: str, trunk: str) -> int:
        """Calls of a trunk."""
        return self._count[tenant, trunk]

    def begin(self, tenant: str, trunk: Trunk, call_id: str, now: float) -> int:
        """0 and the call counts from now on, or the seconds after which to try again."""
        key = (tenant, trunk.id)
        known = self._calls.get(call_id)
        if known is not None and known[0] == key:
            return 0
        self._forget_old(now)
        wait = (
            _FULL_RETRY_S
            if trunk.capacity and self._count[key] >= trunk.capacity
            else self._rate(key, trunk, now)
        )
        if wait:
            self.rejected[key] += 1
            return wait
        self.ended(call_id)
        self._calls[call_id] = (key, now)
        self._count[key] += 1
        return 0

    def turned(self, tenant: str, trunk: str, call_id: str) -> None:
        """There is room here, but not over all proxies."""
        self.rejected[tenant, trunk] += 1
        self.ended(call_id)

    def moved(self, tenant: str, trunk: str, call_id: str) -> bool:
        """True if the call has gone to another trunk than the one for which it was let in."""
        known = self._calls.get(call_id)
        if known is None or known[0] == (tenant, trunk):
            return False
        self._count[known[0]] -= 1
        self._count[tenant, trunk] += 1
        self._calls[call_id] = ((tenant, trunk), known[1])
        return True

    def ended(self, call_id: str) -> None:
        """The call is over, or never came about."""
        found = self._calls.pop(call_id, None)
        if found is not None:
            self._count[found[0]] -= 1

    def _rate(self, key: Key, trunk: Trunk, now: float) -> int:
        if not trunk.calls_per_second:
            return 0
        size = max(1.0, trunk.calls_per_second)
        bucket = self._buckets.setdefault(key, Bucket(size, now))
        return math.ceil(bucket.take(now, trunk.calls_per_second, size))

    def _forget_old(self, now: float) -> None:
        while self._calls:
            call_id, (_, began) = next(iter(self._calls.items()))
            if now - began < self._longest_s:
                return
            self.ended(call_id)
