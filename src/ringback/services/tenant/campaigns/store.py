"""Campaigns in PostgreSQL: records, states and attempts, and the outbox written in the same transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from ringback.contracts.campaigns import CampaignEvent, CampaignHour, Counts, RecordView
from ringback.domain.callbacks import DialResult
from ringback.domain.campaigns.attempts import Effort, Progress, Stage
from ringback.domain.campaigns.lines import Line, Lines
from ringback.domain.campaigns.outcomes import Entered
from ringback.domain.campaigns.permission import Customer
from ringback.domain.campaigns.records import Given
from ringback.domain.campaigns.states import State
from ringback.domain.numbers import masked
from ringback.runtime.sql import load_queries

if TYPE_CHECKING:
    from ringback.runtime.context import Context

SQL = load_queries("ringback.services.tenant.campaigns", "campaigns.sql")


class Standing(msgspec.Struct, kw_only=True):
    """A campaign's row."""

    campaign: str
    state: State = State.UNLOADED
    reason: str = ""
    since: float = 0.0
    answered: int = 0
    abandoned: int = 0
    exhausted: bool = False


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A record that may be dialled, and is locked."""

    list: str
    key: str
    customer: Customer
    data: dict[str, str]
    attempts: int
    lines: Lines
    forbidden: frozenset[str]
    """Those of the numbers that are not to be called."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that is not over, with its record."""

    id: UUID
    campaign: str
    list: str
    key: str
    number: int
    asked_at: float
    customer: Customer
    data: dict[str, str]
    progress: Progress
    conn_id: str = ""
    dn: str = ""
    """The phone of the agent from which it is dialled; empty: from the route point."""
    lines: Lines = Lines(())
    effort: Effort = Effort()
    do_not_call: bool = False
    entered: Entered = Entered()
    """What the agent says the talk has come to."""


class Store:
    """Named queries over the pool, of one tenant; PostgresUnavailable when the database is away. `told` is
    called after a commit that has something to tell.
    """

    def __init__(self, ctx: Context, tenant: str, told: Callable[[], None]) -> None:
        self._ctx = ctx
        self.tenant = tenant
        self._told = told

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """One transaction; committed when the block ends without an exception."""
        self._ctx.connections.count("voice-13", sent=1)
        async with self._ctx.postgres.connection() as connection, connection.transaction():
            session = Session(connection, self.tenant)
            yield session
        if session.tells:
            self._told()


