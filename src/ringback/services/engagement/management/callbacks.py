"""Callbacks for people: lists, one with its history, create, cancel, recreate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast, get_args
from uuid import UUID

from ringback.domain.callbacks import LIVE, DialResult, Reason, State
from ringback.domain.numbers import masked
from ringback.domain.permissions import Action, Scope
from ringback.runtime.http import HttpError
from ringback.services.engagement.asking import CreateCallback
from ringback.services.engagement.booking import key_use
from ringback.services.engagement.management.api import Call, Operation, in_path
from ringback.services.engagement.management.desks import Desks
from ringback.services.engagement.management.listing import (
    MOST_COUNTED,
    PAGE,
    QUERIES,
    Order,
    Sort,
    Where,
    conditions,
    count,
    cursor_after,
    page,
    read_cursor,
    read_query,
    write_cursor,
)
from ringback.services.engagement.management.models import (
    MOST_IDS,
    CallbackWhole,
    Cancellation,
    Cancellations,
    Cancelled,
    Filter,
    HistoryStep,
    Made,
    Page,
    Recreate,
    again,
    row_of,
)
from ringback.services.engagement.openapi import Parameter
from ringback.services.engagement.records import Record
from ringback.services.engagement.store import Session, moment

_LISTS = ("states", "reasons", "services", "offer_types")
_CANCELLABLE = [State.SCHEDULED, State.QUEUED, State.ROUTING]
_DATE = {"type": "string", "format": "date-time"}
_RANGE = "today, next_24_hours, next_7_days, next_2_weeks, last_24_hours, last_7_days, last_14_days, or -2..2"
FILTER = (
    Parameter("id", "the callback's id", {"type": "string", "format": "uuid"}),
    Parameter("states", "states, with commas"),
    Parameter("reasons", "reasons of completion, with commas"),
    Parameter("services", "callback services, with commas"),
    Parameter("number", "the whole number, with or without `+`"),
    Parameter("offer_types", "offer types, with commas"),
    Parameter("desired_from", "wanted at this time or later", _DATE),
    Parameter("desired_to", "wanted before this time", _DATE),
    Parameter("desired_range", _RANGE),
    Parameter("updated_from", "changed at this time or later", _DATE),
    Parameter("updated_to", "changed before this time", _DATE),
    Parameter("updated_range", _RANGE),
    Parameter("timezone", "IANA name: whose days `today` and `-2..2` are; default UTC"),
)
SORTING = (
    Parameter("sort", "by what", {"enum": ["updated", "desired", "created"], "default": "updated"}),
    Parameter("order", "which way", {"enum": ["asc", "desc"], "default": "desc"}),
)
_ID = in_path("id", "the callback's id")


class Callbacks:
    """Handlers below `/api/v1/callbacks`."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks
        self._store = desks.store

    def operations(self) -> list[Operation]:
        """What can be done with callbacks."""
        see, refused = Action.SEE_CALLBACKS, (400, 404)
        return [
            Operation(
                "GET",
                "callbacks",
                "listCallbacks",
                "Callbacks that fit a filter, 250 a page.",
                self._list,
                see,
                Page,
                parameters=(*FILTER, *SORTING, Parameter("after", "the `next` of the page before")),
                refusals=(400,),
            ),
            Operation(
                "POST",
                "callbacks",
                "createCallback",
                "Book a callback, as the public API does, without a captcha.",
                self._create,
                Action.CREATE_CALLBACKS,
                Made,
                body=CreateCallback,
                refusals=(400, 404, 422, 429),
            ),
            Operation(
                "GET",
                "callbacks/{id}",
                "getCallback",
                "One callback with its history.",
                self._one,
                see,
                CallbackWhole,
                parameters=(_ID,),
                refusals=(404,),
            ),
            Operation(
                "POST",
                "callbacks/{id}/cancel",
                "cancelCallback",
                "Cancel a callback that nobody talks on yet; twice is no error.",
                self._cancel,
                Action.CANCEL_CALLBACKS,
                Made,
                parameters=(_ID,),
                refusals=refused,
            ),
            Operation(
                "POST",
                "callbacks/cancel",
                "cancelCallbacks",
                "Cancel many, by id or by filter, or only count them.",
                self._cancel_many,
                Action.CANCEL_CALLBACKS,
                Cancellations,
                body=Cancellation,
                refusals=(400,),
            ),
            Operation(
                "POST",
                "callbacks/{id}/recreate",
                "recreateCallback",
                "Book the same once more, when the callback is completed; once for each Idempotency-Key.",
                self._recreate,
                Action.CREATE_CALLBACKS,
                Made,
                body=Recreate,
                parameters=(_ID,),
                refusals=(400, 404, 422, 429),
            ),
        ]

    async def _list(self, call: Call) -> Page:
        where = where_of(call, read_filter(call.request.query))
        sort, order = read_sorting(call.request.query)
        given = call.request.query.get("after")
        after = read_cursor(given) if given else None
        async with self._store.statement() as session:
            records = await page(session, where, sort, order, after, PAGE + 1)
            total = await count(session, where)
        shown = records[:PAGE]
        return Page(
            items=[row_of(each, number=call.may(Action.SEE_NUMBERS, each.service)) for each in shown],
            next=write_cursor(cursor_after(shown, sort)) if len(records) > PAGE else None,
            total=min(total, MOST_COUNTED),
            capped=total > MOST_COUNTED,
        )

    async def _one(self, call: Call) -> CallbackWhole:
        async with self._store.statement() as session:
            record = await found(call, session)
            rows = await session.connection.fetch(QUERIES["read_history"], record.id)
        live = record.progress.state in LIVE
        position, ewt = await self._desks.queues.place(record) if live else (None, None)
        return _whole(call, record, [_step(row) for row in rows], position, ewt)

    async def _create(self, call: Call) -> Made:
        asked = call.decode(CreateCallback)
        unknown = HttpError(404, "unknown-service", "no callback service has this name")
        call.reach(asked.service_name, Action.SEE_CALLBACKS, unknown)
        use = key_use(call.request.headers.get("Idempotency-Key"), call.request.body)

        async def told(session: Session, record: Record) -> None:
            await call.note(session, "callback.create", str(record.id), None, _trace(record))

        made = await self._desks.booking.book(call.tenant, asked, use, told=told)
        if made.new:
            self._desks.metrics.created()
        return Made(id=made.id)

    async def _recreate(self, call: Call) -> Made:
        wanted = call.decode(Recreate)
        async with self._store.statement() as session:
            record = await found(call, session)
        if record.progress.state is not State.COMPLETED:
            raise HttpError(400, "callback-not-completed", "only a completed callback is booked once more")

        async def told(session: Session, made: Record) -> None:
            await call.note(session, "callback.recreate", str(made.id), {"of": str(record.id)}, _trace(made))

        asked = again(record, wanted.desired_time)
        # The body does not say which callback is meant: the same key for another one is a mistake.
        use = key_use(call.request.headers.get("Idempotency-Key"), record.id.bytes + call.request.body)
        booked = await self._desks.booking.book(call.tenant, asked, use, told=told)
        if booked.new:
            self._desks.metrics.created()
        return Made(id=booked.id)

    async def _cancel(self, call: Call) -> Made:
        callback_id = _uuid(call)
        await self._cancel_one(call, callback_id)
        self._desks.wake()
        return Made(id=callback_id)

    async def _cancel_many(self, call: Call) -> Cancellations:
        asked = call.decode(Cancellation)
        if (asked.ids is None) == (asked.filter is None):
            raise HttpError(400, "invalid_body", "give ids, or a filter")
        matched, ids = await self._matching(call, asked)
        if asked.dry_run:
            return Cancellations(matched=matched, cancelled=0, results=[])
        results = [Cancelled(id=each, result=await self._result(call, each)) for each in ids]
        self._desks.wake()
        done = sum(each.result == "cancelled" for each in results)
        return Cancellations(matched=matched, cancelled=done, results=results)

    async def _matching(self, call: Call, asked: Cancellation) -> tuple[int, list[UUID]]:
        """How many can be cancelled, and the first 1000 of them; ids are taken as they were given."""
        limits = Filter(states=_CANCELLABLE)
        where = where_of(call, asked.filter or limits)
        if asked.filter is not None:
            where.add("states", [state.value for state in _CANCELLABLE])
        if asked.ids is not None:
            where.add("ids", asked.ids)
        async with self._store.statement() as session:
            matched = min(await count(session, where), MOST_COUNTED)
            if asked.dry_run or asked.ids is not None:
                return matched, list(dict.fromkeys(asked.ids or ()))
            return matched, [each.id for each in await page(session, where, "created", "asc", None, MOST_IDS)]

    async def _result(self, call: Call, callback_id: UUID) -> str:
        try:
            await self._cancel_one(call, callback_id)
        except HttpError as refused:
            return refused.slug
        return "cancelled"

    async def _cancel_one(self, call: Call, callback_id: UUID) -> None:
        async with self._store.transaction() as session:
            record = await session.read(call.tenant, callback_id, lock=True)
            if record is None:
                raise unknown()
            call.reach(record.service, Action.SEE_CALLBACKS, unknown())
            if await self._desks.changes.cancel_within(session, record, Reason.CANCELLED_BY_ADMIN):
                before = {"service": record.service, "state": record.progress.state.value}
                after = {**before, "state": "COMPLETED", "reason": "CANCELLED_BY_ADMIN"}
                await call.note(session, "callback.cancel", str(record.id), before, after)


