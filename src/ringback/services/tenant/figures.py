"""One tenant's statistics: rebuilt from the streams at the start, and fed by them from then on.

The streams of calls, agents, routing requests and results are read from midnight on (an hour before now at
least) in the order of time, as far as Valkey has kept them; requests and agents of the time before come from
the open requests and the agents' sessions. Every node does so for itself: there is nothing to store. What a
node that routes has read for its router it does not read again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from ringback.contracts.configuration import ConfigClient
from ringback.contracts.reservation import AgentSessions
from ringback.contracts.rq import open_requests
from ringback.domain.agents import status
from ringback.domain.statistics import LONGEST, AfterCalls, AgentIs, Floor, QueueIs, Subject, Watch
from ringback.runtime.clock import gathered
from ringback.runtime.streams import StreamEntry, entry_number, parse_entries
from ringback.runtime.valkey import Valkey, ValkeyError, ValkeyUnavailable
from ringback.services.tenant.figure_inputs import Translator, entry_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from ringback.runtime.context import Context

_PAGE = 500
_BLOCK_MS = 1000
_PAUSE_S = 0.3
_CONFIGURATION_S = 5.0
_GATHER_S = 0.1
"""Figures are told once a second at most: entries gather before they are taken."""
_PORTION = 25
"""Entries taken in one turn of the loop: whoever is routed meanwhile does not wait for the statistics."""


class Figures:
    """`ready` once the past has been read; until then figures are not told."""

    def __init__(
        self,
        ctx: Context,
        tenant: str,
        config: ConfigClient,
        outside: Callable[[str, str], float | None],
    ) -> None:
        self._ctx = ctx
        self._config = config
        self._valkey = ctx.valkey.using("voice-14")
        self._zone = ZoneInfo("UTC")
        self._outside = outside
        self._translator = Translator(tenant)
        self._cursors: dict[str, str] = {}
        self._told: tuple[str, ...] = ()
        self._missed: set[str] = set()
        self._gathered: deque[StreamEntry] = deque()
        self._levels: dict[str, float] = {}
        self.tenant = tenant
        self.ready = False
        self.since = 0.0
        """From when on events are known; figures of a longer time are figures of this one."""
        self.floor = Floor(midnight=self._midnight)
        self.watch = Watch(self.floor, outside)

    def start(self) -> None:
        """Begin to rebuild and to follow; runs until the service stops."""
        self._ctx.spawn(self._run(), f"statistics-{self.tenant}")
        self._ctx.spawn(self._keep_configuration(), f"statistics-configuration-{self.tenant}")

    def after_calls(self, queue: str) -> AfterCalls | None:
        """What agents do after the calls of a queue; None while the past is not read yet."""
        return self.floor.after_calls(queue) if self.ready else None

    def take(self, entry: StreamEntry, now: float) -> None:
        """Feed one entry; one that cannot be read is left out, and so is one that the core cannot take."""
        try:
            for each in self._translator.inputs(entry):
                self.floor.handle(each, now)
        except (msgspec.MsgspecError, KeyError, ValueError) as error:
            self._ctx.log.warning("statistics_entry_unreadable", stream=entry.stream, error=repr(error))
        except Exception:
            self._ctx.log.exception("statistics_entry_failed", stream=entry.stream, entry=entry.id)

    def beside_router(self, routes: bool) -> None:
        """Whether this node routes: what its router is given is told then (`tell`), and is read only until
        what is told follows what was read.
        """
        self._told = self._translator.of_router if routes else ()
        self._missed.update(self._told)

    def tell(self, stream: str, before: str, entries: Sequence[StreamEntry]) -> None:
        """The entries of a stream behind that id, as the router has been given them. Who was not told
        everything up to there reads what is missing.
        """
        follows = self.ready and before == self._cursors[stream]
        if follows and entries:
            self._keep(stream, entries)
        elif self.ready and entry_number(before) < entry_number(self._cursors[stream]):
            self._gather(stream, entries)
        elif not follows:
            self._missed.add(stream)
            return
        self._missed.discard(stream)

    def _gather(self, stream: str, entries: Sequence[StreamEntry]) -> None:
        """Entries that follow each other, of which the first ones may be known."""
        known = entry_number(self._cursors[stream])
        if entries and entry_number(entries[0].id) <= known:
            entries = [entry for entry in entries if entry_number(entry.id) > known]
        if entries:
            self._keep(stream, entries)

    def _keep(self, stream: str, entries: Sequence[StreamEntry]) -> None:
        """Entries that are all new."""
        self._cursors[stream] = entries[-1].id
        if not self._gathered:
            self._ctx.spawn(self._take_gathered(), f"statistics-gathered-{self.tenant}")
        self._gathered.extend(entries)

    async def _take_gathered(self) -> None:
        await gathered(_GATHER_S)
        while self._gathered:
            now = self._ctx.now()
            for _ in range(min(_PORTION, len(self._gathered))):
                self.take(self._gathered.popleft(), now)
            await asyncio.sleep(0)

    def _midnight(self, now: float) -> float:
        local = datetime.fromtimestamp(now, self._zone)
        return local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()

    async def _run(self) -> None:
        blocking: Valkey | None = None
        while True:
            try:
                if not self.ready:
                    await self._rebuild()
                blocking = blocking or await self._ctx.valkey.dedicated(f"{self._ctx.node}-statistics")
                while True:
                    if not await self._follow(blocking):
                        await gathered(_GATHER_S)
            except (ValkeyUnavailable, ValkeyError) as error:
                self._ctx.log.warning("statistics_wait", tenant=self.tenant, error=str(error))
                await asyncio.sleep(_PAUSE_S)

    async def _rebuild(self) -> None:
        """Read the past; a second attempt starts anew. Nobody has subscribed before it is done."""
        self._translator = Translator(self.tenant)
        await self._read_configuration()
        now = self._ctx.now()
        start = min(self._midnight(now), now - LONGEST)
        self.floor = Floor(midnight=self._midnight)
        self.watch = Watch(self.floor, self._outside)
        self._set_levels()
        await self._before(start)
        await self._replay(start)
        self.since = start
        self.ready = True
        self._ctx.log.info("statistics_rebuilt", tenant=self.tenant, agents=len(self.floor.agents))

    async def _before(self, start: float) -> None:
        """Requests and agents that have not changed since the beginning."""
        for request in await open_requests(self._valkey, self.tenant):
            if request.submit.arrival_time < start:
                self.floor.handle(self._translator.entered(request.submit), start)
        for session in await AgentSessions(self._valkey, self.tenant).all():
            if session.since < start and session.version:
                known = AgentIs(
                    session.agent_id,
                    session.state.value,
                    status(session).name,
                    session.version,
                    frozenset(session.groups),
                    session.queue,
                    session.call_type,
                    session.dnd,
                )
                self.floor.handle(known, start)

    async def _replay(self, start: float) -> None:
        """All streams in the order of time, a page of each in memory."""
        pages: dict[str, deque[StreamEntry]] = {}
        cursors = dict.fromkeys(self._translator.streams, f"{int(start * 1000)}-0")
        for stream in cursors:
            pages[stream] = await self._page(stream, cursors[stream])
        count = 0
        while pages:
            stream = min(pages, key=lambda name: _next_time(pages[name]))
            if not pages[stream]:
                del pages[stream]
                continue
            entry = pages[stream].popleft()
            self.take(entry, entry_time(entry))
            cursors[stream] = entry.id
            count += 1
            if not pages[stream]:
                pages[stream] = await self._page(stream, f"({entry.id}")
            if count % _PAGE == 0:
                await asyncio.sleep(0)
        self._cursors = cursors

    async def _page(self, stream: str, start: str) -> deque[StreamEntry]:
        rows = await self._valkey.call("XRANGE", stream, start, "+", "COUNT", _PAGE)
        return deque(parse_entries(stream, rows))

    async def _follow(self, blocking: Valkey) -> bool:
        """Gather what nobody tells; whether there is more already."""
        read = ("XREAD", "COUNT", _PAGE, "BLOCK", _BLOCK_MS, "STREAMS")
        streams = [each for each in self._cursors if each not in self._told or each in self._missed]
        more = False
        cursors = [self._cursors[each] for each in streams]
        for name, rows in await blocking.call(*read, *streams, *cursors) or ():
            self._ctx.connections.count("voice-14", received=len(rows))
            more = more or len(rows) == _PAGE
            stream = name.decode()
            self._gather(stream, parse_entries(stream, self._translator.worth_parsing(stream, rows)))
            self._cursors[stream] = _later(self._cursors[stream], rows[-1][0].decode())
        return more

    async def _keep_configuration(self) -> None:
        while True:
            await asyncio.sleep(_CONFIGURATION_S)
            await self._read_configuration()

    async def _read_configuration(self) -> None:
        with suppress(ConnectionError):
            queues = await self._config.virtual_queues(self.tenant)
            self._levels = {queue.id: queue.service_level for queue in queues}
            tenant = await self._config.tenant(self.tenant)
            if tenant is not None and tenant.time_zone != self._zone.key:
                self._zone = ZoneInfo(tenant.time_zone)
            self._set_levels()

    def _set_levels(self) -> None:
        for queue, seconds in self._levels.items():
            self.floor.handle(QueueIs(Subject("vq", queue), seconds), self._ctx.now() if self.ready else 0.0)


def _later(one: str, other: str) -> str:
    """The id of the later entry."""
    return max(one, other, key=entry_number)


def _next_time(page: deque[StreamEntry]) -> float:
    return entry_time(page[0]) if page else 0.0
