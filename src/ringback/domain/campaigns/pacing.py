"""How many customers to dial now.

Progressive: never more than there are agents who are ready for them. Power: up to `ratio` calls for each
ready agent, but a call more than there are agents only where the share of abandoned calls stays within the
cap even if every customer who is being dialled answers at once. Predictive: as many as may be expected to
find an agent, by what was learned (`predictive`).

Customers who hang up, or agents whom other calls have taken, can lift the share nevertheless: a campaign that
is over its cap is to be paused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ringback.domain.campaigns.predictive import NOTHING_KNOWN, Known, Line, ahead

Mode = Literal["progressive", "power", "preview", "predictive"]
SAMPLE = 100
"""Answered calls over which the share of abandoned ones is measured at least."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a campaign dials. `abandon_cap` is a share of the answered calls, 0 to 1."""

    mode: Mode = "progressive"
    ratio: float = 1.0
    abandon_cap: float = 0.03


@dataclass(frozen=True, slots=True)
class Floor:
    """What there is now. `waiting`: calls in the queue; `under_way`: customers who are being dialled or have
    no agent yet, `ringing`: those who have not answered, `talking`: agents with a customer; `answered`,
    `abandoned`: since the campaign was started; `known`: what was learned.
    """

    ready: int
    waiting: int = 0
    under_way: int = 0
    answered: int = 0
    abandoned: int = 0
    ringing: int = 0
    talking: int = 0
    known: Known = NOTHING_KNOWN


def to_dial(pace: Pace, floor: Floor) -> int:
    """How many customers more to dial."""
    if pace.mode == "preview":
        return 0
    free = max(0, floor.ready - floor.waiting)
    most = free
    if pace.mode == "power":
        most = max(free, min(int(free * pace.ratio), _within_cap(pace.abandon_cap, free, floor)))
    elif pace.mode == "predictive":
        line = Line(free, floor.ringing, floor.talking, floor.answered, floor.abandoned)
        most = max(free, ahead(pace.abandon_cap, SAMPLE, floor.known, line) + floor.under_way - floor.ringing)
    return max(0, most - floor.under_way)


def over_cap(pace: Pace, floor: Floor) -> bool:
    """Whether more customers found nobody than may."""
    return floor.abandoned > pace.abandon_cap * max(floor.answered, SAMPLE)


def _within_cap(cap: float, free: int, floor: Floor) -> int:
    """The most calls under way of which, all answered at once, few enough find no agent."""
    if cap >= 1:
        return free + SAMPLE * max(free, 1)
    # abandoned + (calls - free) <= cap * (answered + calls)
    return int((cap * floor.answered - floor.abandoned + free) / (1 - cap) + 1e-9)
