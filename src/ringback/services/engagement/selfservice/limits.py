"""How often one key may do something: a bucket of so many a minute for each, in this process."""

from __future__ import annotations

_MINUTE_S = 60.0
_MOST_KEYS = 20_000


class Limit:
    """`most` at once, filled up evenly within a minute; `allows` takes one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._left: dict[str, tuple[float, float]] = {}

    def allows(self, key: str, now: float) -> bool:
        """Whether `key` may once more at `now`, seconds of any clock that goes forward."""
        left, then = self._left.pop(key, (float(self._most), now))
        left = min(self._most, left + (now - then) * self._most / _MINUTE_S)
        allowed = left >= 1
        while len(self._left) >= _MOST_KEYS:
            del self._left[next(iter(self._left))]
        self._left[key] = (left - allowed, now)
        return allowed
