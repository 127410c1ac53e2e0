"""How often one key may do something: a bucket of so many a minute for each, in this process."""

from __future__ import annotations

from ringback.domain.bucket import Bucket
from ringback.runtime.bounded import Bounded

_MINUTE_S = 60.0
_MOST_KEYS = 20_000


class Limit:
    """`most` at once, filled up evenly within a minute; `allows` takes one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._buckets = Bounded[str, Bucket](_MOST_KEYS)

    def allows(self, key: str, now: float) -> bool:
        """Whether `key` may once more at `now`, seconds of any clock that goes forward."""
        if self._most <= 0:
            return False
        # Written each time: the one that goes is the one that was asked for least lately.
        bucket = self._buckets[key] = self._buckets.get(key) or Bucket(self._most, now)
        return not bucket.take(now, self._most / _MINUTE_S, self._most)
