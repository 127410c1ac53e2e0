"""The records in Valkey: changed by compare-and-set: two nodes may read events of one call at once."""

import asyncio
import functools
from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from ringback.contracts.calls import call_key
from ringback.contracts.events import CallEvent
from ringback.contracts.views import CallView
from ringback.runtime.valkey import Commands, Script
from ringback.services.call_state.records import CallRecord, apply, begin

_TRIES = 8
# KEYS: record, live calls, thread. ARGV: sequence before, sequence, record, ConnID, time of the last event,
# seconds to keep, `over`, `renew` (how long to keep it, and the thread, are to be said anew) or empty.
_SET = Script(
    """
local seq = redis.call('HGET', KEYS[1], 'seq') or '0'
if seq ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'seq', ARGV[2], 'record', ARGV[3])
if ARGV[7] ~= '' then redis.call('EXPIRE', KEYS[1], ARGV[6]) end
if ARGV[7] == 'over' then
  redis.call('ZREM', KEYS[2], ARGV[4])
  redis.call('SREM', KEYS[3], ARGV[4])
  return 1
end
redis.call('ZADD', KEYS[2], ARGV[5], ARGV[4])
if ARGV[7] == 'renew' then
  redis.call('SADD', KEYS[3], ARGV[4])
  redis.call('EXPIRE', KEYS[3], ARGV[6])
end
return 1
"""
)
_LIVE_TTL_S = 86_400 + 3_600
_RENEW_S = 3_600
_REMEMBERED = 10_000


def record_key(tenant: str, conn_id: str) -> str:
    return f"{{{tenant}}}:call_state:call:{conn_id}"


def live_key(tenant: str) -> str:
    """Live calls by the time of their last event."""
    return f"{{{tenant}}}:call_state:live"


def thread_key(tenant: str, thread_id: str) -> str:
    """The live calls of a thread."""
    return f"{{{tenant}}}:call_state:thread:{thread_id}"


class RecordStore:
    """Reads and changes the records of calls."""

    def __init__(self, valkey: Commands, keep_s: int) -> None:
        self._valkey = valkey
        self._keep_s = keep_s
        self._last: OrderedDict[tuple[str, str], CallRecord] = OrderedDict()
        """Live calls as they were last written here: what saves a read. Who is behind fails to write."""

    async def record(self, tenant: str, conn_id: str) -> CallRecord | None:
        data = await self._valkey.call("HGET", record_key(tenant, conn_id), "record")
        return None if data is None else msgspec.json.decode(data, type=CallRecord)

    async def take(self, event: CallEvent) -> bool:
        """Apply an event; False when it was seen before."""
        return await self._take_in_order([event])

    async def take_all(self, events: Sequence[CallEvent]) -> None:
        """Apply many events: one write for each call."""
        calls: dict[tuple[str, str], list[CallEvent]] = {}
        for event in events:
            calls.setdefault((event.tenant, event.conn_id), []).append(event)
        await asyncio.gather(*map(self._take_in_order, calls.values()))

    async def _take_in_order(self, events: Sequence[CallEvent]) -> bool:
        first = events[0]
        name = (first.tenant, first.conn_id)
        before = self._last.pop(name, None)
        if before is None and first.id != "EventCallCreated":
            before = await self.record(*name)
        for _ in range(_TRIES):
            after = functools.reduce(apply, events, before or begin(first))
            if before is not None and after is before:
                return False
            if await self._set(before, after):
                self._remember(name, after)
                return True
            before = await self.record(*name)
        raise ConnectionError("the record changes faster than it can be written")

    def _remember(self, name: tuple[str, str], record: CallRecord) -> None:
        if record.over:
            return
        self._last[name] = record
        if len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)

    async def _set(self, before: CallRecord | None, record: CallRecord) -> bool:
        view = record.view
        keys = [
            record_key(view.tenant, view.conn_id),
            live_key(view.tenant),
            thread_key(view.tenant, view.thread_id),
        ]
        ttl_s = self._keep_s if record.over else _LIVE_TTL_S
        arguments: list[str | bytes | int | float] = [
            before.sequence if before else 0,
            record.sequence,
            msgspec.json.encode(record),
            view.conn_id,
            record.updated,
            ttl_s,
            "over" if record.over else "renew" if _must_renew(before, record) else "",
        ]
        return bool(await self._valkey.script(_SET, keys, arguments))

    async def live(self, tenant: str, limit: int) -> list[CallView]:
        """Live calls, the latest change first."""
        ids = await self._valkey.call("ZREVRANGE", live_key(tenant), 0, limit - 1)
        records = await asyncio.gather(*(self.record(tenant, conn_id.decode()) for conn_id in ids))
        return [record.view for record in records if record is not None]

    async def count(self, tenant: str) -> int:
        return int(await self._valkey.call("ZCARD", live_key(tenant)))

    async def thread(self, tenant: str, thread_id: str) -> list[CallView]:
        """The live calls of a thread, the oldest first."""
        ids = await self._valkey.call("SMEMBERS", thread_key(tenant, thread_id))
        records = await asyncio.gather(*(self.record(tenant, conn_id.decode()) for conn_id in ids))
        return sorted((record.view for record in records if record), key=lambda view: view.started)

    async def silent_since(self, tenant: str, moment: float) -> list[CallRecord]:
        """Live calls whose last event is older than `moment` and that no cluster node keeps."""
        ids = await self._valkey.call("ZRANGEBYSCORE", live_key(tenant), "-inf", moment, "LIMIT", 0, 500)
        lost = []
        for conn_id in (row.decode() for row in ids):
            if await self._valkey.call("EXISTS", call_key(tenant, conn_id)):
                continue
            record = await self.record(tenant, conn_id)
            if record is None:
                await self._valkey.call("ZREM", live_key(tenant), conn_id)
            else:
                lost.append(record)
        return lost

    async def first_to_end(self, record: CallRecord) -> bool:
        """Whether this node is the one that reports the end of a lost call."""
        key = f"{record_key(record.view.tenant, record.view.conn_id)}:lost"
        return await self._valkey.call("SET", key, "1", "NX", "EX", 60) is not None


def _must_renew(before: CallRecord | None, after: CallRecord) -> bool:
    """With the first event, with the first of an hour, and where the thread is another."""
    if before is None or before.view.thread_id != after.view.thread_id:
        return True
    return before.updated // _RENEW_S != after.updated // _RENEW_S