class Session:
    """One transaction's queries."""

    def __init__(self, connection: Any, tenant: str) -> None:
        self._connection = connection
        self.tenant = tenant
        self.tells = False
        """Whether there is something to tell when it is committed."""

    @property
    def connection(self) -> Any:
        """For what is written in the same transaction elsewhere."""
        return self._connection

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        """The rows of a query, whose first parameter is the tenant."""
        rows: list[Any] = await self._connection.fetch(SQL[query], self.tenant, *args)
        return rows

    async def execute(self, query: str, *args: Any) -> int:
        """Returns how many rows were changed."""
        done: str = await self._connection.execute(SQL[query], self.tenant, *args)
        return int(done.rsplit(" ", 1)[-1])

    # Records

    async def add_records(self, list_: str, records: Sequence[Given]) -> int:
        """Write records whose key is new; how many were."""
        written = [{**msgspec.structs.asdict(each), "lines": each.lines} for each in records]
        return len(await self.fetch("add_records", list_, msgspec.json.encode(written).decode()))

    async def remove_records(self, list_: str, keys: Sequence[str]) -> int:
        """Remove records that are not being dialled; how many were there."""
        return await self.execute("remove_records", list_, list(keys))

    async def clear_list(self, list_: str) -> int:
        """Remove all records of a list that are not being dialled."""
        return await self.execute("clear_list", list_)

    async def read_records(self, list_: str, keys: Sequence[str], after: str, limit: int) -> list[RecordView]:
        """Records by key, from behind `after` on."""
        rows = await self.fetch("read_records", list_, list(keys), after, limit)
        return [
            RecordView(**{**row, "number": masked(row["number"]), "data": msgspec.json.decode(row["data"])})
            for row in rows
        ]

    async def add_do_not_call(self, numbers: Sequence[str], reason: str, now: float) -> int:
        """Forbid numbers; how many were not forbidden before."""
        return await self.execute("add_do_not_call", list(numbers), reason, now)

    async def remove_do_not_call(self, numbers: Sequence[str]) -> int:
        """Allow numbers again."""
        return await self.execute("remove_do_not_call", list(numbers))

    async def on_do_not_call(self, numbers: Sequence[str]) -> frozenset[str]:
        """Those of the numbers that are forbidden."""
        return frozenset(row["number"] for row in await self.fetch("on_do_not_call", list(numbers)))

    # Campaigns

    async def standings(self, campaign: str = "") -> list[Standing]:
        """How one campaign stands, or all that were ever loaded."""
        return [_standing(row) for row in await self.fetch("read_states", campaign)]

    async def lock(self, campaign: str, now: float) -> Standing:
        """How a campaign stands; nobody else changes it until the transaction is over."""
        rows = await self.fetch("lock_state", campaign)
        if not rows:
            await self.execute("open_state", campaign, now)
            rows = await self.fetch("lock_state", campaign)
        return _standing(rows[0])

    async def write(self, standing: Standing) -> None:
        """Keep how a campaign stands."""
        await self.execute(
            "write_state",
            standing.campaign,
            standing.state.value,
            standing.reason,
            standing.since,
            standing.answered,
            standing.abandoned,
            standing.exhausted,
        )

    async def count_heard(self, campaign: str, answered: int, abandoned: int) -> None:
        """Add to what a campaign has counted since its start."""
        await self.execute("count_heard", campaign, answered, abandoned)

    async def counts(self, campaign: str, lists: Sequence[str]) -> Counts:
        """The records of the lists, and the campaign's calls."""
        states: dict[str, int] = {}
        results: dict[str, int] = {}
        next_at = 0.0
        for row in await self.fetch("counts", list(lists)):
            if row["state"] == "waiting":
                next_at = min(next_at or row["soonest"], row["soonest"])
            states[row["state"]] = states.get(row["state"], 0) + row["number"]
            if row["state"] == "done":
                results[row["result"]] = results.get(row["result"], 0) + row["number"]
        open_ = await self.open_attempts(campaign)
        return Counts(**states, results=results, open=open_, next_at=next_at)

    async def by_hour(
        self, since: float, recent: float
    ) -> tuple[dict[str, list[CampaignHour]], dict[str, int]]:
        """What came of the dials from `since` on by campaign and hour, and how many were begun after
        `recent`.
        """
        hours: dict[str, list[CampaignHour]] = {}
        lately: dict[str, int] = {}
        for row in await self.fetch("by_hour", since, recent):
            found = dict(row)
            name, recently = found.pop("campaign"), found.pop("recent")
            hours.setdefault(name, []).append(CampaignHour(**found))
            lately[name] = lately.get(name, 0) + recently
        return hours, lately

    async def open_attempts(self, campaign: str) -> int:
        """A campaign's attempts that are not over."""
        return int((await self.fetch("open_attempts", campaign))[0][0])

    async def something_left(self, lists: Sequence[str]) -> bool:
        """Whether a record of the lists waits to be dialled, now or later."""
        return bool((await self.fetch("something_left", list(lists)))[0][0])

    async def all_open(self) -> dict[UUID, str]:
        """The ConnID, where it is known, of every attempt that is not over."""
        return {row["id"]: row["conn_id"] for row in await self.fetch("all_open")}

    async def under_way(self, campaigns: Sequence[str]) -> tuple[int, int, int]:
        """Customers of these campaigns who are being dialled or have no agent yet; those of them who have not
        answered; those who talk to an agent.
        """
        (row,) = await self.fetch("under_way", list(campaigns))
        return row["under_way"], row["ringing"], row["talking"]

    # Attempts

    async def due(self, lists: Sequence[str], now: float, limit: int) -> list[Due]:
        """Records that are due, the most urgent first; those that another is looking at are left out."""
        return [
            Due(
                list=row["list"],
                key=row["key"],
                customer=Customer(row["number"], row["time_zone"], tuple(row["hours"])),
                data=msgspec.json.decode(row["data"]),
                attempts=row["attempts"],
                lines=_lines(row),
                forbidden=frozenset(row["forbidden"]),
            )
            for row in await self.fetch("due", list(lists), now, limit)
        ]

    async def dial(self, attempt: Attempt, check_at: float) -> None:
        """Write down that a record is being dialled."""
        its = attempt
        await self.execute(
            "dial",
            its.campaign,
            its.list,
            its.key,
            its.id,
            its.progress.stage.value,
            its.asked_at,
            check_at,
            its.progress.agent,
            its.dn,
            its.customer.number,
        )

    async def offered(self, campaign: str, agent: str = "") -> list[Attempt]:
        """The attempt whose record an agent has before them, or those of all agents; locked."""
        ids = [row["id"] for row in await self.fetch("offered_to", campaign, agent)]
        return await self.attempts(ids) if ids else []

    async def forget_attempts(self, before: float) -> int:
        """Remove attempts that were over before a moment."""
        return await self.execute("forget_attempts", before)

    async def postpone(self, due: Due, until: float) -> None:
        """Not before `until`."""
        await self.execute("postpone", due.list, due.key, until)

    async def finish_record(self, due: Due, reason: str) -> None:
        """Not at all, whatever earlier dials came to."""
        await self.execute("finish_record", due.list, due.key, reason)

    async def attempts(
        self, ids: Iterable[UUID] = (), before: float = float("inf"), limit: int = 1000
    ) -> list[Attempt]:
        """Open attempts, locked: those that are named, or all, which are to be looked at before `before`."""
        return [_attempt(row) for row in await self.fetch("attempts_of", before, list(ids), limit)]

    async def attempt_of_outcome(
        self, attempt: UUID | None, list_: str, key: str
    ) -> tuple[Attempt, bool] | None:
        """An attempt by its id, or the last one of a record, locked, also one that is over; and whether its
        record has been left alone since.
        """
        rows = await self.fetch("attempt_of_outcome", attempt, list_, key)
        return (_attempt(rows[0]), bool(rows[0]["last"])) if rows else None

    async def write_attempt(self, attempt: Attempt, check_at: float) -> None:
        """Keep an attempt."""
        its = attempt.progress
        await self._connection.execute(
            SQL["write_attempt"],
            attempt.id,
            its.stage.value,
            attempt.conn_id,
            its.agent,
            its.result.value if its.result else "",
            its.reason,
            its.answered_at,
            its.connected_at,
            its.ended_at,
            check_at,
            attempt.asked_at,
        )

    async def after_attempt(self, attempt: Attempt, effort: Effort, due_at: float | None) -> None:
        """Give the record of an attempt that is over back, or close it."""
        its = attempt.progress
        await self.execute(
            "after_attempt",
            attempt.list,
            attempt.key,
            "done" if due_at is None else "waiting",
            due_at or its.ended_at,
            effort.dials,
            effort.faults,
            its.result.value if its.result else "",
            its.reason,
            sorted(attempt.lines.tried),
            sorted(attempt.lines.dead),
        )

    async def new_round(self, due: Due, until: float) -> None:
        """Not before `until`, and then from the first of its numbers on."""
        await self.execute("new_round", due.list, due.key, until)

    async def cursor(self) -> str:
        """How far the events of calls have been taken into account; empty: never."""
        rows = await self.fetch("read_cursor")
        return str(rows[0]["cursor"]) if rows else ""

    async def write_cursor(self, cursor: str) -> None:
        """Everything up to here has been taken into account."""
        await self.execute("write_cursor", cursor)

    # What is to be told

    async def tell(self, events: Sequence[CampaignEvent]) -> None:
        """Write events that are told when the transaction is committed."""
        if events:
            keys = [f"{event.tenant}:{event.campaign or event.calling_list}" for event in events]
            bodies = [msgspec.json.encode(event).decode() for event in events]
            await self.execute("tell", keys, bodies)
            self.tells = True


