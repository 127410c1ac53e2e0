"""A clock that a test moves, and sets."""

from __future__ import annotations


class Clocks:
    """A wall clock beside one that only runs, as a `Context` has them; seconds."""

    def __init__(self, wall: float = 1_700_000_000.0, running: float = 5.0) -> None:
        self.wall, self.running = wall, running

    def now(self) -> float:
        """The wall clock, since the epoch."""
        return self.wall

    def monotonic(self) -> float:
        """The one that nobody sets."""
        return self.running

    def pass_time(self, seconds: float, step: float = 0.0) -> None:
        """Let time pass; meanwhile the wall clock is set by `step`."""
        self.wall += seconds + step
        self.running += seconds
