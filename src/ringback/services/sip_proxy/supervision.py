"""Whether a gateway is in service: what came of the OPTIONS that it was sent (RFC 3261 11). Pure.

state     input     next
UNKNOWN   answered  IN
UNKNOWN   silent    OUT
IN        silent    DOUBTFUL   asked again soon
DOUBTFUL  silent    OUT
DOUBTFUL  answered  IN
OUT       answered  IN
"""

from __future__ import annotations

from enum import Enum

_SOON_S = 2.0


class Health(Enum):
    """What is known of a gateway."""

    UNKNOWN = "unknown"
    IN = "in"
    DOUBTFUL = "doubtful"
    OUT = "out"


_AFTER = {
    (Health.UNKNOWN, True): Health.IN,
    (Health.UNKNOWN, False): Health.OUT,
    (Health.IN, True): Health.IN,
    (Health.IN, False): Health.DOUBTFUL,
    (Health.DOUBTFUL, True): Health.IN,
    (Health.DOUBTFUL, False): Health.OUT,
    (Health.OUT, True): Health.IN,
    (Health.OUT, False): Health.OUT,
}


class Watch:
    """One gateway, asked every `every_s` seconds."""

    def __init__(self, every_s: float) -> None:
        self.every_s = every_s
        self.health = Health.UNKNOWN
        self.due_at = 0.0
        self.status = 0
        """The last answer; 408 or 503 are made up for silence."""

    def told(self, status: int, now: float, *, local: bool) -> None:
        """An answer came, or none did. Any word of a gateway counts as life, but for 503."""
        self.status = status
        self.health = _AFTER[self.health, not local and status not in (408, 503)]
        soon = self.health is Health.DOUBTFUL
        self.due_at = now + (min(_SOON_S, self.every_s) if soon else self.every_s)
