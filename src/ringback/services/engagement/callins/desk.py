"""Requests to call in: made by a client, matched when the customer's call comes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import msgspec

from ringback.domain.numbers import NumberRefusedError, NumberRules, normalise
from ringback.runtime.http import HttpError
from ringback.runtime.sql import PostgresUnavailable, load_queries
from ringback.services.engagement.callins.models import (
    CallInAsked,
    CallInMade,
    CallInView,
    Group,
    MatchAsked,
    MatchFound,
)
from ringback.services.engagement.records import identifiers
from ringback.services.engagement.store import Session, Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_QUERIES = load_queries("ringback.services.engagement.callins")
_TRIES = 20
_TIDY_S = 30.0
_KEPT_S = 30 * 86_400.0
_MOST_SHOWN = 250
Told = Callable[[Session], Awaitable[None]]


async def unheard(_session: Session) -> None:
    """Nothing else is to be written."""


class CallIns:
    """Groups, requests and their matching; all of it lies in the database."""

    def __init__(self, ctx: Context, store: Store) -> None:
        self._ctx = ctx
        self._store = store

    def start(self) -> None:
        """Begin to tidy up; runs until the service stops."""
        self._ctx.spawn(self._tidy_often(), "call-ins")

    async def put_group(self, tenant: str, name: str, group: Group, told: Told = unheard) -> None:
        """Define a group anew; requests made before keep their number and code.

        `told` writes what else belongs into the transaction.
        """
        row = (tenant, name, group.numbers, group.code_length, group.expiry_s, group.default_country)
        async with self._store.transaction() as session:
            await session.connection.execute(_QUERIES["put_group"], *row)
            await told(session)

    async def delete_group(self, tenant: str, name: str, told: Told = unheard) -> None:
        """Remove a group; HttpError 404."""
        async with self._store.transaction() as session:
            if await session.connection.fetchval(_QUERIES["delete_group"], tenant, name) is None:
                raise HttpError(404, "unknown-group", "there is no call-in group of this name")
            await told(session)

    async def groups(self, tenant: str) -> dict[str, Group]:
        """A tenant's groups by name."""
        async with self._store.statement() as session:
            rows = await session.connection.fetch(_QUERIES["read_groups"], tenant)
        return {row["name"]: _group(row) for row in rows}

    async def create(self, tenant: str, asked: CallInAsked) -> CallInMade:
        """Make a request; HttpError 400, or 503 when the group has no code left."""
        now = self._ctx.now()
        async with self._store.transaction() as session:
            group = await self._find(session, tenant, asked)
            number = _caller(asked, group)
            made = CallInMade(
                id=uuid4(),
                to_phone_number=secrets.choice(group.numbers),
                group_name=asked.group_name,
                expiration_time=int(now) + group.expiry_s,
                from_phone_number=number or None,
                callback_service_id=asked.callback_service_id,
            )
            user_data = msgspec.json.encode(identifiers(asked.user_data)).decode()
            return await self._insert(session, tenant, made, group, user_data, now)

    async def match(self, tenant: str, asked: MatchAsked) -> MatchFound:
        """The request that a call belongs to; it is used up by the first call that matches."""
        async with self._store.transaction() as session:
            fetch = session.connection.fetchrow
            if asked.call_id and (row := await fetch(_QUERIES["of_call"], tenant, asked.call_id)):
                return _found(row)
            rows = await session.connection.fetch(_QUERIES["groups_of_number"], tenant, asked.to)
            if not rows:
                return MatchFound(matched=False, reason="number-unknown")
            now = _moment(self._ctx.now())
            row = None
            if asked.code:
                names = [each["name"] for each in rows]
                row = await fetch(
                    _QUERIES["match_code"], tenant, names, asked.code, now, asked.call_id or None
                )
            else:
                row = await self._by_caller(session, tenant, asked, [_group(each) for each in rows], now)
            if row is not None:
                return _found(row)
            needed = not asked.code and all(each["code_length"] for each in rows)
            return MatchFound(matched=False, reason="code-needed" if needed else "no-request")

    async def shown(self, tenant: str) -> list[CallInView]:
        """The latest requests, newest first."""
        async with self._store.statement() as session:
            rows = await session.connection.fetch(_QUERIES["latest"], tenant, _MOST_SHOWN)
        now = self._ctx.now()
        return [_view(row, now) for row in rows]

    async def tidy(self) -> None:
        """Mark what is over, and forget what is a month old."""
        now = self._ctx.now()
        async with self._store.statement() as session:
            await session.connection.execute(_QUERIES["expire"], _moment(now))
            await session.connection.execute(_QUERIES["forget"], _moment(now - _KEPT_S))

    async def _find(self, session: Session, tenant: str, asked: CallInAsked) -> Group:
        name = asked.group_name
        row = (
            None if "\0" in name else await session.connection.fetchrow(_QUERIES["read_group"], tenant, name)
        )
        if row is None:
            raise HttpError(400, "call-in-group-unknown", "there is no call-in group of this name")
        if asked.callback_service_id is not None:
            known = (tenant, asked.callback_service_id)
            if await session.connection.fetchval(_QUERIES["callback_there"], *known) is None:
                raise HttpError(400, "call-in-callback-unknown", "no callback has this callbackServiceId")
        return _group(row)

    async def _insert(
        self, session: Session, tenant: str, made: CallInMade, group: Group, user_data: str, now: float
    ) -> CallInMade:
        expires = _moment(now + group.expiry_s)
        await session.connection.execute(_QUERIES["expire"], _moment(now))
        for _ in range(_TRIES):
            code = _code(group.code_length)
            row = (
                made.id,
                tenant,
                made.group_name,
                made.to_phone_number,
                made.from_phone_number or "",
                None if code is None else str(code),
                made.callback_service_id,
                user_data,
                _moment(now),
                expires,
            )
            if await session.connection.fetchval(_QUERIES["insert"], *row) is not None:
                return msgspec.structs.replace(made, access_code=code)
        self._ctx.log.error("access_codes_used_up", tenant=tenant, group=made.group_name)
        raise HttpError(
            503,
            "call-in-codes-used-up",
            "the group has no free code; give it longer ones",
            {"Retry-After": "30"},
        )

    async def _by_caller(
        self, session: Session, tenant: str, asked: MatchAsked, groups: list[Group], now: datetime
    ) -> Any:
        for country in dict.fromkeys(group.default_country for group in groups):
            try:
                caller = normalise(asked.from_number, _rules(country)).e164
            except NumberRefusedError:
                continue
            row = await session.connection.fetchrow(
                _QUERIES["match_caller"], tenant, asked.to, caller, now, asked.call_id or None
            )
            if row is not None:
                return row
        return None

    async def _tidy_often(self) -> None:
        while True:
            try:
                await self.tidy()
            except PostgresUnavailable as error:
                self._ctx.log.warning("call_ins_wait", error=str(error))
            except Exception:
                self._ctx.log.exception("call_ins_failed")
            await asyncio.sleep(_TIDY_S)


