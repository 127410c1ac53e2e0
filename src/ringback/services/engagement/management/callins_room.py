"""Call-in groups, and the requests of customers to call in."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from ringback.domain.numbers import masked
from ringback.domain.permissions import Action
from ringback.runtime.http import HttpError
from ringback.services.engagement.callins.models import Group, Name
from ringback.services.engagement.management.api import Call, Operation, in_path
from ringback.services.engagement.management.desks import Desks
from ringback.services.engagement.management.listing import (
    PAGE,
    QUERIES,
    Cursor,
    read_cursor,
    spellings,
    write_cursor,
)
from ringback.services.engagement.openapi import Parameter
from ringback.services.engagement.store import Session, moment

_NAME = in_path("name", "name of the group")
_QUERY = (
    Parameter("group", "name of a group"),
    Parameter("id", "the request's id", {"type": "string", "format": "uuid"}),
    Parameter("number", "the caller's whole number; for those who may see numbers"),
    Parameter("after", "the `next` of the page before"),
)


class CallInRow(msgspec.Struct, frozen=True, kw_only=True):
    """One request; the caller's number is masked unless the user may see numbers of all queues."""

    id: UUID
    state: str
    group: str
    from_number: str
    to_number: str
    callback: UUID | None
    created: datetime
    expires: datetime
    matched: datetime | None


class CallInPage(msgspec.Struct, frozen=True, kw_only=True):
    """Up to 250 requests, newest first."""

    items: list[CallInRow]
    next: str | None


class CallInsRoom:
    """Handlers below `/api/v1/call-in-groups` and `/api/v1/call-ins`."""

    def __init__(self, desks: Desks) -> None:
        self._desk = desks.callins
        self._store = desks.store

    def operations(self) -> list[Operation]:
        """What can be done with call-ins."""
        see, change = Action.SEE_CALL_INS, Action.CHANGE_CALL_INS
        return [
            Operation(
                "GET", "call-in-groups", "listGroups", "The groups.", self._groups, see, dict[str, Group]
            ),
            Operation(
                "PUT",
                "call-in-groups/{name}",
                "putGroup",
                "Make a group, or replace it: numbers, length of the code (3 to 10 digits), expiry (30 to "
                "604800 seconds).",
                self._put,
                change,
                Group,
                body=Group,
                parameters=(_NAME,),
                refusals=(400,),
            ),
            Operation(
                "DELETE",
                "call-in-groups/{name}",
                "deleteGroup",
                "Remove a group.",
                self._delete,
                change,
                Group,
                parameters=(_NAME,),
                refusals=(400, 404),
            ),
            Operation(
                "GET",
                "call-ins",
                "listCallIns",
                "Requests to call in, newest first, 250 a page.",
                self._list,
                see,
                CallInPage,
                parameters=_QUERY,
                refusals=(400,),
            ),
        ]

    async def _groups(self, call: Call) -> dict[str, Group]:
        return await self._desk.groups(call.tenant) if call.scope else {}

    async def _put(self, call: Call) -> Group:
        name, group = _name(call), call.decode(Group)
        before = (await self._desk.groups(call.tenant)).get(name)

        async def told(session: Session) -> None:
            await call.note(session, "call-in-group.put", name, before, group)

        await self._desk.put_group(call.tenant, name, group, told)
        return group

    async def _delete(self, call: Call) -> Group:
        name = _name(call)
        before = (await self._desk.groups(call.tenant)).get(name)
        if before is None:
            raise HttpError(404, "unknown-group", "there is no call-in group of this name")

        async def told(session: Session) -> None:
            await call.note(session, "call-in-group.delete", name, before, None)

        await self._desk.delete_group(call.tenant, name, told)
        return before

    async def _list(self, call: Call) -> CallInPage:
        query = call.request.query
        open_ = call.caller.grants.scope(Action.SEE_NUMBERS).everything
        number = query.get("number")
        if not call.scope or (number and not open_):
            return CallInPage(items=[], next=None)
        after = read_cursor(query["after"]) if query.get("after") else None
        row = (
            call.tenant,
            _group(query.get("group")),
            _uuid(query.get("id")),
            spellings(number)[0] if number else None,
            None if after is None else moment(after.micros / 1_000_000),
            None if after is None else after.id,
            PAGE + 1,
        )
        async with self._store.statement() as session:
            rows = await session.connection.fetch(QUERIES["list_callins"], *row)
        shown = [_row(each, call.now, number=open_) for each in rows[:PAGE]]
        return CallInPage(items=shown, next=_next(shown) if len(rows) > PAGE else None)


def _next(rows: list[CallInRow]) -> str:
    return write_cursor(Cursor(round(rows[-1].created.timestamp() * 1_000_000), rows[-1].id))


def _row(row: Any, now: float, *, number: bool) -> CallInRow:
    over = row["state"] == "WAITING" and row["expires_at"].timestamp() <= now
    return CallInRow(
        id=row["id"],
        state="EXPIRED" if over else row["state"],
        group=row["group_name"],
        from_number=row["from_number"] if number else masked(row["from_number"]),
        to_number=row["to_number"],
        callback=row["callback_id"],
        created=row["created_at"],
        expires=row["expires_at"],
        matched=row["matched_at"],
    )


def _name(call: Call) -> str:
    try:
        return msgspec.convert(call.part("name"), Name)
    except msgspec.ValidationError:
        raise HttpError(400, "invalid-name", "a name has 1 to 64 letters, digits, dots and dashes") from None


def _group(text: str | None) -> str | None:
    if text is not None and "\0" in text:
        raise HttpError(400, "invalid_query", "no group has this name")
    return text or None


def _uuid(text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError:
        raise HttpError(400, "invalid_query", "id is a UUID") from None
