"""An ordered set with ranks: the one structure on which queues, ready agents and timers stand.

Keys sit in sorted buckets of bounded size, so adding and removing cost a binary search and one short
memory move whatever the size of the set, the first key is at hand, and the rank of a key (a caller's
position) is a sum over bucket sizes. Removal is exact: nothing stale is left behind to be swept later.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=tuple[Any, ...])

BUCKET = 1024


class OrderedSet(Generic[Key]):
    """A set of comparable tuples kept in order. Equal keys are one key. `buckets` are its keys in order, none
    of them empty: who looks for the first of many sets may look there.
    """

    __slots__ = ("_count", "_highs", "buckets")

    def __init__(self) -> None:
        self.buckets: list[list[Key]] = []
        self._highs: list[Key] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Key]:
        for bucket in self.buckets:
            yield from bucket

    def __contains__(self, key: Any) -> bool:
        at = bisect_left(self._highs, key)
        if at == len(self.buckets):
            return False
        bucket = self.buckets[at]
        return bool(bucket[bisect_left(bucket, key)] == key)

    def first(self) -> Key | None:
        """The smallest key, or None when the set is empty."""
        return self.buckets[0][0] if self._count else None

    def add(self, key: Key) -> bool:
        """Put `key` in its place; False when it is already there."""
        highs = self._highs
        if not highs or key > highs[-1]:  # most keys carry a time: the newest goes to the end
            if highs and len(last := self.buckets[-1]) < BUCKET:
                last.append(key)
                highs[-1] = key
            else:
                self.buckets.append([key])
                highs.append(key)
            self._count += 1
            return True
        at = bisect_left(highs, key)
        bucket = self.buckets[at]
        inside = bisect_left(bucket, key)
        if bucket[inside] == key:
            return False
        bucket.insert(inside, key)
        self._count += 1
        if len(bucket) > BUCKET:
            self._split(at)
        return True

    def discard(self, key: Key) -> bool:
        """Take `key` out; False when it is not there."""
        if not self._count:
            return False
        at = inside = 0
        bucket = self.buckets[0]
        if bucket[0] != key:  # most keys that leave are the first
            at = bisect_left(self._highs, key)
            if at == len(self.buckets):
                return False
            bucket = self.buckets[at]
            inside = bisect_left(bucket, key)
            if bucket[inside] != key:
                return False
        del bucket[inside]
        self._count -= 1
        if not bucket:
            del self.buckets[at], self._highs[at]
        elif inside == len(bucket):
            self._highs[at] = bucket[-1]
        return True

    def rank(self, key: Key) -> int:
        """How many keys of the set are smaller than `key`, which need not be in the set.

        Counted from the nearer end: who has just come stands at the back.
        """
        at = bisect_left(self._highs, key)
        if at == len(self.buckets):
            return self._count
        if at > len(self.buckets) // 2:
            before = self._count - sum(map(len, self.buckets[at:]))
        else:
            before = sum(map(len, self.buckets[:at]))
        return before + bisect_left(self.buckets[at], key)

    def head(self, count: int) -> list[Key]:
        """The smallest `count` keys or fewer: as many as lie in the first bucket."""
        return self.buckets[0][:count] if self._count else []

    def _split(self, at: int) -> None:
        bucket = self.buckets[at]
        half = len(bucket) // 2
        self.buckets[at : at + 1] = [bucket[:half], bucket[half:]]
        self._highs[at : at + 1] = [bucket[half - 1], bucket[-1]]