def _caller(asked: CallInAsked, group: Group) -> str:
    """The customer's own number in E.164, empty when none is given; HttpError 400."""
    text = asked.from_phone_number or asked.phone_number or ""
    if not text:
        if group.code_length is None:
            raise HttpError(400, "number-missing", "this group recognises customers by fromPhoneNumber")
        return ""
    try:
        return normalise(text, _rules(group.default_country)).e164
    except NumberRefusedError as refused:
        raise HttpError(400, refused.slug, str(refused)) from None


def _rules(country: str) -> NumberRules:
    return NumberRules(default_country=country, refuse_premium=False)  # nobody here is called at their cost


def _code(length: int | None) -> int | None:
    """An access code that cannot be guessed; it begins with no 0, for the API shows it as a number."""
    if length is None:
        return None
    lowest: int = 10 ** (length - 1)
    return lowest + secrets.randbelow(9 * lowest)


def _group(row: Any) -> Group:
    return Group(
        numbers=list(row["numbers"]),
        code_length=row["code_length"],
        expiry_s=row["expiry_s"],
        default_country=row["default_country"],
    )


def _found(row: Any) -> MatchFound:
    callback_id: UUID | None = row["callback_id"]
    return MatchFound(
        matched=True,
        id=row["id"],
        group=row["group_name"],
        from_number=row["from_number"],
        callback_id=callback_id,
        user_data=msgspec.json.decode(row["user_data"]),
    )


def _view(row: Any, now: float) -> CallInView:
    over = row["state"] == "WAITING" and row["expires_at"].timestamp() <= now
    return CallInView(
        id=row["id"],
        state="EXPIRED" if over else row["state"],
        group=row["group_name"],
        from_number=row["from_number"],
        to_number=row["to_number"],
        created_at=row["created_at"].timestamp(),
        expires_at=row["expires_at"].timestamp(),
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
