"""Callbacks in PostgreSQL: the truth about each, and the outbox written in the same transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import msgspec

from ringback.domain.callbacks import DialResult, Effect, Progress, Reason, StartAttempt, State
from ringback.runtime.sql import load_queries
from ringback.services.engagement.records import Details, Record

if TYPE_CHECKING:
    from ringback.runtime.context import Context

QUERIES = load_queries("ringback.services.engagement")
THROTTLE_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Telling:
    """One row of the outbox with its callback: the session of `attempt` is to be started or stopped."""

    id: int
    attempt: int
    reason: str
    record: Record


@dataclass(frozen=True, slots=True)
class KeyUse:
    """An Idempotency-Key with the hash of the body that came with it."""

    key: str
    body_sha256: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request asks for beside being written; what is None is not limited.

    most_waiting: callbacks of this number that may wait at once in the service. throttle_key, throttle_limit:
    requests with this key within 24 hours. slot, minutes, capacity: the slot that it takes a place in.
    """

    most_waiting: int | None = None
    throttle_key: str | None = None
    throttle_limit: int | None = None
    slot: int | None = None
    minutes: int | None = None
    capacity: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A callback to be written when its claim holds; `starts`: its first attempt begins at once."""

    record: Record
    starts: bool
    claim: Claim
    use: KeyUse | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an entry: the word is empty when it was written, and `made` is its id.

    Else the word says why not: `number-waiting`, `throttled`, `slot-full`, `key-reused`; or `known`: `made`
    is the id of the callback that was made with this key before.
    """

    word: str
    made: UUID


