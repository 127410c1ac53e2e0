"""Calls in Valkey: snapshots, who owns them, the index from dialogs, idempotency keys, and the event stream.

What belongs to one step of a call leaves together, in one pipeline. When Valkey is away the calls go on:
snapshots catch up with the next step, events wait here in order.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import msgspec

from ringback.contracts.calls import call_key, calls_key, owner_key
from ringback.contracts.events import TOPIC_SIP, CallEvent, calls_stream, for_reports
from ringback.runtime.context import Context
from ringback.runtime.streams import append_command
from ringback.runtime.valkey import Argument, Script, ValkeyError, ValkeyUnavailable
from ringback.services.sip_cluster.live import LiveCall, Snapshot

Command = tuple[Argument, ...]
_EVENTS, _CALLS, _NEW_CALLS, _REPORTS = "voice-40", "voice-41", "voice-49", "voice-50"
NEW_CALL = {"EventCallCreated", "EventRouteRequest"}
PATIENCE_S = 1.0
"""How long a step of a call waits for Valkey before it goes on without."""
OWNERS = "ringback:sip_cluster:owners"

_CREATE = Script(
    "local seen = redis.call('GET', KEYS[1]) "
    "if seen then return seen end "
    "redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[4]) "
    "redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[5]) "
    "redis.call('SET', KEYS[3], ARGV[3], 'EX', ARGV[5]) "
    "return false"
)
_TAKE = Script(
    "local owner = redis.call('GET', KEYS[1]) "
    "if owner ~= ARGV[1] then return 0 end "
    "redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) return 1"
)
_GIVE = Script(
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end "
    "redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[4]) "
    "redis.call('SET', KEYS[2], ARGV[3], 'EX', ARGV[4]) return 1"
)


def dialog_key(tenant: str, call_id: str) -> str:
    """From a SIP Call-ID to the ConnID of the call."""
    return f"{{{tenant}}}:sip:dialog:{call_id}"


def idempotency_key(tenant: str, key: str) -> str:
    return f"{{{tenant}}}:sip_cluster:request:{key}"


def owned_key(node: str) -> str:
    """The calls of a node, `tenant ConnID` each."""
    return f"ringback:sip_cluster:owned:{node}"


class CallStore:
    """Writes what this node promises."""

    def __init__(self, ctx: Context, *, ttl_s: int, idempotency_ttl_s: int) -> None:
        self._ctx = ctx
        self._ttl_s = ttl_s
        self._idempotency_ttl_s = idempotency_ttl_s
        self._calls = ctx.valkey.using(_CALLS)
        self._connections = ctx.connections
        self._backlog: deque[CallEvent] = deque()
        self._ended: deque[LiveCall] = deque()
        self._behind = asyncio.Event()
        """Something waits for Valkey."""
        self._unanswered: deque[tuple[float, asyncio.Future[list[Any]]]] = deque()
        self._patience: asyncio.TimerHandle | None = None
        self.sent_by: tuple[str, int] = ("", 0)
        """Host and port in the Via of this node's requests; set by the SIP side."""

    def start(self) -> None:
        self._ctx.spawn(self._catch_up(), "event-backlog")

    @property
    def backlog(self) -> int:
        """Events that wait for Valkey."""
        return len(self._backlog)

    # One step of a call

    def save(
        self, live: LiveCall, events: list[CallEvent], *, first: bool, over: bool
    ) -> asyncio.Future[list[Any]] | None:
        """Store a step; its messages leave when the future is done, whether or not that went well.

        None where there is nothing to wait for, without Valkey too.
        """
        connected = self._ctx.valkey.connected
        if self._backlog or not connected:
            self._wait_with(events)
            events = []
        if not connected:
            self._later(live, over)
            return None
        commands = [command for event in events for command in self._told(event)]
        unindexed, live.unindexed = live.unindexed, []
        unnoted, live.unnoted = live.unnoted, []
        commands += self._forget(live) if over else self._keep(live, first) + self._indexed(live, unindexed)
        commands += self._noted(live, unnoted)
        for event in events:
            commands += self._consultation(live, event)
        failed = partial(self._not_stored, live, events, over, (unindexed, unnoted))
        return self._post(commands, live, failed) if commands else None

    def _post(
        self, commands: list[Command], live: LiveCall, failed: Callable[[BaseException], None]
    ) -> asyncio.Future[list[Any]]:
        """Send; the future is done when the replies are there or after `PATIENCE_S`."""
        stored = self._ctx.valkey.post(commands)
        self._wait_for(stored)

        def done(future: asyncio.Future[list[Any]]) -> None:
            error = TimeoutError() if future.cancelled() else future.exception()
            if error is not None:
                live.stored = b""
                failed(error)
            while self._unanswered and self._unanswered[0][1].done():
                self._unanswered.popleft()

        stored.add_done_callback(done)
        return stored

    def _wait_for(self, stored: asyncio.Future[list[Any]]) -> None:
        """One timer for all steps: nearly all are stored long before it looks."""
        loop = stored.get_loop()
        self._unanswered.append((loop.time() + PATIENCE_S, stored))
        if self._patience is None:
            self._patience = loop.call_later(PATIENCE_S, self._lose_patience, loop)

    def _lose_patience(self, loop: asyncio.AbstractEventLoop) -> None:
        self._patience, now = None, loop.time()
        while self._unanswered and (self._unanswered[0][1].done() or self._unanswered[0][0] <= now):
            self._unanswered.popleft()[1].cancel()
        if self._unanswered:
            self._patience = loop.call_at(self._unanswered[0][0], self._lose_patience, loop)

    def _not_stored(
        self,
        live: LiveCall,
        events: list[CallEvent],
        over: bool,
        left_out: tuple[list[str], list[str]],
        error: BaseException,
    ) -> None:
        # What was stored is not known: an event may come twice, its sequence number tells.
        self._ctx.log.warning("call_not_stored", conn_id=live.conn_id, error=repr(error))
        self._wait_with(events)
        live.unindexed += left_out[0]
        live.unnoted += left_out[1]
        self._later(live, over)

    def _later(self, live: LiveCall, over: bool) -> None:
        live.stored = b""
        if over:
            self._ended.append(live)
            self._behind.set()

    def _wait_with(self, events: list[CallEvent]) -> None:
        """Events that follow when Valkey is there again, in order."""
        if events:
            self._backlog.extend(events)
            self._behind.set()

    def _count(self, row: str, n: int = 1) -> None:
        self._connections.count(row, sent=n)

    async def keep_again(self, live: LiveCall) -> None:
        """Store a call whole after Valkey was away."""
        live.stored = b""
        unindexed = list(live.unindexed)
        await self._ctx.valkey.post(self._keep(live, first=True) + self._indexed(live, unindexed))
        live.unindexed = [call_id for call_id in live.unindexed if call_id not in unindexed]

    async def _append(self, event: CallEvent) -> None:
        await self._ctx.valkey.post(self._told(event))

    def _told(self, event: CallEvent) -> list[Command]:
        """An event on its stream; the last one of a call goes to Kafka as well."""
        self._count(_NEW_CALLS if event.id in NEW_CALL else _EVENTS)
        commands: list[Command] = [append_command(calls_stream(event.tenant), event)]
        if event.id == "EventCallDeleted":
            key = f"{event.tenant}:{event.call_uuid}"
            report = self._ctx.kafka.command(TOPIC_SIP, key, for_reports(event), connection=_REPORTS)
            if report is not None:
                commands.append(report)
        return commands

    def _keep(self, live: LiveCall, first: bool) -> list[Command]:
        """The snapshot if it is another one than the last, and who owns the call if it is new."""
        node, ttl_s, tenant, conn_id = self._ctx.node, self._ttl_s, live.tenant, live.conn_id
        commands: list[Command] = []
        data = live.encoded(node, self.sent_by)
        if data != live.stored:
            live.stored = data
            commands.append(("SET", call_key(tenant, conn_id), data, "EX", ttl_s))
        if first:
            commands += [
                ("SET", owner_key(tenant, conn_id), node, "EX", ttl_s),
                ("SADD", calls_key(tenant), conn_id),
                ("SADD", owned_key(node), f"{tenant} {conn_id}"),
                ("SADD", OWNERS, node),
            ]
        self._count(_CALLS, len(commands))
        return commands

    def _consultation(self, live: LiveCall, event: CallEvent) -> list[Command]:
        """A consultation is known by its ConnID, as long as it lives, like the call that it belongs to."""
        tenant, conn_id = live.tenant, event.conn_id
        if conn_id == live.conn_id:
            return []
        if event.id == "EventCallCreated":
            return [
                ("SET", owner_key(tenant, conn_id), self._ctx.node, "EX", self._ttl_s),
                ("SADD", calls_key(tenant), conn_id),
            ]
        if event.id == "EventCallDeleted":
            return [("DEL", owner_key(tenant, conn_id)), ("SREM", calls_key(tenant), conn_id)]
        return []

    def _forget(self, live: LiveCall) -> list[Command]:
        tenant = live.tenant
        dialogs = [dialog_key(tenant, leg.call_id) for leg in live.legs.values()]
        keys = [call_key(tenant, live.conn_id), owner_key(tenant, live.conn_id), *dialogs]
        self._count(_CALLS, 3)
        return [
            ("DEL", *keys),
            ("SREM", calls_key(tenant), live.conn_id),
            ("SREM", owned_key(self._ctx.node), f"{tenant} {live.conn_id}"),
        ]

    def _indexed(self, live: LiveCall, call_ids: list[str]) -> list[Command]:
        """Let any node find the call of these dialogs."""
        self._count(_CALLS, len(call_ids))
        name = live.conn_id
        return [("SET", dialog_key(live.tenant, call_id), name, "EX", self._ttl_s) for call_id in call_ids]

    def index_dialog(self, live: LiveCall, call_id: str) -> None:
        """Let any node find the call of a dialog: with the next step, or now where there is none at hand.

        Nobody asks for the dialog of an INVITE of ours before it was answered, and that is a step.
        """
        live.unindexed.append(call_id)
        if live.flushing:
            return
        unindexed, live.unindexed = live.unindexed, []

        def stored(done: asyncio.Future[list[Any]]) -> None:
            error = None if done.cancelled() else done.exception()
            if error is not None:
                self._not_indexed(live, unindexed, error)

        try:
            self._ctx.valkey.post(self._indexed(live, unindexed)).add_done_callback(stored)
        except ValkeyUnavailable as error:
            self._not_indexed(live, unindexed, error)

    def _not_indexed(self, live: LiveCall, call_ids: list[str], error: BaseException) -> None:
        self._ctx.log.warning("dialog_not_indexed", conn_id=live.conn_id, error=str(error))
        live.unindexed += call_ids

    async def _catch_up(self) -> None:
        """Append what waits, in order; an event may come twice, its sequence number tells."""
        while True:
            await self._behind.wait()
            await asyncio.sleep(0.2)
            try:
                while self._backlog:
                    await self._append(self._backlog[0])
                    self._backlog.popleft()
                while self._ended:
                    await self._ctx.valkey.post(self._forget(self._ended[0]))
                    self._ended.popleft()
                self._behind.clear()
            except (ValkeyUnavailable, ValkeyError):
                continue

    # Requests

    async def noted(self, tenant: str, key: str) -> str | None:
        """What a request has come to, if it was carried out."""
        kept = await self._calls.call("GET", idempotency_key(tenant, key))
        return kept.decode() if kept else None

    def _noted(self, live: LiveCall, keys: list[str]) -> list[Command]:
        """What requests have come to, with the step that they have led to."""
        ttl_s, known = self._idempotency_ttl_s, live.requests
        return [("SET", idempotency_key(live.tenant, key), known[key], "EX", ttl_s) for key in keys]

    async def create(self, live: LiveCall, key: str) -> str | None:
        """Store a call that is asked for, once per key; the ConnID of the earlier one if there was one."""
        tenant, conn_id = live.tenant, live.conn_id
        keys = [idempotency_key(tenant, key), call_key(tenant, conn_id), owner_key(tenant, conn_id)]
        snapshot = live.encoded(self._ctx.node, self.sent_by)
        arguments: list[str | bytes | int] = [
            conn_id,
            snapshot,
            self._ctx.node,
            self._idempotency_ttl_s,
            self._ttl_s,
        ]
        _, _, seen = await asyncio.gather(
            self._calls.call("SADD", owned_key(self._ctx.node), f"{tenant} {conn_id}"),
            self._calls.call("SADD", OWNERS, self._ctx.node),
            self._calls.script(_CREATE, keys, arguments),
        )
        if seen is None:
            return None
        await self.release(self._ctx.node, tenant, conn_id)
        return str(seen.decode())

    async def release(self, node: str, tenant: str, conn_id: str) -> None:
        """The node has no such call (any more)."""
        await self._calls.call("SREM", owned_key(node), f"{tenant} {conn_id}")

    # Taking over

    async def find(self, tenants: Iterable[str], call_id: str) -> tuple[str, str] | None:
        """Tenant and ConnID of a dialog that this node does not know."""
        for tenant in tenants:
            conn_id = await self._calls.call("GET", dialog_key(tenant, call_id))
            if conn_id is not None:
                return tenant, conn_id.decode()
        return None

    async def read(self, tenant: str, conn_id: str) -> Snapshot | None:
        """What is kept of a call."""
        data = await self._calls.call("GET", call_key(tenant, conn_id))
        return None if data is None else msgspec.json.decode(data, type=Snapshot)

    async def take(self, tenant: str, conn_id: str) -> Snapshot | None:
        """Make the call ours; None when it is gone or somebody else was faster."""
        snapshot = await self.read(tenant, conn_id)
        if snapshot is None:
            return None
        keys, node = [owner_key(tenant, conn_id)], self._ctx.node
        if not await self._calls.script(_TAKE, keys, [snapshot.node, node, self._ttl_s]):
            return None
        await asyncio.gather(
            self._calls.call("SREM", owned_key(snapshot.node), f"{tenant} {conn_id}"),
            self._calls.call("SADD", owned_key(node), f"{tenant} {conn_id}"),
            self._calls.call("SADD", OWNERS, node),
        )
        snapshot.node = node
        await self._calls.call(
            "SET", call_key(tenant, conn_id), msgspec.json.encode(snapshot), "EX", self._ttl_s
        )
        return snapshot

    def give(self, live: LiveCall, node: str) -> asyncio.Future[list[Any]]:
        """Write down that a call is another node's, if it is ours; `was_given` reads the replies.

        It is sent when this returns: what is asked of Valkey later sees it. Raises ValkeyUnavailable.
        """
        tenant, conn_id, row = live.tenant, live.conn_id, f"{live.tenant} {live.conn_id}"
        keys = owner_key(tenant, conn_id), call_key(tenant, conn_id)
        snapshot = live.encoded(node, self.sent_by)
        self._count(_CALLS, 4)
        return self._ctx.valkey.post(
            [
                ("EVAL", _GIVE.source, 2, *keys, self._ctx.node, node, snapshot, self._ttl_s),
                ("SADD", owned_key(node), row),
                ("SADD", OWNERS, node),
                ("SREM", owned_key(self._ctx.node), row),
            ]
        )

    @staticmethod
    def was_given(replies: list[Any]) -> bool:
        """Whether the call was still ours to give."""
        return bool(replies[0])

    async def owners(self) -> list[str]:
        """Every node that may own calls."""
        return [node.decode() for node in await self._calls.call("SMEMBERS", OWNERS)]

    async def owned(self, node: str) -> list[tuple[str, str]]:
        """Tenant and ConnID of each call of a node."""
        rows = [row.decode().split(" ", 1) for row in await self._calls.call("SMEMBERS", owned_key(node))]
        return [(tenant, conn_id) for tenant, conn_id in rows]

    async def owner(self, tenant: str, conn_id: str) -> str:
        """The node that owns a call; empty when nobody does."""
        owner = await self._calls.call("GET", owner_key(tenant, conn_id))
        return "" if owner is None else str(owner.decode())

    async def is_owner(self, tenant: str, conn_id: str) -> bool:
        """Whether the call is still ours."""
        return await self.owner(tenant, conn_id) in ("", self._ctx.node)

    async def disown(self, node: str) -> None:
        """A node that is gone and owns nothing is no longer looked at."""
        await self._calls.call("SREM", OWNERS, node)
