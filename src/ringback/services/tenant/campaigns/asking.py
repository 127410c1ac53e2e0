"""Asking for a dial, and asking after those of which nothing is heard.

A dial is written down before anybody is asked for it, under a name by which a node of sip_cluster knows it
again: asked twice, it is dialled once. What was asked and never heard of is asked again for a while, if the
customer may still be dialled, and then counts as a dial whose result nobody knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ringback.contracts.calls import call_key
from ringback.contracts.telephony import RequestMakeCall, RequestMakePredictiveCall, RequestReply
from ringback.domain.callbacks import DialResult
from ringback.domain.campaigns.attempts import Heard, Stage, Word
from ringback.domain.campaigns.definition import permitted
from ringback.domain.campaigns.lines import caller_id_for
from ringback.domain.campaigns.permission import Permitted
from ringback.domain.configuration import Campaign
from ringback.runtime.http import HttpClient, HttpFailure, HttpUnavailable
from ringback.services.tenant.campaigns.attempts import ALIVE_S, Attempts
from ringback.services.tenant.campaigns.hearing import News, reference_of
from ringback.services.tenant.campaigns.store import Attempt, Session, Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context

ASK_AGAIN_S = 3.0
"""Seconds of silence after which a dial is asked for again."""
_GIVE_UP_S = 30.0
_PORTION = 100


class Asking:
    """One tenant's dials on their way to frontend."""

    def __init__(self, ctx: Context, store: Store, attempts: Attempts) -> None:
        self._ctx = ctx
        self._store = store
        self._attempts = attempts
        self._valkey = ctx.valkey.using("voice-14")
        self._frontend = HttpClient(ctx, "frontend", connection="voice-31")

    async def ask(self, campaign: Campaign, attempts: Iterable[Attempt]) -> None:
        """Have customers dialled, all at once. Who cannot be asked is asked again later."""
        await asyncio.gather(*(self._ask(campaign, each) for each in attempts))

    async def _ask(self, campaign: Campaign, attempt: Attempt) -> None:
        try:
            request = request_for(self._store.tenant, campaign, attempt)
            reply = await self._frontend.post("/requests", request, RequestReply)
            if attempt.dn:  # its events are silent while the agent's phone rings
                async with self._store.transaction() as session:
                    await self._attempts.take(session, [News(attempt.id, reply.conn_id, None)])
        except HttpUnavailable:
            pass  # it may have been dialled: the events say so, or it is asked again under the same name
        except HttpFailure as failure:
            if failure.status < 500:
                failed = Heard(Word.FAILED, self._ctx.now(), DialResult.CREATE_CALL_ERROR, failure.slug)
                async with self._store.transaction() as session:
                    await self._attempts.take(session, [News(attempt.id, "", failed)])

    async def ask_after_silent(self, campaigns: dict[str, Campaign]) -> None:
        """Look at the attempts of which nothing was heard for a while."""
        now = self._ctx.now()
        again: list[Attempt] = []
        async with self._store.transaction() as session:
            for attempt in await session.attempts((), now, _PORTION):
                if attempt.conn_id and await self._lives(attempt):
                    await session.write_attempt(attempt, now + ALIVE_S)
                elif not attempt.conn_id and self._may_be_asked(attempt, now):
                    await session.write_attempt(attempt, now + ASK_AGAIN_S)
                    again.append(attempt)
                else:
                    await self._give_up(session, attempt, now)
        asked = ((campaigns.get(attempt.campaign), attempt) for attempt in again)
        await asyncio.gather(*(self._ask(campaign, attempt) for campaign, attempt in asked if campaign))

    async def _lives(self, attempt: Attempt) -> bool:
        return bool(await self._valkey.call("EXISTS", call_key(self._store.tenant, attempt.conn_id)))

    def _may_be_asked(self, attempt: Attempt, now: float) -> bool:
        rules = self._attempts.rules.get(attempt.campaign)
        if rules is None or attempt.progress.stage is Stage.OFFERED or now - attempt.asked_at > _GIVE_UP_S:
            return False
        verdict = permitted(rules, attempt.customer, now, do_not_call=attempt.do_not_call)
        return isinstance(verdict, Permitted)

    async def _give_up(self, session: Session, attempt: Attempt, now: float) -> None:
        if attempt.progress.stage is Stage.OFFERED:
            word = Heard(Word.RETURNED, now, reason="offer-expired")
        elif attempt.conn_id:
            word = Heard(Word.DELETED, now)
        else:
            word = Heard(Word.FAILED, now, DialResult.UNKNOWN, "no-word")
        await self._attempts.take_one(session, attempt, News(attempt.id, "", word))


def request_for(
    tenant: str, campaign: Campaign, attempt: Attempt
) -> RequestMakeCall | RequestMakePredictiveCall:
    """The dial of an attempt; the same one whenever it is asked for."""
    reference = reference_of(attempt.id)
    user_data = {
        **attempt.data,
        "GSW_CAMPAIGN_NAME": campaign.id,
        "GSW_CALLING_LIST": attempt.list,
        "GSW_RECORD_HANDLE": attempt.key,
        "GSW_ATTEMPTS": attempt.number,
    }
    made_by: type[RequestMakeCall | RequestMakePredictiveCall] = (
        RequestMakeCall if attempt.dn else RequestMakePredictiveCall
    )
    return made_by(
        tenant=tenant,
        reference_id=reference,
        idempotency_key=reference,
        this_dn=attempt.dn or campaign.route_point,
        other_dn=attempt.customer.number,
        ani=caller_id_for(campaign.caller_id, campaign.caller_ids, attempt.customer.number),
        trunk=campaign.trunk,
        timeout=campaign.ring_s,
        detect=0.0 if attempt.dn else campaign.detect_s,
        prompts=[] if attempt.dn else list(campaign.prompts),
        user_data=user_data,
    )
