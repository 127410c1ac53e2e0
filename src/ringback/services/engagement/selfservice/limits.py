"""How often one key may do something: a bucket of so many a minute for each, in this process."""

from __future__ import annotations

from ringback.domain.bucket import Bucket

_MINUTE_S = 60.0
_MOST_KEYS = 20_000


class Limit:
    """`most` at once, filled up evenly within a minute; `allows` takes one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._buckets: dict[str, Bucket] = {}

    def allows(self, key: str, now: float) -> bool:
        """Whether `key` may once more at `now`, seconds of any clock that goes forward."""
        if self._most <= 0:
            return False
        # Taken out and put in again, so that the first is the one that was asked for least lately.
        bucket = self._buckets.pop(key, None) or Bucket(self._most, now)
        while len(self._buckets) >= _MOST_KEYS:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[key] = bucket
        return not bucket.take(now, self._most / _MINUTE_S, self._most)
