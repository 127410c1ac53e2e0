"""Which records are next: those that may be dialled now are written down, the others put off or closed."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringback.contracts import campaigns as told
from ringback.contracts.campaigns import CampaignEvent
from ringback.domain.campaigns.attempts import Progress
from ringback.domain.campaigns.definition import Rules, permitted
from ringback.domain.campaigns.permission import Customer, Never, Permitted, Verdict, Wait
from ringback.domain.configuration import Campaign
from ringback.services.tenant.campaigns.store import Attempt, Due, Session

if TYPE_CHECKING:
    from ringback.runtime.context import Context

NOTHING_LEFT = "no-number-left"
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
            customer, verdict = which(rules, due, now)
            if isinstance(verdict, Permitted):
                begun.append(await _begin(session, campaign, due, customer, now, how))
            elif isinstance(verdict, Never) and due.lines.tried:
                await session.new_round(due, now + rules.policy.delay)  # the others may be dialled later
            else:
                await _not_now(session, campaign, due, now, verdict)
    return begun


def which(rules: Rules, due: Due, now: float) -> tuple[Customer, Verdict]:
    """The first of the customer's numbers that may be dialled now; else the verdict on all of them."""
    customer, soonest, never = due.customer, float("inf"), Never(NOTHING_LEFT)
    for line in due.lines.left:
        customer = Customer(line.number, due.customer.zone, line.hours or due.customer.hours)
        verdict = permitted(rules, customer, now, do_not_call=line.number in due.forbidden)
        match verdict:
            case Permitted():
                return customer, verdict
            case Wait(until):
                soonest = min(soonest, until)
            case Never():
                never = verdict
    return customer, Wait(soonest) if soonest < float("inf") else never


async def _begin(
    session: Session, campaign: Campaign, due: Due, customer: Customer, now: float, how: Beginning
) -> Attempt:
    attempt = Attempt(
        id=uuid.uuid4(),
        campaign=campaign.id,
        list=due.list,
        key=due.key,
        number=due.attempts + 1,
        asked_at=now,
        customer=customer,
        lines=due.lines,
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
