"""Lists of callbacks: filters become SQL, pages go by the last key seen, so that each costs the same."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, TypeVar
from uuid import UUID

import msgspec

from ringback.domain.permissions import Scope
from ringback.runtime.http import HttpError
from ringback.runtime.sql import load_queries
from ringback.services.engagement.management.models import Filter
from ringback.services.engagement.management.ranges import in_utc, named_range
from ringback.services.engagement.records import Record
from ringback.services.engagement.store import Session, read_records

QUERIES = load_queries("ringback.services.engagement.management")
T = TypeVar("T", bound=msgspec.Struct)
_ISO = re.compile(r"\d{4}-")
PAGE = 250
MOST_COUNTED = 10_000
Sort = Literal["updated", "desired", "created"]
Order = Literal["asc", "desc"]
_KEYS: dict[Sort, str] = {
    "updated": "updated_at",
    "desired": "coalesce(desired_at, arrived_at)",
    "created": "created_at",
}


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """The last callback of a page: microseconds of the epoch by which it is sorted, and its id."""

    micros: int
    id: UUID


@dataclass(slots=True)
class Where:
    """Conditions with their values; `$1` is the tenant."""

    values: list[object]
    text: list[str] = field(default_factory=list)

    def add(self, name: str, *values: object, **words: str) -> None:
        """One more condition by the name of its fragment."""
        places = [f"${len(self.values) + number}" for number in range(1, len(values) + 1)]
        self.text.append(QUERIES[f"where_{name}"].format(*places, **words))
        self.values.extend(values)

    def __str__(self) -> str:
        return " ".join(self.text)


def conditions(tenant: str, asked: Filter, scope: Scope, now: float) -> Where:
    """The conditions of a filter within a scope; HttpError 400."""
    where = Where([tenant])
    if scope.queues is not None:
        where.add("services", sorted(scope.queues))
    if asked.id is not None:
        where.add("id", asked.id)
    if asked.states:
        where.add("states", [state.value for state in asked.states])
    if asked.reasons:
        where.add("reasons", [reason.value for reason in asked.reasons])
    if asked.services:
        where.add("services", asked.services)
    if asked.number is not None:
        where.add("number", spellings(asked.number))
    if asked.offer_types:
        where.add("offer_types", asked.offer_types)
    _add_times(where, asked, now)
    return where


def _add_times(where: Where, asked: Filter, now: float) -> None:
    spans = {
        "desired": (asked.desired_range, asked.desired_from, asked.desired_to),
        "updated": (asked.updated_range, asked.updated_from, asked.updated_to),
    }
    for name, (named, first, last) in spans.items():
        if named is not None:
            begin, end = named_range(named, now, asked.timezone)
            where.add(f"{name}_from", begin)
            where.add(f"{name}_to", end)
        if first is not None:
            where.add(f"{name}_from", in_utc(first))
        if last is not None:
            where.add(f"{name}_to", in_utc(last))


def spellings(number: str) -> list[str]:
    """As numbers are kept: with a `+`, whether it was typed or not."""
    digits = "".join(each for each in number if each.isascii() and each.isdigit())
    return ["+" + digits]


def read_query(given: Mapping[str, object], kind: type[T]) -> T:
    """What a query asks for; HttpError 400. No parameter is null, and no time is a number."""
    try:
        found = msgspec.convert(dict(given), kind, strict=False)
    except msgspec.ValidationError as error:
        raise HttpError(400, "invalid_query", str(error)) from None
    for each in msgspec.structs.fields(kind):
        if (raw := given.get(each.encode_name)) is not None:
            value = getattr(found, each.name)
            if value is None or (isinstance(value, datetime) and not _ISO.match(str(raw))):
                raise HttpError(400, "invalid_query", f"{each.encode_name} is no such value")
    return found


async def count(session: Session, where: Where) -> int:
    """How many callbacks fit; counting ends after 10000."""
    sql = QUERIES["count_callbacks"].format(where=where, limit=MOST_COUNTED + 1)
    found: int = await session.connection.fetchval(sql, *where.values)
    return found


async def page(
    session: Session, where: Where, sort: Sort, order: Order, after: Cursor | None, limit: int
) -> list[Record]:
    """Up to `limit` callbacks that come after a cursor."""
    key = _KEYS[sort]
    wanted = Where(list(where.values), list(where.text))
    if after is not None:
        wanted.add(f"after_{order}", _moment(after.micros), after.id, key=key)
    sql = QUERIES["list_callbacks"].format(where=wanted, key=key, order=order, limit=limit)
    return read_records(await session.connection.fetch(sql, *wanted.values))


def cursor_after(records: Sequence[Record], sort: Sort) -> Cursor:
    """The cursor of the last of some callbacks."""
    last = records[-1]
    desired = last.progress.arrived_at if last.desired_at is None else last.desired_at
    seconds = {"updated": last.updated_at, "created": last.created_at, "desired": desired}[sort]
    return Cursor(round(seconds * 1_000_000), last.id)


def write_cursor(cursor: Cursor) -> str:
    """A cursor as clients hand it back."""
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def read_cursor(text: str) -> Cursor:
    """The cursor that a client hands back; HttpError 400 when it is none of ours."""
    try:
        cursor = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Cursor)
        _moment(cursor.micros)
    except (msgspec.MsgspecError, binascii.Error, ValueError, OverflowError, OSError):
        raise HttpError(400, "invalid_cursor", "`after` is the `next` of an earlier page") from None
    return cursor


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)
