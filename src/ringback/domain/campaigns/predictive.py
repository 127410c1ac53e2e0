"""Predictive pacing: how many customers to dial ahead of the agents who will be free when they answer.

What is known is learned from the dials of a while ago: how many answer, how soon, and for how long an agent
is then occupied. Of `m` customers who ring, a binomial number answers; beside the agents who are free now,
those get free who end a talk meanwhile, also a binomial number. The expected number of customers who would
find nobody follows from both. As many are dialled as keep the share of abandoned calls below the cap: those
of the past, and those expected, of all who have answered or are expected to.

What was saved so far lets the customers of one moment use more than the aim, the more the larger the team.

Whoever knows too little dials as a progressive campaign does; so does one that has used its share up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

LEAST_DIALS, LEAST_TALKS = 60, 20
"""Dials and talks without which nothing is predicted."""
_AIM = 0.85
"""Of the cap: what is aimed at, so that chance stays below it."""
_MOST_SPENT, _TEAM = 4.0, 10.0
"""Aims that the customers of one moment may use beside it while nothing is used up: one for each ten agents
(of few, each one weighs too much for what is expected on average), and how many at most.
"""
_OWED = 4.0
"""The same where more was used up: a quarter above the aim, and nobody is dialled ahead."""
_DOUBT = 100
"""Answered calls as which the aim itself is counted, so that a good beginning is not taken for a rule."""
_SOONER = 0.8
"""Who rings already answers sooner than who is dialled now: so much of the time is left to get free in."""
_MOST_PER_AGENT = 10


@dataclass(frozen=True, slots=True)
class Known:
    """What was learned. `dials`: begun so long ago that all are over; `answered`: of those, by persons;
    `answer_s`: mean seconds until a person answers; `talks`: that are over; `occupied_s`: seconds for which
    agents have been occupied by talks, those that go on included (else long ones would be missing).
    """

    dials: int = 0
    answered: int = 0
    answer_s: float = 0.0
    talks: int = 0
    occupied_s: float = 0.0

    @property
    def enough(self) -> bool:
        """Whether something can be foretold from it."""
        return self.dials >= LEAST_DIALS and self.talks >= LEAST_TALKS and self.answered > 0

    @property
    def answer_rate(self) -> float:
        """The share of the dials that a person answers, a little high: who answers more is the danger."""
        rate = self.answered / self.dials
        return min(1.0, rate + math.sqrt(rate * (1.0 - rate) / self.dials))

    @property
    def gets_free(self) -> float:
        """The share of the agents who talk now that is free when a customer answers who is dialled now."""
        return (
            -math.expm1(-_SOONER * self.answer_s * self.talks / self.occupied_s)
            if self.occupied_s > 0
            else 0.0
        )


NOTHING_KNOWN = Known()


@dataclass(frozen=True, slots=True)
class Line:
    """What there is now. `free`: agents ready for customers, `ringing`: customers who are being dialled,
    `talking`: agents who talk to customers; `answered`, `abandoned`: since the campaign was started.
    """

    free: int
    ringing: int
    talking: int
    answered: int
    abandoned: int


def ahead(cap: float, sample: int, known: Known, now: Line) -> int:
    """How many customers may ring at once, those who do included. `sample`: answered calls over which the
    share of abandoned ones is measured at least.
    """
    if not known.enough or not now.free + now.talking:
        return now.free
    low, high = now.free, (now.free + now.talking) * _MOST_PER_AGENT
    while low < high:  # what is expected of one more only ever grows
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _within(cap, sample, known, now, middle) else (low, middle - 1)
    return low


def _within(cap: float, sample: int, known: Known, now: Line, ringing: int) -> bool:
    answers, nobody = ringing * known.answer_rate, expected_nobody(known, now, ringing)
    aim = _AIM * cap
    unlucky = nobody + 2.0 * math.sqrt(nobody) + 2.0
    if now.abandoned + unlucky > cap * max(now.answered + answers, sample):
        return False
    used = (now.abandoned + aim * _DOUBT) / (now.answered + _DOUBT)
    saved = 1.0 - used / aim if aim > 0 else 0.0
    weight = min(_MOST_SPENT, (now.free + now.talking) / _TEAM) if saved > 0 else _OWED
    return nobody <= aim * answers * max(0.0, 1.0 + saved * weight)


def expected_nobody(known: Known, now: Line, ringing: int) -> float:
    """How many of the customers who ring will answer and find no agent, on average.

    The difference of two binomial numbers is taken for a normal one; what that says where nobody rings is
    taken off again, for agents who get free are never fewer than none.
    """
    return max(0.0, _beyond(known, now, ringing) - _beyond(known, now, 0))


def _beyond(known: Known, now: Line, ringing: int) -> float:
    """The mean of what a normal number, answers less agents, has above nought."""
    rate, gets_free = known.answer_rate, known.gets_free
    mean = ringing * rate - now.free - now.talking * gets_free
    variance = ringing * rate * (1.0 - rate) + now.talking * gets_free * (1.0 - gets_free)
    if variance <= 0.0:
        return max(0.0, mean)
    deviation = math.sqrt(variance)
    z = mean / deviation
    density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    return mean * 0.5 * math.erfc(-z / math.sqrt(2.0)) + deviation * density
