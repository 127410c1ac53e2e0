"""How a service's requests to its neighbours fare: counted as they go, told when somebody asks."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the classes of duration, seconds; one more class is open."""
NO_ANSWER = "none"


@dataclass(slots=True)
class Neighbour:
    """The requests to one service."""

    classes: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    seconds: float = 0.0
    answers: dict[str, int] = field(default_factory=dict)
    """By the first digit of the status (`2XX`), or NO_ANSWER."""
    errors: int = 0
    """Without an answer, or with a status from 500 on."""
    failing: bool = False
    """Whether the last one was such an error."""
    last_s: float = 0.0

    def answered(self, status: int, seconds: float) -> None:
        """An answer has come after so many seconds; 0: none has."""
        self.classes[bisect_left(BOUNDS_S, seconds)] += 1
        self.seconds += seconds
        self.last_s = seconds
        name = f"{status // 100}XX" if status else NO_ANSWER
        self.answers[name] = self.answers.get(name, 0) + 1
        self.failing = not status or status >= 500
        self.errors += self.failing


class Outgoing:
    """All neighbours of one service, over HTTP and over the link."""

    def __init__(self) -> None:
        self.http: dict[str, Neighbour] = {}
        self.link: dict[str, Neighbour] = {}

    def neighbour(self, service: str) -> Neighbour:
        """Those of HTTP to a service."""
        return self.http.setdefault(service, Neighbour())

    def linked(self, service: str) -> Neighbour:
        """Those over the link to a service."""
        return self.link.setdefault(service, Neighbour())