class Store:
    """Named queries over the pool; PostgresUnavailable when the database is away."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """One transaction; committed when the block ends without an exception."""
        async with self._connection() as connection, connection.transaction():
            yield Session(connection)

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[Session]:
        """A session for a single query, which is a transaction by itself."""
        async with self._connection() as connection:
            yield Session(connection)

    def _connection(self) -> AbstractAsyncContextManager[asyncpg.pool.PoolConnectionProxy]:
        self._ctx.connections.count("ges-16", sent=1)
        return self._ctx.postgres.connection()


class Session:
    """One transaction's queries."""

    def __init__(self, connection: asyncpg.pool.PoolConnectionProxy) -> None:
        self._connection = connection

    async def book(self, entries: Sequence[Entry]) -> list[Verdict]:
        """Write new callbacks, each with the start of its first attempt if it has one and if its claim holds.

        No key may stand twice among them.
        """
        columns = zip(*map(_row, entries), strict=True)
        rows = await self._connection.fetch(QUERIES["book"], *map(list, columns))
        return [Verdict(row["word"], row["made"]) for row in rows]

    async def release_slot(self, callback_id: UUID) -> None:
        """Give back the place in its slot that a callback has taken, if any."""
        await self._connection.execute(QUERIES["release_slot"], callback_id)

    async def taken(self, tenant: str, service: str, minutes: int, start: int, end: int) -> dict[int, int]:
        """How many callbacks have taken each slot of [start, end); slots that nobody has are left out."""
        row = await self._connection.fetchrow(QUERIES["taken_slots"], tenant, service, minutes, start, end)
        if not row["mixed"]:
            return dict(zip(row["starts"] or (), row["taken"] or (), strict=True))
        rows = await self._connection.fetch(QUERIES["count_slots"], tenant, service, start, end)
        return {row["slot_at"]: row["taken"] for row in rows}

    async def forget_slots(self, before: float) -> None:
        """Remove the counts of slots that began before `before`."""
        await self._connection.execute(QUERIES["forget_slots"], int(before))

    async def known_key(self, tenant: str, use: KeyUse) -> Verdict | None:
        """What a request with this key gets without being judged again; None: the key is new."""
        row = await self._connection.fetchrow(QUERIES["read_idempotency_key"], tenant, use.key)
        if row is None:
            return None
        same = row["body_sha256"] == use.body_sha256
        return Verdict("known" if same else "key-reused", row["callback_id"])

    async def read(self, tenant: str, callback_id: UUID, *, lock: bool = False) -> Record | None:
        """One callback of a tenant; `lock` keeps it from changing until the transaction ends."""
        query = QUERIES["lock_callback" if lock else "read_callback"]
        row = await self._connection.fetchrow(query, tenant, callback_id)
        return None if row is None else _record(row)

    async def read_all(self, ids: Sequence[UUID]) -> list[Record]:
        """The callbacks that have these ids, of whatever tenant."""
        return _records(await self._connection.fetch(QUERIES["read_callbacks"], ids))

    async def lock_due(self, now: float, limit: int) -> list[Record]:
        """Scheduled callbacks whose time has come and that no other node holds."""
        return _records(await self._connection.fetch(QUERIES["lock_due"], _moment(now), limit))

    async def lock_expired(self, now: float, limit: int) -> list[Record]:
        """Queued callbacks, nobody dialled yet, whose time to live is over and that no other node holds."""
        return _records(await self._connection.fetch(QUERIES["lock_expired"], _moment(now), limit))

    async def stalled(self, before: float, limit: int) -> list[Record]:
        """Callbacks in ROUTING without a step since `before`."""
        return _records(await self._connection.fetch(QUERIES["stalled_callbacks"], _moment(before), limit))

    async def silent(self, before: float, limit: int) -> list[Record]:
        """Live callbacks whose sessions have not been heard of since `before`."""
        return _records(await self._connection.fetch(QUERIES["silent_callbacks"], _moment(before), limit))

    async def touch(self, record: Record, now: float) -> None:
        """Note that the session of a callback was there at `now`."""
        await self._connection.execute(QUERIES["touch_callback"], record.id, _moment(now))

    async def shown(self, tenant: str, limit: int) -> list[Record]:
        """For people who watch: live callbacks in the order of the line, then others that changed last."""
        live = _records(await self._connection.fetch(QUERIES["live_callbacks"], tenant, limit))
        return live + _records(await self._connection.fetch(QUERIES["latest_callbacks"], tenant, limit))

    async def next_due(self) -> float | None:
        """When the next scheduled callback is due; None: there is none."""
        return _maybe_seconds(await self._connection.fetchval(QUERIES["next_due"]))

    async def save(self, record: Record, effects: Iterable[Effect]) -> None:
        """Write the changed progress and what its session is to be told."""
        await self.save_all([(record, effects)])

    async def save_all(self, changes: Sequence[tuple[Record, Iterable[Effect]]]) -> None:
        """As `save`, many in two round trips."""
        progress = [_progress_row(record) for record, _ in changes]
        if progress:
            await self._connection.executemany(QUERIES["update_progress"], progress)
        told = [_outbox_row(record, effect) for record, effects in changes for effect in effects]
        if told:
            await self._connection.executemany(QUERIES["tell"], told)

    async def hold(self, ids: Sequence[UUID], now: float, seconds: float) -> None:
        """Let callbacks wait that nobody can judge now: they are not looked at again for so long."""
        await self._connection.execute(
            QUERIES["hold_callbacks"], list(ids), _moment(now), _moment(now + seconds)
        )

    async def start_again(self, record: Record, now: float) -> None:
        """Put the start of the running attempt into the outbox once more."""
        start = StartAttempt(record.progress.attempt)
        await self._connection.execute(
            QUERIES["tell"], *_outbox_row(record.after(record.progress, now), start)
        )

    async def lock_tellings(self, kind: str, now: float, limit: int) -> list[Telling]:
        """Rows of the outbox that no other node holds, oldest first."""
        rows = await self._connection.fetch(QUERIES["lock_outbox"], kind, _moment(now), limit)
        return [
            Telling(row["outbox_id"], row["outbox_attempt"], row["outbox_reason"], _record(row))
            for row in rows
        ]

    async def told(self, ids: Sequence[int]) -> None:
        """Remove rows of the outbox."""
        await self._connection.execute(QUERIES["delete_outbox"], list(ids))

    async def tell_later(self, ids: Sequence[int], at: float) -> None:
        """Try rows of the outbox again at `at`."""
        await self._connection.execute(QUERIES["postpone_outbox"], list(ids), _moment(at))

    async def forget_keys(self, before: float) -> None:
        """Remove Idempotency-Keys older than `before`."""
        await self._connection.execute(QUERIES["forget_idempotency_keys"], _moment(before))

    async def settings(self, tenant: str, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """Published properties by service name."""
        rows = await self._connection.fetch(QUERIES["read_settings"], tenant, list(names))
        return {row["service"]: msgspec.json.decode(row["properties"]) for row in rows}

    async def all_settings(self, tenant: str) -> dict[str, dict[str, str]]:
        """Published properties of every service of a tenant."""
        rows = await self._connection.fetch(QUERIES["read_service_names"], tenant)
        return {row["service"]: msgspec.json.decode(row["properties"]) for row in rows}

    @property
    def connection(self) -> asyncpg.pool.PoolConnectionProxy:
        """The connection itself, for rooms that have queries of their own."""
        return self._connection


def moment(seconds: float) -> datetime:
    """Seconds since the epoch as the database has them."""
    return datetime.fromtimestamp(seconds, UTC)


_moment = moment


def _row(entry: Entry) -> tuple[object, ...]:
    """The arguments of engagement.book for one entry."""
    record, claim, progress = entry.record, entry.claim, entry.record.progress
    return (
        record.id,
        record.tenant,
        record.service,
        record.number,
        progress.state.value,
        _moment(record.created_at),
        _maybe_moment(record.desired_at),
        _moment(progress.arrived_at),
        _maybe_moment(progress.due_at),
        _moment(progress.expires_at),
        progress.attempt,
        record.priority,
        msgspec.json.encode(record.details).decode(),
        claim.most_waiting,
        claim.throttle_key,
        claim.throttle_limit,
        _moment(record.created_at - THROTTLE_S),
        claim.slot,
        claim.minutes,
        claim.capacity,
        entry.starts,
        bool(record.details.push_targets),
        entry.use.key if entry.use else None,
        entry.use.body_sha256 if entry.use else None,
    )


def _progress_row(record: Record) -> tuple[object, ...]:
    progress = record.progress
    return (
        record.id,
        progress.state.value,
        progress.reason.value if progress.reason else None,
        _maybe_moment(progress.due_at),
        progress.attempt,
        progress.step,
        progress.dialled,
        progress.dials,
        progress.last_result.value if progress.last_result else None,
        _moment(record.updated_at),
        record.agent_id,
        record.conn_id,
        record.position,
        record.ewt,
    )


def _outbox_row(record: Record, effect: Effect) -> tuple[object, ...]:
    kind, reason = ("start", "") if isinstance(effect, StartAttempt) else ("stop", effect.reason.value)
    return kind, record.id, effect.attempt, reason, _moment(record.updated_at)


def _maybe_moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else _moment(seconds)


def _maybe_seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _records(rows: Sequence[Any]) -> list[Record]:
    return [_record(row) for row in rows]


def read_records(rows: Sequence[Any]) -> list[Record]:
    """Callbacks from whole rows of their table, for rooms that have queries of their own."""
    return _records(rows)


def _record(row: Any) -> Record:
    return Record(
        id=row["id"],
        tenant=row["tenant"],
        service=row["service"],
        number=row["number"],
        created_at=row["created_at"].timestamp(),
        updated_at=row["updated_at"].timestamp(),
        desired_at=_maybe_seconds(row["desired_at"]),
        priority=row["priority"],
        details=msgspec.json.decode(row["details"], type=Details),
        progress=_progress(row),
        agent_id=row["agent_id"],
        conn_id=row["conn_id"],
        position=row["position"],
        ewt=row["ewt"],
    )


def _progress(row: Any) -> Progress:
    return Progress(
        state=State(row["state"]),
        arrived_at=row["arrived_at"].timestamp(),
        expires_at=row["expires_at"].timestamp(),
        due_at=_maybe_seconds(row["due_at"]),
        reason=Reason(row["reason"]) if row["reason"] else None,
        attempt=row["attempt"],
        step=row["step"],
        dialled=row["dialled"],
        dials=row["dials"],
        last_result=DialResult(row["last_result"]) if row["last_result"] else None,
    )
