"""Callbacks that are looked up, read together: what is asked for while others are being read is read next.

Whoever asks gets what had been committed when it asked, or later.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING
from uuid import UUID

from ringback.services.engagement.records import Record
from ringback.services.engagement.store import Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_MOST = 64
_LANES = 2
Answer = asyncio.Future[Record | None]


class Reader:
    """Up to `_LANES` queries at a time, of up to `_MOST` callbacks each."""

    def __init__(self, ctx: Context, store: Store) -> None:
        self._ctx = ctx
        self._store = store
        self._wanted: dict[UUID, Answer] = {}
        self._lanes = 0

    async def read(self, tenant: str, callback_id: UUID) -> Record | None:
        """A callback of a tenant, or None; PostgresUnavailable."""
        answer = self._wanted.get(callback_id)
        if answer is None:
            answer = self._wanted[callback_id] = asyncio.get_running_loop().create_future()
            if self._lanes < _LANES:
                self._lanes += 1
                self._ctx.spawn(self._lane(), "reader")
        record = await asyncio.shield(answer)
        return record if record is not None and record.tenant == tenant else None

    async def _lane(self) -> None:
        try:
            while self._wanted:
                batch = {each: self._wanted.pop(each) for each in list(islice(self._wanted, _MOST))}
                await self._answer(batch)
        finally:
            self._lanes -= 1

    async def _answer(self, batch: dict[UUID, Answer]) -> None:
        try:
            async with self._store.statement() as session:
                found = {record.id: record for record in await session.read_all(list(batch))}
        except asyncio.CancelledError:
            for answer in batch.values():
                answer.cancel()
            raise
        except Exception as error:
            # Who waits behind them is not kept waiting to hear the same.
            for answer in (*batch.values(), *self._wanted.values()):
                answer.set_exception(error)
            self._wanted.clear()
        else:
            for callback_id, answer in batch.items():
                answer.set_result(found.get(callback_id))
