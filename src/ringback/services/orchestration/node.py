"""The sessions of this node: begun here, or taken over from a node that died."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from ringback import vxml
from ringback.domain.configuration import RoutePoint
from ringback.runtime import directory
from ringback.runtime.presence import Presence
from ringback.runtime.streams import StreamEntry, StreamTail, append
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable
from ringback.scxml import Limits
from ringback.services.orchestration.applications import ApplicationError, Applications
from ringback.services.orchestration.at_hand import AtHand
from ringback.services.orchestration.booking import Booking
from ringback.services.orchestration.callers import Callers
from ringback.services.orchestration.clients import Clients
from ringback.services.orchestration.documents import Documents
from ringback.services.orchestration.ending import Ending
from ringback.services.orchestration.functions import Functions
from ringback.services.orchestration.judging import Judging
from ringback.services.orchestration.live import LiveSession
from ringback.services.orchestration.metrics import Metrics, NeighbourMetrics
from ringback.services.orchestration.performer import Performer
from ringback.services.orchestration.previewing import Previewing
from ringback.services.orchestration.records import Input, OrchestrationNode, Record
from ringback.services.orchestration.starting import Starting
from ringback.services.orchestration.statistics import Statistics
from ringback.services.orchestration.store import Created, Had, SessionStore
from ringback.services.orchestration.tables import Tables

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.orchestration.settings import OrchestrationSettings

KIND = "orchestration"
_WATCH_S = 0.5


def wake_stream(node: str) -> str:
    """Ids of sessions of a node that have something in their inbox."""
    return f"orch:wake:{node}"


class Node:
    """Starts, finds, wakes and adopts sessions."""

    def __init__(self, ctx: Context, settings: OrchestrationSettings) -> None:
        self.ctx = ctx
        self.log = ctx.log
        self.settings = settings
        self.limits = Limits(script_seconds=settings.script_s, memory_bytes=settings.memory_bytes)
        self.dialog_limits = vxml.Limits(script_seconds=settings.script_s, memory_bytes=settings.memory_bytes)
        self.metrics = Metrics(ctx.metrics)
        self.metrics.redis_state.set_function(lambda: 2.0 if ctx.valkey.connected else 0.0)
        self.clients = Clients(ctx)
        self.metrics.rq_state.set_function(lambda: float(self.clients.rq.connected))
        self.applications = Applications(ctx, self.limits, self.metrics.processing)
        self._tables = Tables(ctx)
        self.performer = Performer(ctx, settings, self.clients)
        self.at_hand = AtHand(self.performer.at_hand, self.metrics.actions)
        self.stores = {
            tenant: SessionStore(ctx, tenant, settings.tombstone_s) for tenant in ctx.common.tenants
        }
        self.http_location = f"{ctx.url('orchestration', 'control')}/scxml/basichttp"
        self._ending = Ending(self)
        self._add_elements()
        self._statistics = Statistics(ctx, self.performer, self.deliver)
        Judging(self._tables, self._statistics, self.performer)
        self.reading = False
        """Whether new interactions are taken."""
        NeighbourMetrics(ctx.metrics, ctx.outgoing).watch(
            lambda: self.reading and ctx.valkey.connected, lambda: self._statistics.connected, self.stores
        )
        self.functions = Functions(ctx, self._tables, self._statistics)
        every_s = min(_WATCH_S, settings.lease_s / 4)
        self._presence = Presence(ctx, KIND, self._entry, ttl_s=settings.lease_s, every_s=every_s)
        self._live: dict[str, LiveSession] = {}
        self._calls: dict[tuple[str, str], str] = {}
        """Calls of the sessions that run here, by tenant and ConnID."""
        self._awake: OrderedDict[str, LiveSession] = OrderedDict()
        self.metrics.active_strategies.set_function(lambda: float(self.sessions - self._pending()))
        self.metrics.pending_sessions.set_function(lambda: float(self._pending()))

    def _add_elements(self) -> None:
        """What applications may ask for beside what the performer knows."""
        add, starting = self.performer.add, Starting(self)
        add("session.start", starting.start)
        add("callback.book", Booking(self.ctx, self.clients).book)
        add("callback.preview", Previewing(self.clients).ask)
        add("session.terminate", starting.terminate)
        add("vxml.fetch", Documents(self.ctx, self.clients, self.applications).fetch)
        Callers(self.clients, self.settings.query_s).add_to(self.performer)

    @property
    def sessions(self) -> int:
        """How many sessions this node runs."""
        return len(self._live)

    def _pending(self) -> int:
        return sum(not live.record.document for live in self._live.values())

    def spawn(self, coro: Coroutine[Any, Any, None], name: str) -> None:
        """Run a task of a session."""
        self.ctx.spawn(coro, name)

    async def start(self) -> None:
        """Take up the sessions that this node had, and watch the other nodes."""
        await self._statistics.start()
        await self._presence.begin()
        for tenant, store in self.stores.items():
            for sid in await store.owned(self.ctx.node):
                await self._adopt(tenant, sid)
        StreamTail(self.ctx, [wake_stream(self.ctx.node)], self._woken).start()
        self.ctx.spawn(self._watch(), "watch-nodes")

    async def stop(self) -> None:
        """Let other nodes take the sessions at once."""
        await self._presence.leave()

    async def begin(self, record: Record) -> Created:
        """Store a new session and run it; what `SessionStore.create` says."""
        created = await self.stores[record.tenant].create(record)
        if created.found == "new":
            self.metrics.total_interactions.inc()
            self._run(record)
        return created

    async def deliver(self, tenant: str, sid: str, entry: Input, key: str = "") -> bool:
        """Put an input into a session's inbox and wake its owner; False when there is no such session."""
        stored = self.offer(tenant, sid, entry, key)
        if stored is not None and await stored:
            return True
        if sid in self._live and self._live[sid].over:
            return False
        owner = await self.stores[tenant].deliver(sid, entry, key)
        if owner == self.ctx.node:
            live = self._live.get(sid)
            if live is not None:
                live.wake()
        elif owner:
            await append(self.ctx.valkey, wake_stream(owner), sid.encode(), maxlen=1000)
        return bool(owner)

    def offer(self, tenant: str, sid: str, entry: Input, key: str) -> asyncio.Future[bool] | None:
        """Give an input to a session that runs here, see `LiveSession.offer`; None when it does not."""
        live = self._live.get(sid)
        return live.offer(entry, key) if live is not None and live.record.tenant == tenant else None

    def session_here(self, tenant: str, conn_id: str) -> str:
        """The session of this node that has a call, or empty: then the store knows."""
        return self._calls.get((tenant, conn_id), "")

    async def own_call(self, tenant: str, conn_id: str, sid: str) -> None:
        """From now on this call's events are for this session."""
        if self.session_here(tenant, conn_id) == sid:
            return
        await self.stores[tenant].own_call(conn_id, sid)
        if sid in self._live:
            self._calls[tenant, conn_id] = sid

    def forget_call(self, record: Record, conn_id: str) -> None:
        """A call is over, or another session has it."""
        if self.session_here(record.tenant, conn_id) == record.id:
            del self._calls[record.tenant, conn_id]

    async def prepare(self, record: Record) -> None:
        """Find out what a session is to run: the script and the parameters of its route point.

        Raises ApplicationError when the route point has none.
        """
        if record.kind == "started":
            return
        point = await self.clients.config.dn(record.tenant, record.route_point)
        if isinstance(point, RoutePoint):
            record.default_dn = point.default_dn
            record.data["parameters"] = dict(point.parameters)
            await self._tables.tell(record, self.ctx.now())
        if record.app:
            return
        if not isinstance(point, RoutePoint) or not point.script:
            raise ApplicationError("no_script", f"route point {record.route_point} has no script")
        is_url = "://" in point.script
        record.app = point.script if is_url else self.applications.url(record.tenant, point.script)

    def count_version(self, record: Record, state: str) -> None:
        """Of an application that is shared: what its two versions do."""
        if record.version:
            name = record.app.rpartition("/")[2].removesuffix(".scxml")
            self.metrics.shared.labels(name, record.version, state).inc()

    async def after(self, record: Record) -> None:
        """A session has come to its end: nothing it had begun is left behind."""
        self.count_version(record, "failed" if record.failed else "ended")
        self.metrics.cleared_interactions.inc()
        if record.failed:
            self.metrics.error_events.inc()
        await self._ending.settle(record)

    def owes(self, record: Record) -> bool:
        """Whether something has to be done for a session that has come to its end."""
        return self._ending.owes(record)

    def used(self, live: LiveSession) -> None:
        """A session is at work: of those awake, the ones that were so longest ago go to sleep."""
        self._awake[live.record.id] = live
        self._awake.move_to_end(live.record.id)
        while len(self._awake) > self.settings.awake:
            self._awake.popitem(last=False)[1].sleep()

    def left(self, record: Record) -> None:
        """A session is over, or another node's."""
        self._awake.pop(record.id, None)
        self._statistics.left(record)
        for conn_id in {record.conn_id, *record.conns}:
            self.forget_call(record, conn_id)
        if self._live.pop(record.id, None) is not None:
            self.metrics.interactions.labels(record.kind, record.tenant).dec()

    def _run(self, record: Record, had: Had | None = None) -> None:
        live = LiveSession(self, self.stores[record.tenant], record, had)
        self._live[record.id] = live
        if record.conn_id and not record.gone:
            self._calls[record.tenant, record.conn_id] = record.id
        self.metrics.interactions.labels(record.kind, record.tenant).inc()
        self.ctx.spawn(live.run(), f"session-{record.id}")

    async def _adopt(self, tenant: str, sid: str) -> None:
        if sid in self._live:
            return
        record, had = await self.stores[tenant].adopt(sid)
        if record is not None:
            self.log.info("session_resumed", session=sid)
            self.metrics.resumed.inc()
            self._statistics.resume(record)
            self._run(record, had)

    async def _woken(self, entry: StreamEntry) -> None:
        live = self._live.get(entry.fields["e"].decode())
        if live is not None:
            live.wake()

    # Other nodes

    def _entry(self) -> OrchestrationNode:
        return OrchestrationNode(node=self.ctx.node, sessions=self.sessions)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(min(_WATCH_S, self.settings.lease_s / 4))
            try:
                living = await directory.list_nodes(self.ctx.valkey, KIND, OrchestrationNode)
                for tenant, store in self.stores.items():
                    await self._inherit(tenant, store, set(living))
            except (ValkeyUnavailable, ValkeyError) as error:
                self.log.info("watch_waits", error=str(error))

    async def _inherit(self, tenant: str, store: SessionStore, living: set[str]) -> None:
        for node in await store.nodes():
            if node in living or node == self.ctx.node:
                continue
            for sid in await store.owned(node):
                if await store.take_over(sid, node):
                    await self._adopt(tenant, sid)
            await store.forget_node(node)
            self.log.warning("node_inherited", dead=node)
