"""New callbacks, written together: those that come while others are being committed go into the next commit.

A request is answered when the transaction that it is in has been committed. What a commit costs (a round
trip, a wait for the disk) is so paid once for all that came in the meantime; a single one waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from ringback.runtime.sql import is_unavailable
from ringback.services.engagement.store import Entry, Store, Verdict

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_MOST = 64
_LANES = 2
Waiting = tuple[Entry, "asyncio.Future[Verdict]"]


class Writer:
    """Up to `_LANES` transactions at a time, of up to `_MOST` callbacks each."""

    def __init__(self, ctx: Context, store: Store) -> None:
        self._ctx = ctx
        self._store = store
        self._waiting: deque[Waiting] = deque()
        self._keys: set[tuple[str, str]] = set()
        self._lanes = 0

    async def write(self, entry: Entry) -> Verdict:
        """Write one callback; PostgresUnavailable when nobody can say that it is written."""
        answer: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, answer))
        if self._lanes < _LANES:
            self._lanes += 1
            self._ctx.spawn(self._lane(), "writer")
        return await answer

    async def _lane(self) -> None:
        try:
            while batch := self._next():
                await self._write(batch)
        finally:
            self._lanes -= 1

    def _next(self) -> list[Waiting]:
        """The oldest that wait; one whose key is being written by this node stays for later."""
        batch: list[Waiting] = []
        later: list[Waiting] = []
        while self._waiting and len(batch) < _MOST:
            waiting = self._waiting.popleft()
            if (key := _key(waiting[0])) is None:
                batch.append(waiting)
            elif key in self._keys:
                later.append(waiting)
            else:
                self._keys.add(key)
                batch.append(waiting)
        self._waiting.extendleft(reversed(later))
        return batch

    async def _write(self, batch: list[Waiting]) -> None:
        try:
            verdicts = await self._book([entry for entry, _ in batch])
        except asyncio.CancelledError:
            for _, answer in batch:
                answer.cancel()
            raise
        except Exception as error:
            if is_unavailable(error):
                self._give_up(batch, error)
            else:
                await self._one_by_one(batch, error)
        else:
            for (_, answer), verdict in zip(batch, verdicts, strict=True):
                if not answer.done():
                    answer.set_result(verdict)
        finally:
            self._keys -= {_key(entry) for entry, _ in batch}

    def _give_up(self, batch: list[Waiting], error: Exception) -> None:
        """While the database is away nobody waits for those before to find it out, each lot for itself."""
        for _, answer in (*batch, *self._waiting):
            if not answer.done():
                answer.set_exception(error)
        self._waiting.clear()

    async def _one_by_one(self, batch: list[Waiting], error: Exception) -> None:
        """One that the database will not have must not take others with it."""
        for entry, answer in batch:
            try:
                if len(batch) == 1:
                    raise error
                [verdict] = await self._book([entry])
            except Exception as own:
                if not answer.done():
                    answer.set_exception(own)
            else:
                if not answer.done():
                    answer.set_result(verdict)

    async def _book(self, entries: list[Entry]) -> list[Verdict]:
        async with self._store.statement() as session:
            return await session.book(entries)


def _key(entry: Entry) -> tuple[str, str] | None:
    return None if entry.use is None else (entry.record.tenant, entry.use.key)
