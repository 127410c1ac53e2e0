"""Another priority for a callback that waits: who must not wait their turn goes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import msgspec
from msgspec import Meta

from ringback.contracts.callbacks import session_id
from ringback.domain.callbacks import State
from ringback.domain.permissions import Action
from ringback.runtime.http import HttpClient, HttpError, HttpFailure, HttpUnavailable
from ringback.services.engagement.management.api import Call, Operation, in_path
from ringback.services.engagement.management.callbacks import found
from ringback.services.engagement.management.desks import Desks
from ringback.services.engagement.management.listing import QUERIES
from ringback.services.engagement.management.models import CallbackRow, row_of
from ringback.services.engagement.records import Record

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_NOT_FOUND = 404
_WAITS = frozenset({State.SCHEDULED, State.QUEUED})


class Priority(msgspec.Struct, frozen=True, kw_only=True):
    """priority: higher goes first; among equals, who has come first."""

    priority: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]


class Prioritizing:
    """The handler of `/api/v1/callbacks/{id}/priority`."""

    def __init__(self, ctx: Context, desks: Desks) -> None:
        self._store = desks.store
        self._router = HttpClient(ctx, "tenant", timeout_s=3.0)

    def operations(self) -> list[Operation]:
        """What can be done."""
        return [
            Operation(
                "POST",
                "callbacks/{id}/priority",
                "prioritizeCallback",
                "Give a callback that waits another priority, in line now and in later attempts.",
                self._prioritize,
                Action.RESCHEDULE_CALLBACKS,
                CallbackRow,
                body=Priority,
                parameters=(in_path("id", "the callback's id"),),
                refusals=(400, 404),
            )
        ]

    async def _prioritize(self, call: Call) -> CallbackRow:
        wanted = call.decode(Priority).priority
        async with self._store.transaction() as session:
            record = await found(call, session, lock=True)  # an attempt that begins now takes it along
            if record.progress.state not in _WAITS:
                raise HttpError(400, "callback-not-waiting", "only a callback that waits changes its place")
            await session.connection.execute(QUERIES["prioritize"], record.id, wanted)
            before, after = {"priority": record.priority}, {"priority": wanted}
            await call.note(session, "callback.priority", str(record.id), before, after)
            if record.progress.state is State.QUEUED:
                await self._tell_router(record, wanted)
        shown = row_of(record, number=call.may(Action.SEE_NUMBERS, record.service))
        return msgspec.structs.replace(shown, priority=wanted)

    async def _tell_router(self, record: Record, priority: int) -> None:
        """Move it in line; when it has just left the line there is nothing to move."""
        sid = session_id(str(record.id), record.progress.attempt)
        path = f"/interactions/{quote(record.tenant, safe='')}/{quote(sid, safe='')}/priority"
        try:
            await self._router.post(path, {"priority": priority})
        except HttpFailure as failure:
            if failure.status != _NOT_FOUND:
                raise HttpUnavailable("the router does not answer") from failure
