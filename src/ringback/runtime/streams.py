"""Valkey streams: append, consume in a group, follow.

A consumer acknowledges an entry after its handler has returned; an entry whose handler raised stays
pending and comes again, and the pending entries of a dead consumer are claimed by a living one. Every
handler therefore meets an entry at least once, sometimes twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from ringback.runtime.clock import gathered, later_together
from ringback.runtime.valkey import Argument, Commands, Valkey, ValkeyError, ValkeyUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context

T = TypeVar("T")
MAXLEN = 100_000
_BLOCK_MS = 5000
_BATCH = 100
_RETRY_S = 0.2
_WAKE_S = 2.0


class StreamEntry(msgspec.Struct, frozen=True):
    """One entry: its stream, its id and its fields."""

    stream: str
    id: str
    fields: dict[str, bytes]

    def json(self, kind: type[T]) -> T:
        """Decode the entry's `e` field; msgspec.ValidationError when it is not a `kind`."""
        return msgspec.json.decode(self.fields["e"], type=kind)


Handler = Callable[[StreamEntry], Awaitable[None]]
BatchHandler = Callable[[list[StreamEntry]], Awaitable[None]]


async def append(valkey: Commands, stream: str, event: msgspec.Struct | bytes, maxlen: int = MAXLEN) -> str:
    """Append one JSON event and return its id; the stream keeps about `maxlen` entries."""
    entry: bytes = await valkey.call(*append_command(stream, event, maxlen))
    return entry.decode()


def append_command(stream: str, event: msgspec.Struct | bytes, maxlen: int = MAXLEN) -> tuple[Argument, ...]:
    """The command that `append` sends."""
    data = event if isinstance(event, bytes) else msgspec.json.encode(event)
    return ("XADD", stream, "MAXLEN", "~", maxlen, "*", "e", data)


async def append_fields(valkey: Commands, stream: str, fields: dict[str, str], maxlen: int = MAXLEN) -> str:
    """Append one entry with named fields and return its id."""
    flat = [part for pair in fields.items() for part in pair]
    entry: bytes = await valkey.call("XADD", stream, "MAXLEN", "~", maxlen, "*", *flat)
    return entry.decode()


def parse_entries(stream: str, rows: Sequence[Any]) -> list[StreamEntry]:
    """Turn the rows of XREAD, XRANGE or XAUTOCLAIM into entries; deleted rows are left out."""
    entries = []
    for row in rows:
        if row is None or (flat := row[1]) is None:
            continue
        if len(flat) == 2:
            fields = {str(flat[0], "utf-8"): flat[1]}
        else:
            values = iter(flat)
            fields = {str(name, "utf-8"): value for name, value in zip(values, values, strict=True)}
        entries.append(StreamEntry(stream, str(row[0], "ascii"), fields))
    return entries


def entry_number(entry: str) -> tuple[int, int]:
    """The id of an entry as it compares with others."""
    milliseconds, _, number = entry.partition("-")
    return int(milliseconds), int(number or 0)


async def end_of(valkey: Commands, stream: str) -> str:
    """The id of the last entry of a stream, `0-0` when it is empty."""
    rows = await valkey.call("XREVRANGE", stream, "+", "-", "COUNT", 1)
    return rows[0][0].decode() if rows else "0-0"


