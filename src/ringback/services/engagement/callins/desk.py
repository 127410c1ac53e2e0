"""Requests to call in: made by a client, matched when the customer's call comes."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import msgspec

from ringback.contracts.callbacks import CallInMatched
from ringback.domain.numbers import NumberRefusedError, NumberRules, normalise
from ringback.runtime.http import HttpError
from ringback.runtime.rounds import Rounds, every
from ringback.runtime.sql import load_queries
from ringback.services.engagement.callins import guesses
from ringback.services.engagement.callins.models import (
    CallInAsked,
    CallInMade,
    CallInView,
    Group,
    MatchAsked,
)
from ringback.services.engagement.records import Record, identifiers
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


CalledIn = Callable[[str, UUID, str], Awaitable[Record]]


class CallIns:
    """Groups, requests and their matching; all of it lies in the database.

    called_in: completes a callback whose customer has called, and returns it as it was; HttpError.
    """

    def __init__(self, ctx: Context, store: Store, called_in: CalledIn) -> None:
        self._ctx = ctx
        self._store = store
        self._called_in = called_in

    def start(self) -> None:
        """Begin to tidy up; runs until the service stops."""
        Rounds(self._ctx, "call-ins", every(_TIDY_S, self.tidy)).start()

    async def put_group(self, tenant: str, name: str, group: Group, told: Told = unheard) -> None:
        """Define a group anew; requests made before keep their number and code.

        `told` writes what else belongs into the transaction.
        """
        row = (
            tenant,
            name,
            group.numbers,
            group.code_length,
            group.expiry_s,
            group.default_country,
            group.wrong_by_caller,
            group.wrong_in_all,
            group.lock_s,
        )
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
        async with self._store.transaction() as session:
            return await self.give(session, tenant, asked)

    async def give(
        self, session: Session, tenant: str, asked: CallInAsked, expiry_s: int | None = None
    ) -> CallInMade:
        """As `create`, within a transaction; `expiry_s`: seconds, in place of the group's."""
        now = self._ctx.now()
        group = await self._find(session, tenant, asked)
        if expiry_s is not None:
            group = msgspec.structs.replace(group, expiry_s=expiry_s)
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

    async def match(self, tenant: str, asked: MatchAsked) -> CallInMatched:
        """The request that a call belongs to; it is used up by the first call that matches.

        A callback that the request names is not dialled any more: the call has its place.
        """
        async with self._store.transaction() as session:
            row = None
            if asked.call_id:
                row = await session.connection.fetchrow(_QUERIES["of_call"], tenant, asked.call_id)
            if row is None:
                found = await self._look(session, tenant, asked)
                if isinstance(found, CallInMatched):
                    return found
                row = found
        return await self._with_place(tenant, row)

    async def _look(self, session: Session, tenant: str, asked: MatchAsked) -> Any:
        """The row of the request, now used up; CallInMatched says why there is none."""
        rows = await session.connection.fetch(_QUERIES["groups_of_number"], tenant, asked.to)
        if not rows:
            return CallInMatched(matched=False, reason="number-unknown")
        groups = {row["name"]: _group(row) for row in rows}
        now = self._ctx.now()
        if asked.code:
            return await self._by_code(session, tenant, asked, groups, now)
        row = await self._by_caller(session, tenant, asked, list(groups.values()), _moment(now))
        if row is not None:
            return row
        lengths = [group.code_length for group in groups.values() if group.code_length]
        if len(lengths) < len(groups):
            return CallInMatched(matched=False, reason="no-request", code_length=max(lengths, default=0))
        return CallInMatched(matched=False, reason="code-needed", code_length=max(lengths))

    async def _by_code(
        self, session: Session, tenant: str, asked: MatchAsked, groups: dict[str, Group], now: float
    ) -> Any:
        names, caller = list(groups), guesses.caller_key(asked.from_number)
        await guesses.one_at_a_time(session, tenant, caller)
        if await guesses.is_locked(session, tenant, names, caller, now):
            return CallInMatched(matched=False, reason="locked")
        given = (tenant, names, asked.code, _moment(now), asked.call_id or None)
        row = await session.connection.fetchrow(_QUERIES["match_code"], *given)
        if row is not None:
            await guesses.forgive(session, tenant, names, caller)
            return row
        await guesses.note_wrong(session, tenant, groups, caller, now)
        lengths = [group.code_length for group in groups.values() if group.code_length]
        return CallInMatched(matched=False, reason="no-request", code_length=max(lengths, default=0))

    async def _with_place(self, tenant: str, row: Any) -> CallInMatched:
        """The request with the place of the callback that it names, unless that is over."""
        found = _found(row)
        if found.callback_id is None:
            return found
        try:
            record = await self._called_in(tenant, found.callback_id, f"call-in {found.id}")
        except HttpError as error:
            self._ctx.log.info("call_in_without_callback", call_in=str(found.id), slug=error.slug)
            return found
        place = min(record.progress.arrived_at, self._ctx.now())
        return msgspec.structs.replace(found, arrived_at=place)

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
            await guesses.tidy(session, now)

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
        wrong_by_caller=row["wrong_by_caller"],
        wrong_in_all=row["wrong_in_all"],
        lock_s=row["lock_s"],
    )


def _found(row: Any) -> CallInMatched:
    callback_id: UUID | None = row["callback_id"]
    return CallInMatched(
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
