"""A token bucket: so many at once, so many a second after that."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """A token bucket; times are seconds of any clock that goes forward."""

    tokens: float
    filled_at: float

    def take(self, now: float, rate: float, size: float) -> float:
        """Take a token and return 0, or return the seconds until there is one."""
        self.tokens = min(size, self.tokens + (now - self.filled_at) * rate)
        self.filled_at = now
        if self.tokens >= 1.0:
            self.tokens -= 1.0
            return 0.0
        return (1.0 - self.tokens) / rate
