"""Attempts under way: what was heard of them is kept, with what follows from it and what is to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from prometheus_client import Counter

from ringback.contracts import campaigns as told
from ringback.contracts.campaigns import CampaignEvent
from ringback.domain.callbacks import DialResult, RetryPolicy
from ringback.domain.campaigns.attempts import Effort, Heard, Stage, Word, after, heard
from ringback.domain.campaigns.definition import Rules
from ringback.domain.campaigns.lines import after_dial, due_next
from ringback.domain.campaigns.outcomes import OutcomeRefusedError, Outcomes, due_after, follow_of
from ringback.services.tenant.campaigns.hearing import News, reference_of
from ringback.services.tenant.campaigns.outcome_store import Promise, promise, reopen
from ringback.services.tenant.campaigns.store import Attempt, Session, Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context

ALIVE_S = 45.0
"""Seconds after which a call of which nothing more was heard is looked for."""
_FALLBACK = RetryPolicy(1, 3600.0)
"""For an attempt of a campaign that is no longer configured: the record is done with."""


class Attempts:
    """One tenant's attempts."""

    def __init__(self, ctx: Context, store: Store, results: Counter) -> None:
        self._ctx = ctx
        self._store = store
        self._results = results
        self.rules: dict[str, Rules] = {}
        """Those of the campaigns at work."""

    async def take(self, session: Session, news: list[News]) -> None:
        """Keep what was heard, with what follows from it."""
        found = {each.id: each for each in await session.attempts({one.attempt for one in news})}
        for one in news:
            attempt = found.get(one.attempt)
            if attempt is not None:
                found[one.attempt] = await self.take_one(session, attempt, one)

    async def take_one(
        self, session: Session, attempt: Attempt, news: News, lease_s: float = ALIVE_S
    ) -> Attempt:
        """Keep what was heard of one attempt, which is locked; the attempt after it."""
        progress = heard(attempt.progress, news.heard) if news.heard else attempt.progress
        after_ = msgspec.structs.replace(attempt, progress=progress, conn_id=news.conn_id or attempt.conn_id)
        if after_ == attempt:
            return attempt
        await session.write_attempt(after_, self._ctx.now() + lease_s)
        answered = bool(progress.answered_at) and not attempt.progress.answered_at
        if answered or progress.abandoned:
            await session.count_heard(attempt.campaign, int(answered), int(progress.abandoned))
        if progress.stage is Stage.OVER and attempt.progress.stage is not Stage.OVER:
            await self._over(session, after_)
        return after_

    async def withdraw(self, session: Session, campaign: str) -> None:
        """Take the records of a campaign that agents have before them away."""
        for attempt in await session.offered(campaign):
            word = Heard(Word.RETURNED, self._ctx.now(), reason="stopped")
            await self.take_one(session, attempt, News(attempt.id, "", word))

    async def _over(self, session: Session, attempt: Attempt) -> None:
        result, now = attempt.progress.result, self._ctx.now()
        rules = self.rules.get(attempt.campaign)
        policy = rules.policy if rules else _FALLBACK
        effort: Effort
        due_at: float | None
        if result is None:
            effort, due_at = attempt.effort, now + policy.delay
        else:
            effort, due_at = after(attempt.effort, result, policy, now)
            then = after_dial(attempt.lines, attempt.customer.number, result)
            used_up = effort.dials >= policy.max_dials
            due_at = due_next(then, result, due_at, now, policy.delay, used_up=used_up)
            attempt = msgspec.structs.replace(attempt, lines=then.lines)
            if rules is not None and _holds(attempt):
                due_at = await self._follow(session, attempt, rules, effort.dials)
        await session.after_attempt(attempt, effort, due_at)
        self._results.labels(self._store.tenant, result.value if result else "RETURNED").inc()
        ended = self.event(told.ATTEMPT_ENDED, attempt, dials=effort.dials, next_at=due_at or 0.0)
        events = [ended]
        if due_at is None:
            events.append(msgspec.structs.replace(ended, id=told.RECORD_COMPLETED))
        await session.tell(events)

    async def late(self, session: Session, attempt: Attempt, rules: Rules) -> CampaignEvent:
        """What follows a result that was entered when the call was over; what is to be told of it."""
        due_at = await self._follow(session, attempt, rules, attempt.effort.dials)
        if due_at is not None:
            await reopen(session, attempt.list, attempt.key, due_at)
        return self.event(
            told.OUTCOME_ENTERED,
            attempt,
            dials=attempt.effort.dials,
            next_at=due_at or 0.0,
            at=self._ctx.now(),
        )

    async def _follow(self, session: Session, attempt: Attempt, rules: Rules, dials: int) -> float | None:
        """Do what the agent's result asks for; when the record is dialled again."""
        entered, now = attempt.entered, self._ctx.now()
        try:
            follow = follow_of(rules.outcomes, entered, min(now, entered.at or now))
        except OutcomeRefusedError:
            return None  # it has left the configuration since it was entered
        if follow == "do-not-call":
            numbers = {attempt.customer.number, *(line.number for line in attempt.lines.all)}
            await session.add_do_not_call(sorted(numbers), entered.name, now)
        elif follow == "callback":
            await promise(session, self._promise(attempt, rules.outcomes))
        return due_after(rules.outcomes, entered, follow, dials, now)

    def _promise(self, attempt: Attempt, outcomes: Outcomes) -> Promise:
        return Promise(
            attempt=attempt.id,
            service=outcomes.service,
            agent_s=outcomes.agent_s,
            number=attempt.customer.number,
            call_at=attempt.entered.at,
            data={**attempt.data, "GSW_CAMPAIGN_NAME": attempt.campaign, "GSW_RECORD_HANDLE": attempt.key},
            event=self.event(told.CALLBACK_BOOKED, attempt),
        )

    def event(
        self, name: str, attempt: Attempt, *, dials: int = 0, next_at: float = 0.0, at: float = 0.0
    ) -> CampaignEvent:
        """What is told of an attempt when it was asked for, or is over."""
        its = attempt.progress
        return CampaignEvent(
            id=name,
            time=at or its.ended_at or attempt.asked_at,
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
            number_kind=attempt.lines.line(attempt.customer.number).kind,
            outcome=attempt.entered.name,
            call_at=attempt.entered.at,
        )


def _holds(attempt: Attempt) -> bool:
    """Whether the agent who talked to the customer has entered a result. It may have come before it was heard
    here who answers; of somebody else it says nothing.
    """
    its, entered = attempt.progress, attempt.entered
    theirs = not its.agent or entered.by in ("", its.agent)
    return bool(entered.name) and its.result is DialResult.CONNECTED and theirs
