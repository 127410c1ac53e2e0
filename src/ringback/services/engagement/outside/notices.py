"""A notice to a device, and what can become of it."""

from __future__ import annotations

from dataclasses import dataclass, field

UPCOMING = "CALLBACK_UPCOMING"
"""The wait of a callback has fallen under the service's threshold."""

REMINDER = "CALLBACK_REMINDER"
"""A scheduled callback comes near."""

READY = "CALLBACK_AGENT_READY"
"""An agent is reserved, and the customer is to call."""

_LONGEST_WAIT_S = 300.0


@dataclass(frozen=True, slots=True)
class Notice:
    """What is sent: an event for the application on the device, or a notification to be shown, or both.

    id: the same at each try, so that who gets it twice can tell.
    """

    id: str
    event: str
    target: str
    data: dict[str, str] = field(default_factory=dict)
    notification: dict[str, str] | None = None


class Refused(Exception):
    """The push service will never take this; the text is its code."""


class TryAgain(Exception):
    """The push service cannot take this now; `wait_s` is what it asks for (0: nothing said)."""

    def __init__(self, code: str, wait_s: float = 0.0) -> None:
        super().__init__(code)
        self.wait_s = wait_s


def wait_before(tries: int, first_s: float, asked_s: float = 0.0) -> float:
    """Seconds until the next try after `tries` of them: doubled each time, never less than was asked for."""
    doubled: float = first_s * 2 ** min(tries - 1, 30)
    return max(asked_s, min(doubled, _LONGEST_WAIT_S))