def _standing(row: Any) -> Standing:
    return msgspec.convert(dict(row), Standing)


def _lines(row: Any, first: str = "number") -> Lines:
    lines = msgspec.json.decode(row["lines"], type=tuple[Line, ...])
    return Lines(lines or (Line(number=row[first]),), frozenset(row["tried"]), frozenset(row["dead"]))


def _attempt(row: Any) -> Attempt:
    result = DialResult(row["result"]) if row["result"] else None
    lines = _lines(row, "customer")
    hours = lines.line(row["customer"]).hours or tuple(row["hours"])
    return Attempt(
        id=row["id"],
        campaign=row["campaign"],
        list=row["list"],
        key=row["key"],
        number=row["number"],
        asked_at=row["asked_at"],
        conn_id=row["conn_id"],
        dn=row["dn"],
        customer=Customer(row["customer"], row["time_zone"], hours),
        lines=lines,
        data=msgspec.json.decode(row["data"]),
        do_not_call=row["do_not_call"],
        effort=Effort(row["dials"], row["faults"]),
        entered=Entered(row["outcome"], row["outcome_by"], row["call_at"]),
        progress=Progress(
            Stage(row["stage"]),
            result,
            row["reason"],
            row["agent"],
            row["answered_at"],
            row["connected_at"],
            row["ended_at"],
        ),
    )
