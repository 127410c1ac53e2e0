"""Notices of callbacks: when one is due, and its delivery from the outbox.

A notice is written with the end of its callback's watch in one transaction, so that it exists once. It is
claimed by moving its next try ahead: whoever dies while sending leaves it to be sent again.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from ringback.domain.callbacks import DialResult
from ringback.runtime.rounds import Rounds, every
from ringback.runtime.sql import load_queries
from ringback.services.engagement.outside.channels import Channels, UnknownChannel
from ringback.services.engagement.outside.notices import UPCOMING, Notice, Refused, TryAgain, wait_before
from ringback.services.engagement.outside.reminders import Reminders
from ringback.services.engagement.outside.settings import OutsideSettings
from ringback.services.engagement.outside.writing import Writing
from ringback.services.engagement.records import Record
from ringback.services.engagement.store import Store, read_records

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.engagement.catalogue import Catalogue
    from ringback.services.engagement.queues import QueueDesk

_QUERIES = load_queries("ringback.services.engagement.outside")
_BATCH = 100
_FIRST = 20
_LEASE_EXTRA_S = 5.0
_OVER = frozenset({"PROCESSING", "COMPLETED"})
_TIDY_S = 60.0
_KEPT_S = 30 * 86_400.0
_LOOKS_PER_REMINDER = 5


class NoticeView(msgspec.Struct, frozen=True, kw_only=True):
    """One notice and what became of it; times in seconds since the epoch."""

    id: UUID
    event: str
    channel: str
    state: str
    result: str
    tries: int
    created_at: float
    finished_at: float | None
    attempt: int
    """The attempt that it belongs to; 0: none."""
    delivery: str
    """PUSH_DELIVERY_CONFIRMED, PUSH_DELIVERY_NOT_CONFIRMED, PUSH_SEND_ERROR; empty while it is on its way."""


class Push:
    """Loops that may run on any number of nodes."""

    def __init__(
        self,
        ctx: Context,
        settings: OutsideSettings,
        store: Store,
        catalogue: Catalogue,
        desk: QueueDesk,
        channels: Channels,
        writing: Writing,
    ) -> None:
        self._ctx = ctx
        self._settings = settings
        self._store = store
        self._catalogue = catalogue
        self._desk = desk
        self._channels = channels
        self._writing = writing
        self._reminders = Reminders(ctx, store, catalogue, writing)
        self._sending: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin; runs until the service stops."""
        look_s = self._settings.push_look_s
        seldom_s = look_s * _LOOKS_PER_REMINDER
        Rounds(self._ctx, "push-watch", every(look_s, self.watch)).start()
        Rounds(self._ctx, "push-deliver", every(look_s, self.deliver)).start()
        Rounds(self._ctx, "push-remind", every(seldom_s, self._reminders.look)).start()
        Rounds(self._ctx, "push-tidy", every(_TIDY_S, self.tidy)).start()

    async def watch(self) -> None:
        """Write a notice for each watched callback whose wait has fallen under the threshold."""
        async with self._store.statement() as session:
            ids = [row["id"] for row in await session.connection.fetch(_QUERIES["watched"], _FIRST)]
            records = read_records(await session.connection.fetch(_QUERIES["callbacks_by_id"], ids))
        passed: set[tuple[str, str]] = set()
        for record in records:
            queue = (record.tenant, record.service)
            if queue in passed:
                continue  # somebody before this one still waits too long
            wait_s = await self._near(record)
            if wait_s is None:
                passed.add(queue)
            else:
                await self._tell(record, wait_s)

    async def deliver(self) -> None:
        """Begin to send what is due, so much at a time; a push service that is slow holds up no other."""
        free = _BATCH - len(self._sending)
        if free <= 0:
            return
        now = self._ctx.now()
        lease = _moment(now + self._settings.push_timeout_s * 3 + _LEASE_EXTRA_S)
        async with self._store.statement() as session:
            rows = await session.connection.fetch(_QUERIES["claim_notices"], _moment(now), lease, free)
        for row in rows:
            task = self._ctx.spawn(self._deliver(row), "push-notice")
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def tidy(self) -> None:
        """Forget watches that have become pointless, and notices that are a month old."""
        before = _moment(self._ctx.now() - _KEPT_S)
        async with self._store.statement() as session:
            await session.connection.execute(_QUERIES["forget_watches"])
            await session.connection.execute(_QUERIES["forget_notices"], before)

    async def of_callback(self, tenant: str, callback_id: UUID) -> list[NoticeView]:
        """The notices of one callback, oldest first."""
        async with self._store.statement() as session:
            rows = await session.connection.fetch(_QUERIES["notices_of"], tenant, callback_id)
        return [_view(row) for row in rows]

    async def _near(self, record: Record) -> float | None:
        """The wait in seconds when it lies under the service's threshold."""
        offer = await self._catalogue.offer(record.tenant, record.service)
        threshold_s = offer.settings.push_notification_threshold * 60 if offer else 0
        if not threshold_s:
            return None
        _, wait_s = await self._desk.place(record)
        return None if wait_s is None or wait_s >= threshold_s else wait_s

    async def _tell(self, record: Record, wait_s: float) -> None:
        async with self._store.transaction() as session:
            if await session.connection.fetchval(_QUERIES["take_watch"], record.id) is None:
                return  # another node was first
            more = {"estimatedWaitTime": str(round(wait_s))}
            await self._writing.write(session, record, UPCOMING, more)

    async def _deliver(self, row: Any) -> None:
        if row["callback_state"] in _OVER or _attempt_over(row):
            await self._finish(row, "FAILED", "callback-over")
            return
        data = msgspec.json.decode(row["data"], type=dict[str, str])
        notice = Notice(str(row["id"]), row["event"], row["target"], data)
        try:
            name = await self._channels.send(row["tenant"], row["channel"], notice)
        except UnknownChannel:
            await self._finish(row, "FAILED", "channel-unknown")
        except Refused as error:
            await self._finish(row, "FAILED", str(error))
        except TryAgain as error:
            await self._later(row, error)
        else:
            await self._finish(row, "SENT", name)

    async def _finish(self, row: Any, state: str, result: str) -> None:
        async with self._store.statement() as session:
            moment = _moment(self._ctx.now())
            await session.connection.execute(_QUERIES["finish_notice"], row["id"], state, result, moment)
        self._ctx.log.info(
            "notice_finished", callback_id=str(row["callback_id"]), state=state, tries=row["tries"]
        )

    async def _later(self, row: Any, error: TryAgain) -> None:
        if row["tries"] >= self._settings.push_tries:
            await self._finish(row, "FAILED", str(error))
            return
        wait_s = wait_before(row["tries"], self._settings.push_retry_s, error.wait_s)
        async with self._store.statement() as session:
            moment = _moment(self._ctx.now() + wait_s)
            await session.connection.execute(_QUERIES["postpone_notice"], row["id"], moment, str(error))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _view(row: Any) -> NoticeView:
    return NoticeView(
        id=row["id"],
        event=row["event"],
        channel=row["channel"],
        state=row["state"],
        result=row["result"],
        tries=row["tries"],
        created_at=row["created_at"].timestamp(),
        finished_at=row["finished_at"].timestamp() if row["finished_at"] else None,
        attempt=row["attempt"],
        delivery=_delivery(row),
    )


def _delivery(row: Any) -> str:
    if row["confirmed_at"] is not None:
        return DialResult.PUSH_DELIVERY_CONFIRMED.value
    if row["state"] == "FAILED":
        return DialResult.PUSH_SEND_ERROR.value
    return DialResult.PUSH_DELIVERY_NOT_CONFIRMED.value if row["state"] == "SENT" else ""


def _attempt_over(row: Any) -> bool:
    """Whether it belongs to an attempt that does not run any more."""
    running = row["callback_state"] != "SCHEDULED" and row["callback_attempt"] == row["attempt"]
    return bool(row["attempt"]) and not running
