"""Why a campaign dials nobody at this moment: one stable slug, the most fundamental reason first."""

from __future__ import annotations

from dataclasses import dataclass

from ringback.domain.campaigns.pacing import Floor, Mode
from ringback.domain.campaigns.states import State

NOT_RUNNING, STARTING, AGENTS_CHOOSE = "not-running", "starting", "agents-choose"
NOTHING_LEFT, NOTHING_DUE, NOT_PERMITTED = "nothing-left", "nothing-due", "not-permitted-now"
NO_AGENT_READY, CALLERS_FIRST, AGENTS_TAKEN = "no-agent-ready", "callers-first", "agents-have-customers"


@dataclass(frozen=True, slots=True)
class Look:
    """What the dialler found when it last looked. `wanted`: customers more that the pace allowed, `begun`:
    those of them for whom a record was there that may be dialled.
    """

    at: float
    floor: Floor
    wanted: int = 0
    begun: int = 0

    @property
    def idle(self) -> int:
        """Agents who are ready and for whom neither a call waits nor a customer rings."""
        return max(0, self.floor.ready - self.floor.waiting - self.floor.under_way - self.begun)


def why_still(state: State, mode: Mode, look: Look | None, waiting: int, next_at: float, now: float) -> str:
    """The reason; empty: it dials. `waiting`: records, `next_at`: when the first of them is due."""
    if state is not State.RUNNING:
        return NOT_RUNNING
    if not waiting:
        return NOTHING_LEFT
    if mode == "preview":
        return AGENTS_CHOOSE
    if look is None:
        return STARTING
    if next_at > now:
        return NOTHING_DUE
    if look.wanted:
        return "" if look.begun else NOT_PERMITTED
    if not look.floor.ready:
        return NO_AGENT_READY
    if look.floor.ready <= look.floor.waiting:
        return CALLERS_FIRST
    return AGENTS_TAKEN