class StreamConsumer:
    """A member of a consumer group over one or several streams.

    `gather_s`: seconds for which entries gather before they are read, where nobody waits for their effect:
    ten entries cost little more than one. `together` handles many entries at once; when it fails on them,
    each is handled alone. `acknowledge_s`: seconds for which acknowledgements gather, where an entry that
    comes again does nothing: after a crash the last ones do.
    """

    def __init__(
        self,
        ctx: Context,
        streams: Sequence[str],
        group: str,
        handler: Handler,
        *,
        connection: str | None = None,
        claim_idle_s: float = 5.0,
        from_id: str = "0",
        gather_s: float = 0.0,
        together: BatchHandler | None = None,
        acknowledge_s: float = 0.0,
    ) -> None:
        self._ctx = ctx
        self._acknowledge_s = acknowledge_s
        self._done: dict[str, list[str]] = {}
        """What is done with and not acknowledged yet, by stream."""
        self._streams = list(streams)
        self._group = group
        self._handler = handler
        self._together = together
        self._gather_s = gather_s
        self._connection = connection
        self._claim_idle_ms = int(claim_idle_s * 1000)
        self._from_id = from_id
        self._name = ctx.node

    def start(self) -> None:
        """Begin to read; runs until the service stops."""
        self._ctx.spawn(self._read(), f"consume-{self._group}")
        self._ctx.spawn(self._run(self._claim_loop, self._ctx.valkey), f"claim-{self._group}")

    async def _read(self) -> None:
        try:
            await self._run(self._read_own_then_new, await self._dedicated())
        finally:
            self._acknowledge(self._ctx.valkey)

    async def _run(self, loop: Callable[[Valkey], Awaitable[None]], valkey: Valkey) -> None:
        while True:
            try:
                await self._create_groups(valkey)
                await loop(valkey)
            except (ValkeyUnavailable, ValkeyError) as error:
                self._ctx.log.warning("stream_wait", group=self._group, error=str(error))
                await asyncio.sleep(_RETRY_S)

    async def _dedicated(self) -> Valkey:
        while True:
            with suppress(ValkeyUnavailable):
                return await self._ctx.valkey.dedicated(f"{self._ctx.node}-{self._group}")
            await asyncio.sleep(_RETRY_S)

    async def _create_groups(self, valkey: Valkey) -> None:
        for stream in self._streams:
            try:
                await valkey.call("XGROUP", "CREATE", stream, self._group, self._from_id, "MKSTREAM")
            except ValkeyError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise

    async def _read_own_then_new(self, valkey: Valkey) -> None:
        await self._retry_own(valkey)
        wanted = [*self._streams, *(">" for _ in self._streams)]
        read = ("XREADGROUP", "GROUP", self._group, self._name, "COUNT", _BATCH, "BLOCK", _BLOCK_MS)
        while True:
            reply = await valkey.call(*read, "STREAMS", *wanted)
            for name, rows in reply or ():
                await self._take(parse_entries(name.decode(), rows))
            if reply and self._gather_s:
                await gathered(self._gather_s)
            self._acknowledge_soon(valkey)

    async def _take(self, entries: list[StreamEntry]) -> None:
        """Handle entries of one stream, and note which of them are to be acknowledged."""
        done = await self._handle(entries)
        if not done:
            return
        if self._acknowledge_s and not self._done:
            later_together(self._acknowledge_s, self._acknowledge, self._ctx.valkey)
        self._done.setdefault(entries[0].stream, []).extend(done)

    def _acknowledge_soon(self, valkey: Valkey) -> None:
        """In one write with what is asked next on this connection, or with the others of `acknowledge_s`."""
        if not self._acknowledge_s:
            self._acknowledge(valkey)

    def _acknowledge(self, valkey: Valkey) -> None:
        """Say what is done with; an acknowledgement that is lost brings the entry again."""
        done, self._done = self._done, {}
        for stream, ids in done.items():
            with suppress(ValkeyUnavailable):
                valkey.tell("XACK", stream, self._group, *ids)

    async def _retry_own(self, valkey: Valkey) -> None:
        """Meet again what this consumer had read but not acknowledged before it was restarted."""
        for stream in self._streams:
            read = ("XREADGROUP", "GROUP", self._group, self._name, "COUNT", _BATCH, "STREAMS", stream, "0")
            for name, rows in await valkey.call(*read) or ():
                await self._take(parse_entries(name.decode(), rows))
                self._acknowledge_soon(valkey)

    async def _claim_loop(self, valkey: Valkey) -> None:
        while True:
            await asyncio.sleep(min(1.0, self._claim_idle_ms / 2000))
            for stream in self._streams:
                reply = await valkey.call(
                    "XAUTOCLAIM", stream, self._group, self._name, self._claim_idle_ms, "0", "COUNT", _BATCH
                )
                if entries := parse_entries(stream, reply[1]):
                    await self._take(entries)
                    self._acknowledge_soon(valkey)

    async def _handle(self, entries: list[StreamEntry]) -> list[str]:
        """The entries that are done with."""
        if entries and self._connection:
            self._ctx.connections.count(self._connection, received=len(entries))
        if self._together is not None and len(entries) > 1:
            try:
                await self._together(entries)
                return [entry.id for entry in entries]
            except Exception as error:
                self._ctx.log.warning("stream_batch_failed", group=self._group, error=repr(error))
        return await self._handle_each(entries)

    async def _handle_each(self, entries: list[StreamEntry]) -> list[str]:
        done: list[str] = []
        for entry in entries:
            try:
                await self._handler(entry)
            except (ValkeyUnavailable, ConnectionError, TimeoutError) as error:
                self._ctx.log.warning("stream_retry", stream=entry.stream, entry=entry.id, error=str(error))
                continue
            except Exception:
                self._ctx.log.exception("stream_handler_failed", stream=entry.stream, entry=entry.id)
                if not await self._worth_retrying(entry):
                    done.append(entry.id)
                continue
            done.append(entry.id)
        return done

    async def _worth_retrying(self, entry: StreamEntry) -> bool:
        """A handler that fails on an entry five times has found a poisonous one: let it go, logged."""
        rows = await self._ctx.valkey.call(
            "XPENDING", entry.stream, self._group, entry.id, entry.id, 1, self._name
        )
        return not rows or int(rows[0][3]) < 5


