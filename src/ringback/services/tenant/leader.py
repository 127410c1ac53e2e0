"""Who routes: one node at a time leads a tenant's routing, and rebuilds it from Valkey when it begins.

The lease keeps two nodes from working against each other; correctness does not rest on it. Two routers that
both believe to lead meet at the agent's session (compare-and-set) and at the request's sequence of results.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from ringback.contracts.configuration import ConfigClient
from ringback.contracts.events import agents_stream
from ringback.contracts.reservation import AgentSessions
from ringback.contracts.rq import OpenRequest, open_requests, requests_stream
from ringback.domain.agents import AgentSession, State
from ringback.domain.configuration import AgentGroup, VirtualQueue
from ringback.domain.routing import messages
from ringback.domain.routing.waiting import Experience
from ringback.runtime.gathering import Gathering
from ringback.runtime.lease import Lease
from ringback.runtime.link import LinkClient, LinkError, LinkUnavailable
from ringback.runtime.streams import StreamEntry, end_of, parse_entries
from ringback.runtime.valkey import Valkey, ValkeyError, ValkeyUnavailable
from ringback.services.tenant.book import read_reservation
from ringback.services.tenant.experience import ExperienceStore
from ringback.services.tenant.inputs import AgentTold, Feeder, Heard
from ringback.services.tenant.router import TenantRouter
from ringback.services.tenant.settings import TenantSettings

if TYPE_CHECKING:
    from ringback.runtime.context import Context

T = TypeVar("T")
Definition = messages.QueueDefined | messages.GroupDefined
PORTION = 50
"""Changes of agents or requests that are taken in one turn of the loop: between two portions others have
theirs, so that ten thousand logins at once do not stop the routing.
"""

ATTEMPTS_PER_EPOCH = 1_000_000_000
_PAUSE_S = 0.3
_BATCH = 200
"""Agent events read at once, and taken in portions: where the machine is busy, and each read takes long, few
would not be enough.
"""
_BLOCK_MS = 1000
_GATHER_S = 0.003
"""From one read of agents' events to the next at the least, where several come in that time: what follows of
them, to the results, is then done together too.
"""


def leader_key(tenant: str) -> str:
    """The lease of who routes a tenant: the name of a node."""
    return f"{{{tenant}}}:router:leader"


class Memory(msgspec.Struct, frozen=True):
    """What a virtual queue remembers, as it is kept over a restart."""

    intervals: list[float]
    handling: list[float]


class Leader:
    """One tenant's routing on this node: standby until the lease is ours."""

    def __init__(
        self, ctx: Context, tenant: str, settings: TenantSettings, rq: LinkClient, config: ConfigClient
    ) -> None:
        self._ctx = ctx
        self._settings = settings
        self._rq = rq
        self._config = config
        self._valkey = ctx.valkey.using("voice-14")
        self._lease = Lease(ctx.valkey, leader_key(tenant), ctx.node, settings.leader_lease_s)
        self._defined: dict[str, Definition] = {}
        self.queues_known = False
        self.standby = False
        self.sessions = AgentSessions(self._valkey, tenant)
        self.tenant = tenant
        self.experience = Experience()
        self._experiences = ExperienceStore(ctx, tenant)
        self.router: TenantRouter | None = None
        self.feeder: Feeder | None = None
        self.on_vanished: Callable[[], None] = lambda: None
        self.on_entries: Heard = lambda stream, before, entries: None
        self.on_lead: Callable[[bool], None] = lambda leads: None

    def start(self) -> None:
        """Begin to stand for the lead."""
        self._ctx.spawn(self._run(), f"lead-{self.tenant}")

    @property
    def settled(self) -> bool:
        """Somebody routes: this node, and it knows the queues, or another one."""
        return self.standby or (self.router is not None and self.queues_known)

    async def subscribe(self) -> None:
        """Follow the request queue from behind the last entry that was handled."""
        if self.feeder is not None:
            params = {"tenant": self.tenant, "role": "router", "cursor": self.feeder.cursor}
            await self._rq.call("subscribe", params)

    async def resign(self) -> None:
        """Give the lead up, so that another node need not wait."""
        led = self.router is not None
        self._depose()
        with suppress(ValkeyUnavailable):
            if led:
                await self._experiences.save(self.experience)
            await self._lease.release()

    async def _run(self) -> None:
        while True:
            try:
                self.standby = not await self._lease.acquire()
                if not self.standby:
                    await self._lead()
            except (ValkeyUnavailable, ValkeyError) as error:
                self._ctx.log.warning("routing_interrupted", tenant=self.tenant, error=str(error))
            except Exception:
                self._ctx.log.exception("routing_failed", tenant=self.tenant)
            finally:
                self._depose()
            await asyncio.sleep(_PAUSE_S)

    def _depose(self) -> None:
        router, self.router, self.feeder = self.router, None, None
        if router is not None:
            router.close()
            self.on_lead(False)

    async def _lead(self) -> None:
        work = [asyncio.create_task(self._keep_lease())]  # a long rebuild must not cost the lead
        try:
            agents_cursor = await self._rebuild()
            assert self.router is not None
            work += [
                asyncio.create_task(self._follow_agents(agents_cursor)),
                asyncio.create_task(self._keep_queues()),
                asyncio.create_task(self._keep_memory()),
                asyncio.create_task(self._keep_experience()),
                asyncio.create_task(self._wait_until_broken(self.router)),
            ]
            with suppress(LinkUnavailable, LinkError):  # the link subscribes when it connects
                await self.subscribe()
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await _end(work)

    async def _rebuild(self) -> str:
        """Make the router from what Valkey holds; the position in the agents stream from which to follow."""
        requests_cursor = await end_of(self._valkey, requests_stream(self.tenant))
        agents_cursor = await end_of(self._valkey, agents_stream(self.tenant))
        await self._experiences.load(self.experience)
        epoch = int(await self._valkey.call("INCR", f"{{{self.tenant}}}:router:epoch"))
        router = TenantRouter(
            self._ctx,
            self.tenant,
            self._settings,
            self._rq,
            self.sessions,
            epoch * ATTEMPTS_PER_EPOCH,
            self.experience,
        )
        await self._remember(router)
        await self._recall_definitions()
        for defined in self._defined.values():
            router.feed(defined)
        requests = await open_requests(self._valkey, self.tenant)
        agents = await self.sessions.all()
        await _in_portions(requests, router.load)
        self._resume(router, requests, agents)
        router.loaded()
        agents.sort(key=lambda one: (one.state is State.READY, one.ready_since))
        feeder = Feeder(router, self._settings, requests_cursor, self._vanished, self.on_entries)
        self.router, self.feeder = router, feeder
        self.on_lead(True)
        await _in_portions(agents, self.feeder.session)
        self._ctx.log.info("routing_began", tenant=self.tenant, requests=len(requests), agents=len(agents))
        return agents_cursor

    def _resume(self, router: TenantRouter, requests: list[OpenRequest], agents: list[AgentSession]) -> None:
        """Reservations that are still held are put back; those that nobody knows are let go."""
        given = {r.result.reservation_id: r for r in requests if r.result and r.result.outcome == "reserved"}
        for session in agents:
            for name, work in session.work.items():
                if name in given and read_reservation(name)[0] == given[name].submit.request_id:
                    held = read_reservation(name)
                    router.feed(messages.Resume(held[0], session.agent_id, held[1], work.until))
            if not session.reservation:
                continue
            request = given.get(session.reservation)
            request_id, attempt = read_reservation(session.reservation)
            if request is None or request_id != request.submit.request_id:
                if session.state is State.RESERVED:
                    router.release(session.agent_id, session.reservation, "unknown")
                continue
            until = self._ctx.now() + self._settings.talking_lease_s
            if session.state is State.RESERVED:
                until = session.lease_until
            router.feed(messages.Resume(request_id, session.agent_id, attempt, until))

    async def _follow_agents(self, cursor: str) -> None:
        stream = agents_stream(self.tenant)
        blocking = await self._ctx.valkey.dedicated(f"{self._ctx.node}-router-{self.tenant}")
        gathering = Gathering(_GATHER_S)
        try:
            while True:
                cursor, count = await self._read_agents(blocking, stream, cursor)
                if (pause := gathering.pause(count)) and count < _BATCH:
                    await asyncio.sleep(pause)
        finally:
            with suppress(ValkeyUnavailable):
                await asyncio.shield(self._ctx.valkey.release(blocking))

    async def _read_agents(self, blocking: Valkey, stream: str, cursor: str) -> tuple[str, int]:
        """The cursor behind what was read, and how much that was."""
        count = 0
        read = ("XREAD", "COUNT", _BATCH, "BLOCK", _BLOCK_MS, "STREAMS", stream, cursor)
        for _, rows in await blocking.call(*read) or ():
            entries = parse_entries(stream, rows)
            await _in_portions(entries, self._agent_event)
            self.on_entries(stream, cursor, entries)
            cursor = entries[-1].id if entries else cursor
            count += len(entries)
        return cursor, count

    def _agent_event(self, entry: StreamEntry) -> None:
        self._ctx.connections.count("voice-14", received=1)
        if self.feeder is not None:
            self.feeder.agent(entry.json(AgentTold))

    def _vanished(self, agent: str) -> None:
        self._ctx.log.warning("reserved_phone_vanished", tenant=self.tenant, agent=agent)
        self.on_vanished()

    async def _keep_lease(self) -> None:
        """Returns when the lead is lost."""
        ours = True
        while ours:
            await asyncio.sleep(self._settings.leader_lease_s / 3)
            ours = await self._lease.renew()
        self._ctx.log.warning("routing_lead_lost", tenant=self.tenant)

    async def _wait_until_broken(self, router: TenantRouter) -> None:
        await router.broken.wait()

    async def _keep_queues(self) -> None:
        """Tell the router the virtual queues of the configuration, and what changes."""
        while True:
            try:
                queues = await self._config.virtual_queues(self.tenant)
                await self._define(queues, await self._config.agent_groups(self.tenant))
            except ConnectionError as error:
                self._ctx.log.debug("virtual_queues_not_read", error=str(error))
            await asyncio.sleep(self._settings.configuration_s if self.queues_known else _PAUSE_S)

    async def _define(self, queues: list[VirtualQueue], groups: list[AgentGroup]) -> None:
        if self.router is None:
            return
        found: list[Definition] = [
            messages.QueueDefined(queue.id, queue.target, queue.weight) for queue in queues
        ]
        found += [messages.GroupDefined(each.id, each.groups, each.places, each.queues) for each in groups]
        news = {name: each for each in found if self._defined.get(name := _name(each)) != each}
        for name, each in news.items():
            self._defined[name] = each
            self.router.feed(each)
        if news:
            rows = [part for name, each in news.items() for part in (name, msgspec.json.encode(each))]
            await self._valkey.call("HSET", self._definitions_key, *rows)
        self.queues_known = True

    async def _keep_memory(self) -> None:
        """Keep what the queues remember, so that estimates survive a restart."""
        kept: dict[str, tuple[int, int]] = {}
        while True:
            await asyncio.sleep(self._settings.configuration_s)
            if self.router is None:
                return
            rows: list[str | bytes] = []
            for name, queue in self.router.core.queues.items():
                mark = (queue.history.left, len(queue.history.handling))
                if kept.get(name) != mark:
                    kept[name] = mark
                    memory = Memory(list(queue.history.intervals), list(queue.history.handling))
                    rows += (name, msgspec.json.encode(memory))
            for start in range(0, len(rows), 2 * PORTION):
                await self._valkey.call("HSET", self._memory_key, *rows[start : start + 2 * PORTION])

    async def _recall_definitions(self) -> None:
        """What was known of queues and groups: requests that name them cannot wait for the configuration."""
        rows: list[Any] = await self._valkey.call("HGETALL", self._definitions_key)
        for name, raw in zip(rows[::2], rows[1::2], strict=True):
            self._defined.setdefault(name.decode(), msgspec.json.decode(raw, type=Definition))

    @property
    def _definitions_key(self) -> str:
        return f"{{{self.tenant}}}:router:definitions"

    async def _keep_experience(self) -> None:
        while True:
            await asyncio.sleep(self._settings.experience_s)
            await self._experiences.save(self.experience)

    @property
    def _memory_key(self) -> str:
        return f"{{{self.tenant}}}:router:memory"

    async def _remember(self, router: TenantRouter) -> None:
        rows: list[Any] = await self._valkey.call("HGETALL", self._memory_key)
        for name, raw in zip(rows[::2], rows[1::2], strict=True):
            memory = msgspec.json.decode(raw, type=Memory)
            router.feed(messages.Remembered(name.decode(), memory.intervals, memory.handling))


async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel until all have ended: Python 3.11's wait_for drops a cancellation that meets its own end."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=0.1)


async def _in_portions(items: Iterable[T], work: Callable[[T], None]) -> None:
    for number, item in enumerate(items, 1):
        work(item)
        if number % PORTION == 0:
            await asyncio.sleep(0)


def _name(defined: Definition) -> str:
    if isinstance(defined, messages.QueueDefined):
        return f"queue {defined.queue}"
    return f"group {defined.group}"
