"""The clock of the callbacks: what is due is started, what is over given up, what is silent asked for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

from ringback.runtime.http import HttpFailure, HttpUnavailable
from ringback.runtime.sql import PostgresUnavailable
from ringback.services.engagement.changes import Changes
from ringback.services.engagement.records import Record
from ringback.services.engagement.sessions import Sessions
from ringback.services.engagement.settings import EngagementSettings
from ringback.services.engagement.store import Store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ringback.runtime.context import Context

_RETRY_S = 0.5
_KEY_LIFE_S = 86_400.0
_KEYS_EVERY_S = 3600.0
_SILENT_BATCH = 50


class Scheduler:
    """Loops that may run on any number of nodes at once: rows are claimed with SKIP LOCKED."""

    def __init__(
        self, ctx: Context, store: Store, changes: Changes, sessions: Sessions, settings: EngagementSettings
    ) -> None:
        self._ctx = ctx
        self._store = store
        self._changes = changes
        self._sessions = sessions
        self._settings = settings
        # Sessions that were not there when last asked for, by callback, with the attempt.
        self._missing: dict[UUID, int] = {}

    def start(self) -> None:
        """Begin; runs until the service stops."""
        self._ctx.spawn(self._every(self._settings.scheduler_s, self.look), "scheduler")
        self._ctx.spawn(self._every(self._settings.silence_s / 3, self.ask_for_silent), "diagnostics")
        self._ctx.spawn(self._every(_KEYS_EVERY_S, self.forget_keys), "idempotency")

    async def look(self) -> None:
        """Start what is due and give up what is over, batch by batch."""
        batch = self._settings.batch
        while await self._changes.due(batch) == batch:
            pass
        while await self._changes.expire(batch) == batch:
            pass

    async def ask_for_silent(self) -> None:
        """Ask for the sessions of live callbacks that have not been heard of for a while."""
        now = self._ctx.now()
        async with self._store.transaction() as session:
            records = await session.silent(now - self._settings.silence_s, _SILENT_BATCH)
        self._missing = {record.id: self._missing.get(record.id, 0) for record in records}
        await asyncio.gather(*map(self._ask_for, records))

    async def forget_keys(self) -> None:
        """Forget Idempotency-Keys, and how many took each slot, after a day."""
        async with self._store.transaction() as session:
            await session.forget_keys(self._ctx.now() - _KEY_LIFE_S)
            await session.forget_slots(self._ctx.now() - _KEY_LIFE_S)

    async def _ask_for(self, record: Record) -> None:
        try:
            there = await self._sessions.is_there(record)
        except (HttpFailure, HttpUnavailable):
            return  # nobody can say: the session may be well
        if there:
            async with self._store.transaction() as session:
                await session.touch(record, self._ctx.now())
        else:
            await self._not_there(record)

    async def _not_there(self, record: Record) -> None:
        """A session that never spoke may not have been started; one that spoke is lost when missing twice."""
        attempt = record.progress.attempt
        if record.progress.step == 0:
            await self._changes.start_again(record)
        elif self._missing.get(record.id) != attempt:
            self._missing[record.id] = attempt
        else:
            self._ctx.log.warning("session_lost", callback_id=str(record.id), attempt=attempt)
            await self._changes.lost(record)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except (PostgresUnavailable, HttpFailure, HttpUnavailable) as error:
                self._ctx.log.warning("scheduler_waits", error=str(error))
                await asyncio.sleep(_RETRY_S)
            except Exception:
                self._ctx.log.exception("scheduler_failed")
            await asyncio.sleep(seconds)