class StreamTail:
    """Follows streams from an id on, without a group: every process sees every entry.

    `gather_s`: seconds for which entries gather before they are read. `wanted`: while it says no, nothing is
    read; who is the first to listen calls `wake`, and hears what comes from then on.
    """

    def __init__(
        self,
        ctx: Context,
        streams: Sequence[str],
        handler: Handler,
        *,
        from_id: str = "$",
        connection: str | None = None,
        gather_s: float = 0.0,
        wanted: Callable[[], bool] | None = None,
    ) -> None:
        self._ctx = ctx
        self._gather_s = gather_s
        self._wanted = wanted
        self._woken = asyncio.Event()
        self._awake = asyncio.Event()
        self._positions = dict.fromkeys(streams, from_id)
        self._handler = handler
        self._connection = connection

    def start(self) -> None:
        """Begin to read; runs until the service stops."""
        self._ctx.spawn(self._run(), "tail-" + "-".join(self._positions))

    async def wake(self) -> None:
        """Return when entries that are appended from now on will be heard. ValkeyUnavailable when that
        cannot be said.
        """
        self._woken.set()
        try:
            async with asyncio.timeout(_WAKE_S):
                await self._awake.wait()
        except TimeoutError:
            raise ValkeyUnavailable("the streams cannot be followed") from None

    async def _sleep(self) -> None:
        """Until somebody listens; what has come meanwhile is nobody's."""
        self._awake.clear()
        self._woken.clear()
        await self._woken.wait()
        self._positions = dict.fromkeys(self._positions, "$")

    async def _run(self) -> None:
        blocking: Valkey | None = None
        while True:
            try:
                if self._wanted is not None and not self._wanted():
                    await self._sleep()
                blocking = blocking or await self._ctx.valkey.dedicated(f"{self._ctx.node}-tail")
                await self._resolve_ends(blocking)
                self._awake.set()
                await self._read(blocking)
            except (ValkeyUnavailable, ValkeyError):
                await asyncio.sleep(_RETRY_S)

    async def _resolve_ends(self, valkey: Valkey) -> None:
        """Replace `$` by the id it stands for now, so that a broken read skips nothing."""
        for stream, position in self._positions.items():
            if position == "$":
                self._positions[stream] = await end_of(valkey, stream)

    async def _read(self, valkey: Valkey) -> None:
        while self._wanted is None or self._wanted():
            reply = await valkey.call(
                "XREAD",
                "COUNT",
                _BATCH,
                "BLOCK",
                _BLOCK_MS,
                "STREAMS",
                *self._positions,
                *self._positions.values(),
            )
            for name, rows in reply or ():
                if self._connection:
                    self._ctx.connections.count(self._connection, received=len(rows))
                for entry in parse_entries(name.decode(), rows):
                    await self._handler(entry)
                    self._positions[entry.stream] = entry.id
            if reply and self._gather_s:
                await gathered(self._gather_s)
