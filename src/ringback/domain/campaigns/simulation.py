"""A campaign lived through under a virtual clock, to compare ways of dialling. Chance is passed in."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Protocol

from ringback.domain.campaigns.pacing import Floor, Pace, over_cap, to_dial
from ringback.domain.campaigns.predictive import Known

LOOK_S = 0.25
_TALKS_DEVIATE = 2
"""Talks are the sum of so many exponential times: few are very short."""


class Chance(Protocol):
    """What is drawn from: a `random.Random`."""

    def random(self) -> float:
        """From 0 to 1."""
        ...

    def expovariate(self, lambd: float) -> float:
        """An exponential time of so many a second."""
        ...


@dataclass(frozen=True, slots=True)
class World:
    """Agents and customers. Times are means, in seconds.

    answer: share of dials that a person answers after `answer_s`; busy: share that is busy at once, the rest
    rings for `ring_s` in vain. talk_s, wrap_s: how long an agent is occupied. patience_s: how long who
    answers waits for an agent; hang_up: share that hangs up at once though an agent is there.
    """

    agents: int = 20
    answer: float = 0.3
    answer_s: float = 12.0
    busy: float = 0.15
    ring_s: float = 25.0
    talk_s: float = 120.0
    wrap_s: float = 10.0
    patience_s: float = 2.0
    hang_up: float = 0.0


@dataclass(slots=True)
class Outcome:
    """What came of it. `idle`, `worked`: agents' seconds."""

    dialled: int = 0
    answered: int = 0
    connected: int = 0
    abandoned: int = 0
    idle: float = 0.0
    worked: float = 0.0
    paused: bool = False

    @property
    def abandon_rate(self) -> float:
        """Of those who answered."""
        return self.abandoned / self.answered if self.answered else 0.0

    @property
    def idle_share(self) -> float:
        """Of the agents' time."""
        return self.idle / (self.idle + self.worked) if self.idle + self.worked else 0.0


@dataclass(slots=True)
class _Centre:
    world: World
    pace: Pace
    chance: Chance
    now: float = 0.0
    ready: int = 0
    ringing: int = 0
    talking: int = 0
    waiting: list[float] = field(default_factory=list)
    """Until when each customer waits, the first to come first."""
    events: list[tuple[float, int, str, float]] = field(default_factory=list)
    count: int = 0
    done: Outcome = field(default_factory=Outcome)
    learned: int = 0
    persons: int = 0
    answer_s: float = 0.0
    talks: int = 0

    def after(self, seconds: float, what: str, detail: float = 0.0) -> None:
        self.count += 1
        heapq.heappush(self.events, (self.now + seconds, self.count, what, detail))

    def dial(self) -> None:
        world, drawn = self.world, self.chance.random()
        self.done.dialled += 1
        self.ringing += 1
        answered_in = 0.0
        if drawn < world.answer:
            seconds = 2.0 + self.chance.expovariate(1.0 / max(0.1, world.answer_s - 2.0))
            answered_in = min(seconds, world.ring_s)
            self.after(answered_in, "answers")
        elif drawn < world.answer + world.busy:
            self.after(1.0, "fails")
        else:
            self.after(world.ring_s, "fails")
        self.after(world.ring_s + 5.0, "learned", answered_in)

    def happens(self, what: str, detail: float) -> None:
        match what:
            case "free":
                self.ready += 1
                self.talking -= 1
                self.talks += 1
            case "learned":
                self.learned += 1
                self.persons += detail > 0
                self.answer_s += detail
            case "answers":
                self.ringing -= 1
                self.answers()
            case "fails":
                self.ringing -= 1
        self.connect()

    def answers(self) -> None:
        self.done.answered += 1
        if self.chance.random() < self.world.hang_up:
            self.done.abandoned += 1
        else:
            self.waiting.append(self.now + self.world.patience_s)

    def connect(self) -> None:
        gone = [until for until in self.waiting if until < self.now]
        self.done.abandoned += len(gone)
        self.waiting = self.waiting[len(gone) :]
        while self.waiting and self.ready:
            self.waiting.pop(0)
            self.ready -= 1
            self.talking += 1
            self.done.connected += 1
            mean = self.world.talk_s / _TALKS_DEVIATE
            talk = sum(self.chance.expovariate(1.0 / mean) for _ in range(_TALKS_DEVIATE))
            self.after(talk + self.world.wrap_s, "free")

    def known(self) -> Known:
        answer_s = self.answer_s / self.persons if self.persons else 0.0
        return Known(self.learned, self.persons, answer_s, self.talks, self.done.worked)

    def floor(self) -> Floor:
        return Floor(
            ready=self.ready,
            waiting=len(self.waiting),
            under_way=self.ringing + len(self.waiting),
            answered=self.done.answered,
            abandoned=self.done.abandoned,
            ringing=self.ringing,
            talking=self.talking,
            known=self.known(),
        )

    def look(self) -> None:
        self.connect()
        floor = self.floor()
        if over_cap(self.pace, floor):
            self.done.paused = True
            return
        for _ in range(to_dial(self.pace, floor)):
            self.dial()


def live_through(world: World, pace: Pace, hours: float, chance: Chance) -> Outcome:
    """So many hours of a campaign whose list does not end. One that is over its cap dials no more."""
    centre = _Centre(world, pace, chance, ready=world.agents)
    looks = int(hours * 3600.0 / LOOK_S)
    for look in range(looks):
        until = look * LOOK_S
        while centre.events and centre.events[0][0] <= until:
            centre.now, _, what, detail = heapq.heappop(centre.events)
            centre.happens(what, detail)
        centre.now = until
        centre.look()
        centre.done.idle += centre.ready * LOOK_S
        centre.done.worked += centre.talking * LOOK_S
    return centre.done
