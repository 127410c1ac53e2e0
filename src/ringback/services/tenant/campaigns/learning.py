"""What a predictive campaign goes by: learned from its dials of the last hour, anew every few seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringback.domain.campaigns.predictive import NOTHING_KNOWN, Known
from ringback.domain.configuration import Campaign
from ringback.domain.statistics import AfterCalls
from ringback.services.tenant.campaigns.store import Session

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_HOUR_S, _FRESH_S = 3600.0, 5.0
AFTER_TALK_S, _BELIEF = 10.0, 10
"""Seconds of work after a talk that are expected before any was seen, as if they had been seen so often."""
_SETTLED_S = 5.0
"""Seconds after the longest ringing when a dial has its result for certain."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What is known, and agents who are at work after a talk."""

    at: float
    known: Known = NOTHING_KNOWN
    after_talk: int = 0


class Learning:
    """One tenant's campaigns."""

    def __init__(self, ctx: Context, after_calls: Callable[[str], AfterCalls | None]) -> None:
        self._ctx = ctx
        self._after_calls = after_calls
        self._last: dict[str, Learned] = {}

    async def learned(self, session: Session, campaign: Campaign) -> Learned:
        """What was learned of a campaign, at most a few seconds old."""
        now = self._ctx.now()
        last = self._last.get(campaign.id)
        if last is None or now - last.at > _FRESH_S:
            last = self._last[campaign.id] = await self._look(session, campaign, now)
        return last

    async def _look(self, session: Session, campaign: Campaign, now: float) -> Learned:
        settled = now - campaign.ring_s - campaign.detect_s - _SETTLED_S
        seen = self._after_calls(campaign.queue)
        after_s = after_talk(seen)
        (row,) = await session.fetch("learned", campaign.id, now - _HOUR_S, settled, now, now - after_s)
        occupied = row["occupied_s"] + row["talks"] * after_s
        known = Known(row["dials"], row["answered"], row["answer_s"], row["talks"], occupied)
        return Learned(now, known, row["after_talk"] if seen is None else seen.now)


def after_talk(seen: AfterCalls | None) -> float:
    """Seconds for which an agent is occupied after a talk, on average: what was seen outweighs the guess."""
    if seen is None:
        return AFTER_TALK_S
    return (seen.seconds + AFTER_TALK_S * _BELIEF) / (seen.calls + _BELIEF)
