"""Attempts under way: asking for the dial, taking what is heard, and asking after those that are silent.

A dial is written down before anybody is asked for it, under a name by which a node of sip_cluster knows it
again: asked twice, it is dialled once. What was asked and never heard of is asked again for a while, and then
counts as a dial whose result nobody knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec
from prometheus_client import Counter

from ringback.contracts import campaigns as told
from ringback.contracts.calls import call_key
from ringback.contracts.campaigns import CampaignEvent
from ringback.contracts.telephony import RequestMakePredictiveCall
from ringback.domain.callbacks import DialResult, RetryPolicy
from ringback.domain.campaigns.attempts import Heard, Stage, Word, after, heard
from ringback.domain.configuration import Campaign
from ringback.runtime.http import HttpClient, HttpFailure, HttpUnavailable
from ringback.services.tenant.campaigns.hearing import News, reference_of
from ringback.services.tenant.campaigns.store import Attempt, Session, Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context

ASK_AGAIN_S = 3.0
"""Seconds of silence after which a dial is asked for again."""
_GIVE_UP_S, _ALIVE_S = 30.0, 45.0
_PORTION = 100
_FALLBACK = RetryPolicy(1, 3600.0)
"""For an attempt of a campaign that is no longer configured: the record is done with."""


class Attempts:
    """One tenant's attempts."""

    def __init__(self, ctx: Context, store: Store, results: Counter) -> None:
        self._ctx = ctx
        self._store = store
        self._results = results
        self._valkey = ctx.valkey.using("voice-14")
        self._frontend = HttpClient(ctx, "frontend", connection="voice-31")
        self.policies: dict[str, RetryPolicy] = {}
        """What follows a failed dial, by campaign."""

    async def ask(self, campaign: Campaign, attempts: Iterable[Attempt]) -> None:
        """Have customers dialled, all at once. Who cannot be asked is asked again later."""
        await asyncio.gather(*(self._ask(campaign, each) for each in attempts))

    async def _ask(self, campaign: Campaign, attempt: Attempt) -> None:
        try:
            await self._frontend.post("/requests", request_for(self._store.tenant, campaign, attempt))
        except HttpUnavailable:
            pass  # it may have been dialled: the events say so, or it is asked again under the same name
        except HttpFailure as failure:
            if failure.status < 500:
                failed = Heard(Word.FAILED, self._ctx.now(), DialResult.CREATE_CALL_ERROR, failure.slug)
                async with self._store.transaction() as session:
                    await self.take(session, [News(attempt.id, "", failed)])

    async def take(self, session: Session, news: list[News]) -> None:
        """Keep what was heard, with what follows from it."""
        found = {each.id: each for each in await session.attempts({one.attempt for one in news})}
        for one in news:
            attempt = found.get(one.attempt)
            if attempt is not None:
                found[one.attempt] = await self._take_one(session, attempt, one)

    async def _take_one(self, session: Session, attempt: Attempt, news: News) -> Attempt:
        progress = heard(attempt.progress, news.heard) if news.heard else attempt.progress
        after_ = msgspec.structs.replace(attempt, progress=progress, conn_id=news.conn_id or attempt.conn_id)
        if after_ == attempt:
            return attempt
        await session.write_attempt(after_, self._ctx.now() + _ALIVE_S)
        answered = bool(progress.answered_at) and not attempt.progress.answered_at
        if answered or progress.abandoned:
            await session.count_heard(attempt.campaign, int(answered), int(progress.abandoned))
        if progress.stage is Stage.OVER and attempt.progress.stage is not Stage.OVER:
            await self._over(session, after_)
        return after_

    async def _over(self, session: Session, attempt: Attempt) -> None:
        result = attempt.progress.result or DialResult.UNKNOWN
        policy = self.policies.get(attempt.campaign, _FALLBACK)
        effort, due_at = after(attempt.effort, result, policy, self._ctx.now())
        await session.after_attempt(attempt, effort, due_at)
        self._results.labels(self._store.tenant, result.value).inc()
        ended = self._event(told.ATTEMPT_ENDED, attempt, dials=effort.dials, next_at=due_at or 0.0)
        events = [ended]
        if due_at is None:
            events.append(msgspec.structs.replace(ended, id=told.RECORD_COMPLETED))
        await session.tell(events)

    def _event(self, name: str, attempt: Attempt, *, dials: int, next_at: float) -> CampaignEvent:
        its = attempt.progress
        return CampaignEvent(
            id=name,
            time=its.ended_at,
            tenant=self._store.tenant,
            campaign=attempt.campaign,
            calling_list=attempt.list,
            record=attempt.key,
            attempt=attempt.number,
            reference_id=reference_of(attempt.id),
            conn_id=attempt.conn_id,
            agent_id=its.agent,
            dial_result=its.result.value if its.result else "",
            reason=its.reason,
            dials=dials,
            next_at=next_at,
            asked_at=attempt.asked_at,
            answered_at=its.answered_at,
            connected_at=its.connected_at,
        )

    async def ask_after_silent(self, campaigns: dict[str, Campaign]) -> None:
        """Look at the attempts of which nothing was heard for a while."""
        now = self._ctx.now()
        again: list[Attempt] = []
        async with self._store.transaction() as session:
            for attempt in await session.attempts((), now, _PORTION):
                if attempt.conn_id and await self._valkey.call(
                    "EXISTS", call_key(self._store.tenant, attempt.conn_id)
                ):
                    await session.write_attempt(attempt, now + _ALIVE_S)
                elif attempt.conn_id:
                    lost = Heard(Word.DELETED, now)
                    await self._take_one(session, attempt, News(attempt.id, "", lost))
                elif now - attempt.asked_at < _GIVE_UP_S and attempt.campaign in campaigns:
                    await session.write_attempt(attempt, now + ASK_AGAIN_S)
                    again.append(attempt)
                else:
                    silent = Heard(Word.FAILED, now, DialResult.UNKNOWN, "no-word")
                    await self._take_one(session, attempt, News(attempt.id, "", silent))
        for attempt in again:
            if not attempt.do_not_call:
                await self.ask(campaigns[attempt.campaign], [attempt])


def request_for(tenant: str, campaign: Campaign, attempt: Attempt) -> RequestMakePredictiveCall:
    """The dial of an attempt; the same one whenever it is asked for."""
    reference = reference_of(attempt.id)
    return RequestMakePredictiveCall(
        tenant=tenant,
        reference_id=reference,
        idempotency_key=reference,
        this_dn=campaign.route_point,
        other_dn=attempt.customer,
        ani=campaign.caller_id,
        timeout=campaign.ring_s,
        detect=campaign.detect_s,
        prompts=list(campaign.prompts),
        user_data={
            **attempt.data,
            "GSW_CAMPAIGN_NAME": campaign.id,
            "GSW_CALLING_LIST": attempt.list,
            "GSW_RECORD_HANDLE": attempt.key,
            "GSW_ATTEMPTS": attempt.number,
        },
    )
