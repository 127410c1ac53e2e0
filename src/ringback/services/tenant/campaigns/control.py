"""Commands to a campaign, and what they tell."""

from __future__ import annotations

from ringback.contracts import campaigns as told
from ringback.contracts.campaigns import CampaignEvent
from ringback.domain.campaigns.states import Command, State, commanded
from ringback.services.tenant.campaigns.store import Session, Standing

_TOLD = {
    State.LOADED: told.LOADED,
    State.RUNNING: told.STARTED,
    State.PAUSED: told.PAUSED,
    State.STOPPING: told.STOPPING,
    State.UNLOADED: told.UNLOADED,
}


async def change(
    session: Session, tenant: str, standing: Standing, command: Command, now: float, reason: str = ""
) -> bool:
    """Bring a locked campaign into the state that a command leads to, and have it told; False when it is
    there already. Raises CampaignRefusedError.
    """
    state = commanded(standing.state, command)
    if state is standing.state:
        return False
    name = told.STOPPED if command is Command.IDLE else _TOLD[state]
    if state is State.RUNNING:
        # What counts against the cap is counted anew: somebody has looked at it and let it go on.
        standing.answered = standing.abandoned = 0
        standing.exhausted = False
    standing.state, standing.reason, standing.since = state, reason, now
    await session.write(standing)
    event = CampaignEvent(
        id=name, time=now, tenant=tenant, campaign=standing.campaign, state=state.value, reason=reason
    )
    await session.tell([event])
    return True
