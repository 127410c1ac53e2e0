"""Moving a callback to another time, for people, and what is going on with one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import msgspec
from msgspec import Meta

from ringback.contracts.callbacks import session_id
from ringback.domain.callbacks import LIVE
from ringback.domain.permissions import Action
from ringback.runtime.http import HttpClient, HttpFailure, HttpUnavailable
from ringback.services.engagement.management.api import Call, Operation, in_path
from ringback.services.engagement.management.callbacks import found
from ringback.services.engagement.management.desks import Desks
from ringback.services.engagement.management.models import CallbackRow, row_of
from ringback.services.engagement.records import Record
from ringback.services.engagement.store import Session, moment
from ringback.services.engagement.times import read_time

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_ID = in_path("id", "the callback's id")


class Reschedule(msgspec.Struct, frozen=True, kw_only=True):
    """desired_time: ISO 8601, UTC when it names no zone; null: now."""

    desired_time: Annotated[str, Meta(max_length=64)] | None


class Diagnostics(msgspec.Struct, frozen=True, kw_only=True):
    """What is going on with a callback.

    session: what orchestration says of the session that runs its attempt; null: there is none. explanation:
    the router's story of why it stands where it stands. away: who did not answer.
    """

    callback: CallbackRow
    session_id: str
    session: Any
    position: int | None
    ewt: int | None
    explanation: Any
    away: list[str]


class Rescheduling:
    """Handlers of `reschedule` and `diagnostics`."""

    def __init__(self, ctx: Context, desks: Desks) -> None:
        self._desks = desks
        self._sessions = HttpClient(
            ctx, "orchestration", "control", connection="voice-10,ges-11", timeout_s=3.0
        )
        self._router = HttpClient(ctx, "tenant", timeout_s=3.0)

    def operations(self) -> list[Operation]:
        """What can be done."""
        return [
            Operation(
                "POST",
                "callbacks/{id}/reschedule",
                "rescheduleCallback",
                "Move a callback to another slot with room within the hours. Its place in line is that of "
                "the new time; moved to now, it stands where it stood. Attempts count on.",
                self._reschedule,
                Action.RESCHEDULE_CALLBACKS,
                CallbackRow,
                body=Reschedule,
                parameters=(_ID,),
                refusals=(400, 404, 429),
            ),
            Operation(
                "GET",
                "callbacks/{id}/diagnostics",
                "diagnoseCallback",
                "What the session and the router say about a callback.",
                self._diagnose,
                Action.DIAGNOSE_CALLBACKS,
                Diagnostics,
                parameters=(_ID,),
                refusals=(404,),
            ),
        ]

    async def _reschedule(self, call: Call) -> CallbackRow:
        asked = call.decode(Reschedule)
        async with self._desks.store.statement() as session:
            before = await found(call, session)
        desired = None if asked.desired_time is None else read_time(asked.desired_time)

        async def told(session: Session, moved: Record) -> None:
            subject = str(moved.id)
            await call.note(session, "callback.reschedule", subject, _times(before), _times(moved))

        moved = await self._desks.moving.move(call.tenant, before.id, desired, told)
        return row_of(moved, number=call.may(Action.SEE_NUMBERS, moved.service))

    async def _diagnose(self, call: Call) -> Diagnostics:
        async with self._desks.store.statement() as session:
            record = await found(call, session)
        sid = session_id(str(record.id), record.progress.attempt)
        away: list[str] = []
        state = explanation = None
        position = ewt = None
        if record.progress.state in LIVE:
            tenant = quote(call.tenant, safe="")
            path = f"/scxml/session/{quote(sid, safe='')}/query?tenant={tenant}"
            state = await _ask(self._sessions, path, "orchestration", away)
            path = f"/interactions/{tenant}/{quote(sid, safe='')}"
            explanation = await _ask(self._router, path, "router", away)
            position, ewt = await self._desks.queues.place(record)
        return Diagnostics(
            callback=row_of(record, number=call.may(Action.SEE_NUMBERS, record.service)),
            session_id=sid if record.progress.attempt else "",
            session=state,
            position=position,
            ewt=ewt,
            explanation=explanation,
            away=away,
        )


async def _ask(client: HttpClient, path: str, who: str, away: list[str]) -> Any:
    """What somebody says; None when there is nothing, and `who` in `away` when nobody answers."""
    try:
        return await client.get(path)
    except HttpFailure as failure:
        if failure.status != 404:
            away.append(who)
    except (HttpUnavailable, msgspec.MsgspecError):
        away.append(who)
    return None


def _times(record: Record) -> dict[str, object]:
    desired = None if record.desired_at is None else moment(record.desired_at)
    place = moment(record.progress.arrived_at)
    return {"service": record.service, "desired": desired, "place": place}
