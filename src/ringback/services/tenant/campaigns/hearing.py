"""What the events of calls say of the attempts under way.

The position in the stream is kept in the transaction that keeps what was heard: each event counts once, over
any crash. While nothing is dialled the stream is not read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import msgspec

from ringback.contracts.events import calls_stream
from ringback.contracts.names import tlib
from ringback.domain.callbacks import DialResult
from ringback.domain.campaigns.attempts import Heard, Word
from ringback.runtime.sql import PostgresUnavailable
from ringback.runtime.streams import StreamEntry, end_of, parse_entries
from ringback.runtime.valkey import Valkey, ValkeyError, ValkeyUnavailable
from ringback.services.tenant.campaigns.store import Session, Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context

PREFIX = "campaign-"
_BATCH, _BLOCK_MS = 500, 1000
_SAVE_AFTER = 5000
_RETRY_S = 0.5


class CallTold(msgspec.Struct, frozen=True, rename=tlib):
    """What of a call's event matters here."""

    id: str
    time: float
    conn_id: str
    reference_id: str = ""
    agent_id: str = ""
    dial_result: str = ""
    reason: str = ""


class News(NamedTuple):
    """A call's event that is about an attempt; `heard` is None where it says no more than that there is a
    call.
    """

    attempt: UUID
    conn_id: str
    heard: Heard | None


Take = Callable[[Session, list[News]], Awaitable[None]]


def reference_of(attempt: UUID) -> str:
    """The name of an attempt's dial."""
    return f"{PREFIX}{attempt.hex}"


def attempt_of(reference: str) -> UUID | None:
    """The attempt whose dial has this name."""
    if not reference.startswith(PREFIX):
        return None
    with suppress(ValueError):
        return UUID(reference.removeprefix(PREFIX))
    return None


def word_of(event: CallTold, *, by_reference: bool) -> Heard | None:
    """What an event says of the attempt."""
    match event.id:
        case "EventEstablished" if by_reference and event.dial_result:
            if event.dial_result == DialResult.PERSON.value:
                return Heard(Word.ANSWERED, event.time)
            return Heard(Word.FAILED, event.time, _result(event.dial_result), "not-a-person")
        case "EventDialing" if by_reference:
            return Heard(Word.DIALLED, event.time)
        case "EventError" if by_reference:
            result = _result(event.dial_result or DialResult.CREATE_CALL_ERROR.value)
            return Heard(Word.FAILED, event.time, result, event.reason)
        case "EventEstablished":
            return Heard(Word.CONNECTED, event.time, agent=event.agent_id)
        case "EventCallDeleted":
            return Heard(Word.DELETED, event.time)
    return None


def _result(name: str) -> DialResult:
    return DialResult.__members__.get(name, DialResult.UNKNOWN)


class Ear:
    """Knows an attempt's call: by the name of its dial, and from then on by its ConnID."""

    def __init__(self, calls: dict[str, UUID] | None = None) -> None:
        self._calls = dict(calls or {})

    def news(self, event: CallTold) -> News | None:
        """What an event says of an attempt; None when it says nothing."""
        attempt = attempt_of(event.reference_id)
        if attempt is not None:
            self._calls[event.conn_id] = attempt
            return News(attempt, event.conn_id, word_of(event, by_reference=True))
        attempt = self._calls.get(event.conn_id)
        if attempt is None:
            return None
        heard = word_of(event, by_reference=False)
        return News(attempt, event.conn_id, heard) if heard else None

    def forget(self, news: News) -> None:
        """What was heard has been kept: a call that is over needs no ear."""
        if news.heard is not None and news.heard.word is Word.DELETED:
            self._calls.pop(news.conn_id, None)


class Hearing:
    """Follows the calls of one tenant for as long as something is dialled, and hands on what it hears."""

    def __init__(self, ctx: Context, store: Store, take: Take) -> None:
        self._ctx = ctx
        self._store = store
        self._take = take
        self._stream = calls_stream(store.tenant)
        self._valkey = ctx.valkey.using("voice-14")
        self._ear = Ear()
        self._cursor = ""
        self._unsaved = 0
        """Events since the position was kept."""
        self.listening = asyncio.Event()
        """Set while everything that happens is heard: only then may be dialled."""

    async def run(self, wanted: Callable[[], bool]) -> None:
        """Follow while it is wanted; returns when it is no longer."""
        blocking = await self._ctx.valkey.dedicated(f"{self._ctx.node}-campaigns-{self._store.tenant}")
        try:
            await self._begin()
            self.listening.set()
            while wanted():
                await self._read(blocking)
        finally:
            self.listening.clear()
            with suppress(ValkeyUnavailable):
                await asyncio.shield(self._ctx.valkey.release(blocking))

    async def _begin(self) -> None:
        """From where it was left, if a call is under way; else from now on."""
        now_at = await end_of(self._valkey, self._stream)
        async with self._store.transaction() as session:
            calls = await session.all_open()
            self._ear = Ear({conn_id: attempt for attempt, conn_id in calls.items() if conn_id})
            self._cursor = (await session.cursor() if calls else "") or now_at
            await session.write_cursor(self._cursor)

    async def _read(self, blocking: Valkey) -> None:
        read = ("XREAD", "COUNT", _BATCH, "BLOCK", _BLOCK_MS, "STREAMS", self._stream, self._cursor)
        try:
            for _, rows in await blocking.call(*read) or ():
                entries = parse_entries(self._stream, rows)
                self._ctx.connections.count("voice-14", received=len(entries))
                await self._handle(entries)
        except (PostgresUnavailable, ValkeyError) as error:
            self._ctx.log.warning("campaigns_wait", tenant=self._store.tenant, error=str(error))
            await asyncio.sleep(_RETRY_S)

    async def _handle(self, entries: list[StreamEntry]) -> None:
        news = [each for entry in entries if (each := self._news(entry)) is not None]
        cursor = entries[-1].id if entries else self._cursor
        self._unsaved += len(entries)
        if news or self._unsaved > _SAVE_AFTER:
            self._unsaved = 0
            async with self._store.transaction() as session:
                await self._take(session, news)
                await session.write_cursor(cursor)
        for each in news:
            self._ear.forget(each)
        self._cursor = cursor

    def _news(self, entry: StreamEntry) -> News | None:
        try:
            return self._ear.news(entry.json(CallTold))
        except (msgspec.MsgspecError, KeyError):
            return None  # whoever wrote it, it is about no call of ours
