"""Collecting digits from a caller: how many, until when, and why it ended."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class CollectReason(enum.StrEnum):
    """Why a collection ended."""

    COMPLETE = "complete"
    """The greatest number of digits was reached."""
    TERMINATED = "terminated"
    """The caller pressed a terminator."""
    TIMEOUT = "timeout"
    """The caller pressed nothing more in time; the digits so far are given."""
    NO_INPUT = "no_input"
    """The caller pressed nothing at all."""
    STOPPED = "stopped"
    """Somebody else ended it."""


@dataclass(frozen=True, slots=True)
class CollectRules:
    """What to wait for."""

    max_digits: int = 1
    terminators: str = "#"
    """Digits that end the input; they are not part of it."""
    first_digit_seconds: float = 5.0
    inter_digit_seconds: float = 3.0
    total_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Collected:
    """The end of a collection."""

    digits: str
    reason: CollectReason


class Collector:
    """Pure: fed with digits and time, it says when it has ended.

    The first-digit time begins at *now*; call `restart` when a prompt before it has ended.
    """

    __slots__ = ("_deadline", "_digits", "_ended", "_limit", "rules")

    def __init__(self, rules: CollectRules, now: float) -> None:
        self.rules = rules
        self._digits = ""
        self._ended = False
        self._limit = self._deadline = 0.0
        self.restart(now)

    def restart(self, now: float) -> None:
        """Begin to wait at *now* (seconds), unless a digit has come already."""
        if not self._digits:
            self._limit = now + self.rules.total_seconds
            self._deadline = min(now + self.rules.first_digit_seconds, self._limit)

    def digit(self, digit: str, now: float) -> Collected | None:
        """Take a digit; returns the result when it was the last one."""
        if self._ended:
            return None
        if digit in self.rules.terminators:
            return self._end(CollectReason.TERMINATED)
        self._digits += digit
        if len(self._digits) >= self.rules.max_digits:
            return self._end(CollectReason.COMPLETE)
        self._deadline = min(now + self.rules.inter_digit_seconds, self._limit)
        return None

    @property
    def timer(self) -> float | None:
        """When to call `handle_timer`, or None after the end."""
        return None if self._ended else self._deadline

    def handle_timer(self, now: float) -> Collected | None:
        """The result if the time is over, else None."""
        if self._ended or now < self._deadline:
            return None
        return self._end(CollectReason.TIMEOUT if self._digits else CollectReason.NO_INPUT)

    def stop(self) -> Collected | None:
        """End it now; None when it had ended before."""
        return None if self._ended else self._end(CollectReason.STOPPED)

    def _end(self, reason: CollectReason) -> Collected:
        self._ended = True
        return Collected(self._digits, reason)