async def found(call: Call, session: Session, *, lock: bool = False) -> Record:
    """The callback that the path names; HttpError 404, or 403 when the user may only see it."""
    record = await session.read(call.tenant, _uuid(call), lock=lock)
    if record is None:
        raise unknown()
    call.reach(record.service, Action.SEE_CALLBACKS, unknown())
    return record


def where_of(call: Call, asked: Filter) -> Where:
    """The conditions of a filter for what the request reaches; by number: only where it may be seen."""
    scope = call.scope
    if asked.number is not None:
        numbers = call.caller.grants.scope(Action.SEE_NUMBERS)
        scope = _both(scope, numbers)
    return conditions(call.tenant, asked, scope, call.now)


def _both(first: Scope, second: Scope) -> Scope:
    if first.queues is None or second.queues is None:
        return second if first.queues is None else first
    return Scope(first.queues & second.queues)


def read_filter(query: Mapping[str, str]) -> Filter:
    """The filter of a query, lists with commas; HttpError 400."""
    given: dict[str, object] = {}
    for name in Filter.__struct_fields__:
        if name in query:
            parts = [part.strip() for part in query[name].split(",") if part.strip()]
            given[name] = parts if name in _LISTS else query[name]
    return read_query(given, Filter)


def read_sorting(query: Mapping[str, str]) -> tuple[Sort, Order]:
    """By what a list is sorted, and which way; HttpError 400."""
    sort, order = query.get("sort", "updated"), query.get("order", "desc")
    if sort not in get_args(Sort) or order not in get_args(Order):
        raise HttpError(400, "invalid_query", "sort is updated, desired or created, order asc or desc")
    return cast(Sort, sort), cast(Order, order)


