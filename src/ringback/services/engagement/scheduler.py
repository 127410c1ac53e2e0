"""The clock of the callbacks: what is due is started, what is over given up, what is silent asked for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

from ringback.runtime.http import HttpFailure, HttpUnavailable
from ringback.runtime.rounds import Rounds
from ringback.services.engagement.changes import Changes
from ringback.services.engagement.records import Record
from ringback.services.engagement.sessions import Sessions, SessionView
from ringback.services.engagement.settings import EngagementSettings
from ringback.services.engagement.store import Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_KEY_LIFE_S = 86_400.0
_KEYS_EVERY_S = 3600.0
_SILENT_BATCH = 50
_SHORTEST_PAUSE_S = 0.05
_PATIENCE = 12
"""Looks; a session repeats a step every two seconds."""


class Pace:
    """At most `rate` a second, and never more than half a second's worth at once."""

    def __init__(self, rate: float) -> None:
        self._rate = max(rate, 0.1)
        self._most = max(1.0, self._rate / 2)
        self._left = self._most
        self._at = float("-inf")

    def allowed(self, now: float) -> int:
        """How many may begin at `now`, seconds of a clock that is never set back."""
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        return int(self._left)

    def spend(self, number: int) -> None:
        """That many have begun."""
        self._left -= number


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
        self._pace = Pace(settings.starts_per_second)
        # Sessions that were not there when last asked for, by callback, with the attempt.
        self._missing: dict[UUID, int] = {}
        # How often steps that are still to come were waited for, by callback.
        self._awaited: dict[UUID, int] = {}

    def start(self) -> None:
        """Begin; runs until the service stops."""
        Rounds(self._ctx, "scheduler", self.look).start()
        Rounds(self._ctx, "diagnostics", self.ask_for_silent).start()
        Rounds(self._ctx, "idempotency", self.forget_keys).start()

    async def look(self) -> float:
        """Start what is due and give up what is over; seconds until the next look."""
        behind = await self._start_due()
        while await self._changes.expire(self._settings.batch) == self._settings.batch:
            pass
        return await self._pause(behind)

    async def _start_due(self) -> bool:
        """Start what is due, the oldest first, as far as the pace allows; whether there may be more."""
        while allowed := min(self._settings.batch, self._pace.allowed(self._ctx.monotonic())):
            started = await self._changes.due(allowed)
            self._pace.spend(started)
            if started < allowed:
                return False
        return True

    async def _pause(self, behind: bool) -> float:
        """Until the next callback is due, but no longer than set: others may come before it."""
        longest = self._settings.scheduler_s
        shortest = min(_SHORTEST_PAUSE_S, longest)
        if behind:
            return shortest
        async with self._store.statement() as session:
            due_at = await session.next_due()
        return longest if due_at is None else max(shortest, min(longest, due_at - self._ctx.now()))

    async def ask_for_silent(self) -> float:
        """Stop attempts that get nowhere; ask for sessions that have not been heard of for a while.

        Returns the seconds until the next time.
        """
        now = self._ctx.now()
        async with self._store.transaction() as session:
            stalled = await session.stalled(now - self._settings.routing_s, _SILENT_BATCH)
            silent = await session.silent(now - self._settings.silence_s, _SILENT_BATCH)
        self._missing = {record.id: self._missing.get(record.id, 0) for record in silent}
        self._awaited = {each.id: self._awaited.get(each.id, 0) for each in (*stalled, *silent)}
        await asyncio.gather(*map(self._stop_stalled, stalled))
        await asyncio.gather(*map(self._ask_for, silent))
        return self._settings.silence_s / 3

    async def forget_keys(self) -> float:
        """Forget Idempotency-Keys, and how many took each slot, after a day; seconds until the next time."""
        async with self._store.transaction() as session:
            await session.forget_keys(self._ctx.now() - _KEY_LIFE_S)
            await session.forget_slots(self._ctx.now() - _KEY_LIFE_S)
        return _KEYS_EVERY_S

    async def _stop_stalled(self, record: Record) -> None:
        """End an attempt that gets nowhere, but not for steps that could not reach us: they come now."""
        try:
            found = await self._sessions.look(record)
        except (HttpFailure, HttpUnavailable):
            return
        if found is None or not self._awaits(record, found):
            await self._changes.stalled(record)

    def _awaits(self, record: Record, found: SessionView) -> bool:
        """Whether a step is on its way that could not reach us before; it is not waited for for ever."""
        if not found.reports:
            return False
        looks = self._awaited[record.id] = self._awaited.get(record.id, 0) + 1
        return looks <= _PATIENCE

    async def _ask_for(self, record: Record) -> None:
        try:
            found = await self._sessions.look(record)
        except (HttpFailure, HttpUnavailable):
            return  # nobody can say: the session may be well
        if found is not None and not found.ended:
            async with self._store.transaction() as session:
                await session.touch(record, self._ctx.now())
        elif found is None or not self._awaits(record, found):
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
