"""What the prediction of waiting times has learned, kept in Valkey beside the router's other memory.

One hash for a tenant, a field for each queue and one for what all have taught. What cannot be read (another
version of the platform wrote it) is learned anew.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from ringback.domain.routing.waiting import (
    CommonMemory,
    Experience,
    ForgottenError,
    QueueMemory,
    keep_common,
    keep_queue,
    recall_common,
    recall_queue,
)
from ringback.domain.routing.waiting.memory import MOST_QUEUES

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_COMMON = ""
_PORTION = 50
"""Queues that are written at once."""


class ExperienceStore:
    """One tenant's experience in Valkey."""

    def __init__(self, ctx: Context, tenant: str) -> None:
        self._log = ctx.log
        self._valkey = ctx.valkey
        self._tenant = tenant
        self._key = f"{{{tenant}}}:router:experience"
        self._kept: dict[str, int] = {}

    async def load(self, experience: Experience) -> None:
        """Know again what was learned before a restart, or by the node that led before."""
        rows: list[Any] = await self._valkey.call("HGETALL", self._key)
        for name, raw in list(zip(rows[::2], rows[1::2], strict=True))[: MOST_QUEUES + 1]:
            self._recall(experience, name.decode(), raw)

    async def save(self, experience: Experience) -> None:
        """Keep what has been learned since the last time. Between two queues, each of which takes about half
        a millisecond, others have their turn.
        """
        queues = islice(experience.predictor.floor.queues.items(), MOST_QUEUES)
        changed = [(name, queue.served) for name, queue in queues if self._kept.get(name) != queue.served]
        for start in range(0, len(changed), _PORTION):
            await self._save(experience, dict(changed[start : start + _PORTION]))

    async def _save(self, experience: Experience, served: dict[str, int]) -> None:
        fields: list[str | bytes] = []
        for name in served:
            fields += (name, msgspec.json.encode(keep_queue(experience, name)))
            await asyncio.sleep(0)
        fields += (_COMMON, msgspec.json.encode(keep_common(experience)))
        await self._valkey.call("HSET", self._key, *fields)
        self._kept.update(served)

    def _recall(self, experience: Experience, name: str, raw: bytes) -> None:
        try:
            if name == _COMMON:
                recall_common(experience, msgspec.json.decode(raw, type=CommonMemory))
            else:
                recall_queue(experience, name, msgspec.json.decode(raw, type=QueueMemory))
        except (msgspec.DecodeError, ForgottenError) as error:
            self._log.warning("experience_forgotten", tenant=self._tenant, error=str(error))
