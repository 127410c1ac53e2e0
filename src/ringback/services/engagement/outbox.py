"""The outbox: what a committed change has to tell a session, told at least once.

A start is an entry in `NewCallbackStream`, a stop is an event over HTTP; each kind has its own loop, so that
one side being away does not hold up the other. A row goes when it is told, or when it has become pointless.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ringback.runtime.http import HttpFailure, HttpUnavailable
from ringback.runtime.rounds import Rounds, in_batches
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable
from ringback.services.engagement.catalogue import UNREADABLE, Catalogue, Offer
from ringback.services.engagement.changes import HELD_S
from ringback.services.engagement.metrics import Metrics
from ringback.services.engagement.sessions import Sessions
from ringback.services.engagement.store import Session, Store, Telling

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_IDLE_S = 1.0
_STOP_RETRY_S = 2.0
_BATCH = 100


class Outbox:
    """Two loops over the outbox's rows; `wake` after a commit that wrote one."""

    def __init__(
        self, ctx: Context, store: Store, catalogue: Catalogue, sessions: Sessions, metrics: Metrics
    ) -> None:
        self._ctx = ctx
        self._store = store
        self._catalogue = catalogue
        self._sessions = sessions
        self._metrics = metrics
        self._rounds = (
            Rounds(ctx, "outbox-start", in_batches(_BATCH, _IDLE_S, self.tell_starts)),
            Rounds(ctx, "outbox-stop", in_batches(_BATCH, _IDLE_S, self.tell_stops)),
        )

    def start(self) -> None:
        """Begin; runs until the service stops."""
        for each in self._rounds:
            each.start()

    def wake(self) -> None:
        """Look now."""
        for each in self._rounds:
            each.wake()

    async def tell_starts(self) -> int:
        """Append the entries that are due; returns how many rows were looked at."""
        async with self._store.transaction() as session:
            tellings = await session.lock_tellings("start", self._ctx.now(), _BATCH)
            offers = {each.id: await self._offer(each, session) for each in filter(_is_current, tellings)}
            held = {row for row, offer in offers.items() if offer is None}
            try:
                await asyncio.gather(
                    *(self._start(each, offer) for each in tellings if (offer := offers.get(each.id)))
                )
            except (ValkeyUnavailable, ValkeyError):
                self._metrics.event("CB_SUBMIT_FAILED")
                raise
            await session.told([each.id for each in tellings if each.id not in held])
            if held:
                await session.tell_later(list(held), self._ctx.now() + HELD_S)
        return len(tellings)

    async def _start(self, telling: Telling, offer: Offer) -> None:
        await self._sessions.start(telling.record, telling.attempt, offer)
        self._ctx.log.info("attempt_started", callback_id=str(telling.record.id), attempt=telling.attempt)

    async def _offer(self, telling: Telling, session: Session) -> Offer | None:
        """How it is to be called; None when nobody can tell: it waits, and keeps no other from being told."""
        try:
            return await self._catalogue.offer_of(telling.record, session)
        except UNREADABLE as error:
            self._ctx.log.error("callback_held", callback_id=str(telling.record.id), error=str(error))
            return None

    async def tell_stops(self) -> int:
        """Send the events that are due; returns how many rows were looked at."""
        async with self._store.transaction() as session:
            now = self._ctx.now()
            tellings = await session.lock_tellings("stop", now, _BATCH)
            told = await asyncio.gather(*[self._stop(telling) for telling in tellings])
            done = [telling.id for telling, ok in zip(tellings, told, strict=True) if ok]
            later = [telling.id for telling, ok in zip(tellings, told, strict=True) if not ok]
            await session.told(done)
            if later:
                await session.tell_later(later, now + _STOP_RETRY_S)
        return len(tellings)

    async def _stop(self, telling: Telling) -> bool:
        try:
            await self._sessions.stop(telling.record, telling.attempt, telling.reason)
        except (HttpFailure, HttpUnavailable) as error:
            self._ctx.log.warning("stop_not_told", callback_id=str(telling.record.id), error=str(error))
            return False
        return True


def _is_current(telling: Telling) -> bool:
    """Whether the attempt to be started still lives: it may have been cancelled in between."""
    progress = telling.record.progress
    return progress.live and progress.attempt == telling.attempt
