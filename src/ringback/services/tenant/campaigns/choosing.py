"""Which records are next: those that may be dialled now are written down, the others put off or closed."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringback.contracts import campaigns as told
from ringback.contracts.campaigns import CampaignEvent
from ringback.domain.campaigns.attempts import Progress
from ringback.domain.campaigns.definition import Rules, permitted
from ringback.domain.campaigns.permission import Never, Permitted, Wait
from ringback.domain.configuration import Campaign
from ringback.services.tenant.campaigns.store import Attempt, Due, Session

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_MOST_LOOKED_AT = 200
"""Records that one look may pass over because they are not to be dialled now."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """How an attempt begins. `dn`: the phone of the agent from which it is dialled; `lease_s`: seconds after
    which it is looked at again.
    """

    progress: Progress
    lease_s: float
    dn: str = ""


async def choose(
    ctx: Context, session: Session, campaign: Campaign, rules: Rules, wanted: int, how: Beginning
) -> list[Attempt]:
    """Begin at most `wanted` attempts with the records that are due and may be dialled."""
    begun: list[Attempt] = []
    looked_at = 0
    while len(begun) < wanted and looked_at < _MOST_LOOKED_AT:
        now = ctx.now()
        found = await session.due(campaign.lists, now, wanted - len(begun))
        if not found:
            break
        looked_at += len(found)
        for due in found:
            verdict = permitted(rules, due.customer, now, do_not_call=due.do_not_call)
            if isinstance(verdict, Permitted):
                begun.append(await _begin(session, campaign, due, now, how))
            else:
                await _not_now(session, campaign, due, now, verdict)
    return begun


async def _begin(session: Session, campaign: Campaign, due: Due, now: float, how: Beginning) -> Attempt:
    attempt = Attempt(
        id=uuid.uuid4(),
        campaign=campaign.id,
        list=due.list,
        key=due.key,
        number=due.attempts + 1,
        asked_at=now,
        customer=due.customer,
        data=due.data,
        progress=how.progress,
        dn=how.dn,
    )
    await session.dial(attempt, now + how.lease_s)
    return attempt


async def _not_now(session: Session, campaign: Campaign, due: Due, now: float, verdict: Wait | Never) -> None:
    if isinstance(verdict, Wait):
        await session.postpone(due, verdict.until)
        return
    await session.finish_record(due, verdict.reason)
    completed = CampaignEvent(
        id=told.RECORD_COMPLETED,
        time=now,
        tenant=session.tenant,
        campaign=campaign.id,
        calling_list=due.list,
        record=due.key,
        reason=verdict.reason,
    )
    await session.tell([completed])
