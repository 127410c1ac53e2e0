"""What an endpoint counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Since the endpoint was made."""

    received: int = 0
    sent: int = 0
    repeated: int = 0
    """Retransmissions that were sent."""
    parse_errors: int = 0