def unknown() -> HttpError:
    """There is none, or it is outside of what the user may see."""
    return HttpError(404, "callback-unknown", "there is no callback with this id")


def _uuid(call: Call) -> UUID:
    try:
        return UUID(call.part("id"))
    except ValueError:
        raise unknown() from None


def _trace(record: Record) -> dict[str, object]:
    """What the audit log keeps of a callback: no whole number, no user data."""
    wanted = None if record.desired_at is None else moment(record.desired_at)
    return {"service": record.service, "number": masked(record.number), "desired": wanted}


def _step(row: Any) -> HistoryStep:
    return HistoryStep(
        at=row["at"],
        state=State(row["state"]),
        reason=Reason(row["reason"]) if row["reason"] else None,
        attempt=row["attempt"],
        dialled=row["dialled"],
        result=DialResult(row["result"]) if row["result"] else None,
        agent=row["agent_id"],
        due=row["due_at"],
    )


def _whole(
    call: Call, record: Record, history: list[HistoryStep], position: int | None, ewt: int | None
) -> CallbackWhole:
    open_ = call.may(Action.SEE_NUMBERS, record.service)
    details = record.details
    return CallbackWhole(
        callback=row_of(record, number=open_),
        position=position,
        ewt=ewt,
        expires=moment(record.progress.expires_at),
        agent=record.agent_id,
        language=details.language,
        timezone=details.timezone,
        offer_timing=details.offer_timing,
        inbound_queue=details.inbound_vq,
        origination=details.origination_ixn_id,
        user_data=details.user_data if open_ else {},
        history=history,
    )
