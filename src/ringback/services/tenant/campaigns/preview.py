"""Preview: an agent sees a record first, and has it dialled from their own phone, or gives it back.

The record is the agent's alone while it is before them, and for no longer than `OFFER_S` seconds. Whether the
customer may be called is asked when it is offered, and again when it is dialled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ringback.contracts import campaigns as told
from ringback.contracts.campaigns import Offer
from ringback.contracts.events import calls_stream
from ringback.contracts.reservation import AgentSessions
from ringback.domain.campaigns.attempts import Heard, Progress, Stage, Word
from ringback.domain.campaigns.definition import Rules, permitted
from ringback.domain.campaigns.permission import Permitted
from ringback.domain.campaigns.states import State
from ringback.domain.configuration import Campaign
from ringback.runtime.link import LinkError
from ringback.runtime.streams import end_of
from ringback.services.tenant.campaigns.asking import ASK_AGAIN_S, Asking
from ringback.services.tenant.campaigns.attempts import Attempts
from ringback.services.tenant.campaigns.choosing import Beginning, choose
from ringback.services.tenant.campaigns.definitions import Definitions
from ringback.services.tenant.campaigns.hearing import News, attempt_of, reference_of
from ringback.services.tenant.campaigns.store import Attempt, Session, Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context

NOT_FOUND, CONFLICT = 404, 409
OFFER_S = 300.0
_LONGEST_REASON = 64


class Preview:
    """One tenant's agents who choose."""

    def __init__(
        self,
        ctx: Context,
        store: Store,
        definitions: Definitions,
        attempts: Attempts,
        asking: Asking,
    ) -> None:
        self._ctx = ctx
        self._store = store
        self._definitions = definitions
        self._attempts = attempts
        self._asking = asking
        self._valkey = ctx.valkey.using("voice-14")
        self._sessions = AgentSessions(self._valkey, store.tenant)

    async def offer(self, name: str, agent: str) -> Offer | None:
        """The record that the agent has before them, or the next one; None when none is due. LinkError."""
        campaign, rules = await self._campaign(name)
        if campaign.mode != "preview":
            raise LinkError(CONFLICT, "in this campaign customers are dialled without agents looking")
        dn = await self._phone(agent)
        async with self._store.transaction() as session:
            await self._running(session, name)
            for attempt in await session.offered(name, agent):
                return self._told(attempt)
            if not await session.all_open():
                # Nobody may listen yet: whoever does is to begin before this record is dialled.
                await session.write_cursor(await end_of(self._valkey, calls_stream(self._store.tenant)))
            how = Beginning(Progress(Stage.OFFERED, agent=agent), OFFER_S, dn)
            for attempt in await choose(self._ctx, session, campaign, rules, 1, how):
                return self._told(attempt)
        return None

    async def dial(self, reference: str) -> None:
        """Have the agent's phone ring, and then the customer's. LinkError when that may no longer be."""
        now = self._ctx.now()
        async with self._store.transaction() as session:
            attempt = await self._offered(session, reference)
            campaign, rules = await self._campaign(attempt.campaign)
            await self._running(session, attempt.campaign)
            verdict = permitted(rules, attempt.customer, now, do_not_call=attempt.do_not_call)
            may = isinstance(verdict, Permitted)
            word = Heard(Word.TAKEN if may else Word.RETURNED, now, reason="" if may else "not-permitted")
            asked = msgspec.structs.replace(attempt, asked_at=now)
            taken = await self._attempts.take_one(session, asked, News(attempt.id, "", word), ASK_AGAIN_S)
            if may:
                await session.tell([self._attempts.event(told.ATTEMPT_STARTED, taken)])
        if not may:
            raise LinkError(CONFLICT, "this customer may not be called now")
        await self._asking.ask(campaign, [taken])

    async def give_back(self, reference: str, reason: str) -> None:
        """The agent does not want it: it is due again after the campaign's pause. LinkError."""
        async with self._store.transaction() as session:
            attempt = await self._offered(session, reference)
            word = Heard(Word.RETURNED, self._ctx.now(), reason=reason[:_LONGEST_REASON] or "rejected")
            await self._attempts.take_one(session, attempt, News(attempt.id, "", word))

    async def _campaign(self, name: str) -> tuple[Campaign, Rules]:
        campaign = await self._definitions.campaign(name)
        if campaign is None:
            raise LinkError(NOT_FOUND, "no such campaign is configured")
        rules = self._attempts.rules[name] = await self._definitions.rules(campaign)
        return campaign, rules

    async def _running(self, session: Session, name: str) -> None:
        standing = next(iter(await session.standings(name)), None)
        if standing is None or standing.state is not State.RUNNING:
            raise LinkError(CONFLICT, "this campaign is not running")

    async def _offered(self, session: Session, reference: str) -> Attempt:
        attempt_id = attempt_of(reference)
        found = await session.attempts([attempt_id]) if attempt_id else []
        if not found or found[0].progress.stage is not Stage.OFFERED:
            raise LinkError(CONFLICT, "this record is before no agent, or no longer")
        return found[0]

    async def _phone(self, agent: str) -> str:
        session = await self._sessions.load(agent)
        if not session.dn:
            raise LinkError(CONFLICT, "this agent is logged in nowhere")
        return session.dn

    def _told(self, attempt: Attempt) -> Offer:
        return Offer(
            reference=reference_of(attempt.id),
            list=attempt.list,
            key=attempt.key,
            number=attempt.customer.number,
            data=attempt.data,
            attempt=attempt.number,
            until=attempt.asked_at + OFFER_S,
        )
