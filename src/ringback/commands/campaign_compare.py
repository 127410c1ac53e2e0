"""Ways of dialling compared under a virtual clock: what agents wait, and what customers are abandoned."""

from __future__ import annotations

from random import Random

import msgspec

from ringback.commands.showing import columns, present
from ringback.domain.campaigns.pacing import Mode, Pace
from ringback.domain.campaigns.simulation import Outcome, World, live_through

MODES: tuple[Mode, ...] = ("progressive", "power", "predictive")


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One way of dialling over all days. worst: the highest share of abandoned calls of a day; over: days
    that went over the cap.
    """

    mode: str
    idle: float
    talks_per_agent_hour: float
    abandoned: float
    worst: float
    over: int


def compare(world: World, ratio: float, cap: float, hours: float, days: int, *, as_json: bool) -> None:
    """Print a line for each way of dialling."""
    found = [_compared(world, Pace(mode, ratio, cap), hours, days) for mode in MODES]
    table = columns("mode", "agents idle", "talks/agent/h", "abandoned", "worst day", "days over cap")
    for each in found:
        shares = (f"{100 * share:.1f} %" for share in (each.idle, each.abandoned, each.worst))
        idle, abandoned, worst = shares
        talks = f"{each.talks_per_agent_hour:.1f}"
        table.add_row(each.mode, idle, talks, abandoned, worst, f"{each.over} of {days}")
    present(found, table, as_json=as_json)


def _compared(world: World, pace: Pace, hours: float, days: int) -> Compared:
    outcomes: list[Outcome] = [live_through(world, pace, hours, Random(day)) for day in range(days)]  # noqa: S311
    answered = sum(each.answered for each in outcomes)
    return Compared(
        mode=pace.mode,
        idle=sum(each.idle_share for each in outcomes) / days,
        talks_per_agent_hour=sum(each.connected for each in outcomes) / (days * hours * world.agents),
        abandoned=sum(each.abandoned for each in outcomes) / max(1, answered),
        worst=max(each.abandon_rate for each in outcomes),
        over=sum(each.abandon_rate > pace.abandon_cap for each in outcomes),
    )
