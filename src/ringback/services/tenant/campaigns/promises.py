"""Callbacks that agents have promised are booked at engagement: each once, however often it is asked.

While engagement is away the promise waits here. One that it refuses (hours that never come, a service that is
gone) is not lost either: the campaign itself dials the customer at that time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from ringback.contracts import campaigns as told
from ringback.contracts.callbacks import BookCallback, CallbackBooked
from ringback.runtime.http import HttpClient, HttpFailure, HttpUnavailable
from ringback.runtime.rounds import Rounds, every
from ringback.runtime.sql import PostgresUnavailable
from ringback.services.tenant.campaigns import outcome_store
from ringback.services.tenant.campaigns.hearing import reference_of
from ringback.services.tenant.campaigns.outcome_store import Promise
from ringback.services.tenant.campaigns.store import Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.tenant.leader import Leader

_EVERY_S, _RETRY_S = 5.0, 5.0


class Promises:
    """One tenant's; the node that routes books. `wake` after a commit that may have written one."""

    def __init__(self, ctx: Context, store: Store, leader: Leader) -> None:
        self._ctx = ctx
        self._store = store
        self._leader = leader
        self._engagement = HttpClient(ctx, "engagement", connection="ges-12")
        name = f"campaign-promises-{store.tenant}"
        self._rounds = Rounds(ctx, name, every(_EVERY_S, self._book_here), retry_s=_RETRY_S)

    def start(self) -> None:
        """Begin; runs until the service stops."""
        self._rounds.start()

    def wake(self) -> None:
        """Look now."""
        self._rounds.wake()

    async def _book_here(self) -> None:
        if self._leader.router is not None:
            await self.book()

    async def book(self) -> None:
        """Book what is to be booked now."""
        async with self._store.transaction() as session:
            promises = await outcome_store.promises(session, self._ctx.now())
        for promise in promises:
            try:
                await self._book(promise)
            except PostgresUnavailable:
                raise
            except Exception:  # one that always fails must not keep the others from being booked
                self._ctx.log.exception("campaign_promise_failed", tenant=self._store.tenant)
                await self._later(promise)

    async def _book(self, promise: Promise) -> None:
        wanted = BookCallback(
            key=f"{reference_of(promise.attempt)}:callback",
            service=promise.service,
            number=promise.number,
            arrived_at=promise.call_at,
            desired_at=promise.call_at,
            user_data=promise.data,
            agent=promise.event.agent_id if promise.agent_s else "",
            agent_s=promise.agent_s,
        )
        event = msgspec.structs.replace(promise.event, time=self._ctx.now())
        path = f"/internal/callbacks/{quote(self._store.tenant, safe='')}"
        try:
            made = await self._engagement.post(path, wanted, CallbackBooked, retry=True)
            event = msgspec.structs.replace(event, callback_id=made.id)
        except (HttpUnavailable, HttpFailure) as failure:
            if isinstance(failure, HttpUnavailable) or failure.status >= 500:
                await self._later(promise)
                return
            event = msgspec.structs.replace(
                event, id=told.CALLBACK_REFUSED, reason=failure.slug, next_at=promise.call_at
            )
        async with self._store.transaction() as session:
            if await outcome_store.kept(session, promise.attempt):
                if event.next_at:
                    await outcome_store.reopen(session, event.calling_list, event.record, promise.call_at)
                await session.tell([event])

    async def _later(self, promise: Promise) -> None:
        async with self._store.transaction() as session:
            await outcome_store.later(session, promise.attempt, self._ctx.now() + _RETRY_S)
