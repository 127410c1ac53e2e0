"""Calls in Valkey: snapshots, who owns them, the index from dialogs, idempotency keys, and the event stream.

What belongs to one step of a call leaves together, in one pipeline. When Valkey is away the calls go on:
snapshots catch up with the next step, events wait here in order.
"""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any

import msgspec

from ringback.contracts.calls import call_key, owner_key
from ringback.contracts.events import CallEvent
from ringback.runtime.context import Context
from ringback.runtime.valkey import Script, ValkeyError, ValkeyUnavailable
from ringback.services.sip_cluster.live import LiveCall
from ringback.services.sip_cluster.snapshot import Snapshot
from ringback.services.sip_cluster.steps import CALLS, OWNERS, Steps, dialog_key, idempotency_key, owned_key

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
_DISOWN = Script(
    "if redis.call('SCARD', KEYS[1]) == 0 then redis.call('SREM', KEYS[2], ARGV[1]) end return 1"
)


class CallStore:
    """Writes what this node promises."""

    def __init__(self, ctx: Context, *, ttl_s: int, idempotency_ttl_s: int) -> None:
        self._ctx = ctx
        self._ttl_s = ttl_s
        self._idempotency_ttl_s = idempotency_ttl_s
        self._calls = ctx.valkey.using(CALLS)
        self.steps = Steps(ctx, ttl_s=ttl_s, idempotency_ttl_s=idempotency_ttl_s)

    def start(self) -> None:
        self._ctx.spawn(self._catch_up(), "event-backlog")

    @property
    def backlog(self) -> int:
        """Events that wait for Valkey."""
        return len(self.steps.waiting)

    async def keep_again(self, live: LiveCall) -> None:
        """Store a call whole after Valkey was away."""
        live.stored = b""
        unindexed = list(live.unindexed)
        await self._ctx.valkey.post(self.steps.keep(live, first=True) + self.steps.indexed(live, unindexed))
        live.unindexed = [call_id for call_id in live.unindexed if call_id not in unindexed]

    async def _append(self, event: CallEvent) -> None:
        await self._ctx.valkey.post(self.steps.told(event))

    async def _catch_up(self) -> None:
        """Append what waits, in order; an event may come twice, its sequence number tells."""
        while True:
            await self.steps.behind.wait()
            await asyncio.sleep(0.2)
            try:
                while self.steps.waiting:
                    await self._append(self.steps.waiting[0])
                    self.steps.waiting.popleft()
                while self.steps.ended:
                    await self._ctx.valkey.post(self.steps.forget(self.steps.ended[0]))
                    self.steps.ended.popleft()
                self.steps.behind.clear()
            except (ValkeyUnavailable, ValkeyError):
                continue

    # Requests

    async def noted(self, tenant: str, key: str) -> str | None:
        """What a request has come to, if it was carried out."""
        kept = await self._calls.call("GET", idempotency_key(tenant, key))
        return kept.decode() if kept else None

    async def create(self, live: LiveCall, key: str) -> str | None:
        """Store a call that is asked for, once per key; the ConnID of the earlier one if there was one."""
        tenant, conn_id = live.tenant, live.conn_id
        keys = [idempotency_key(tenant, key), call_key(tenant, conn_id), owner_key(tenant, conn_id)]
        snapshot = live.encoded(self._ctx.node, self.steps.sent_by)
        arguments: list[str | bytes | int] = [
            conn_id,
            snapshot,
            self._ctx.node,
            self._idempotency_ttl_s,
            self._ttl_s,
        ]
        both: list[Awaitable[Any]] = [
            self._calls.call("SADD", owned_key(self._ctx.node), f"{tenant} {conn_id}"),
            self._calls.script(_CREATE, keys, arguments),
        ]
        _, seen = await asyncio.gather(*both)
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
        snapshot = live.encoded(node, self.steps.sent_by)
        self._ctx.connections.count(CALLS, sent=3)
        return self._ctx.valkey.post(
            [
                ("EVAL", _GIVE.source, 2, *keys, self._ctx.node, node, snapshot, self._ttl_s),
                ("SADD", owned_key(node), row),
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

    async def own(self) -> None:
        """This node may own calls from now on: it is looked at when it is gone."""
        await self._calls.call("SADD", OWNERS, self._ctx.node)

    async def disown(self, node: str) -> None:
        """A node that is gone and owns nothing is no longer looked at."""
        await self._calls.script(_DISOWN, [owned_key(node), OWNERS], [node])
