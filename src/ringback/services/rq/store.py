"""Requests and results in Valkey: each step is one script, so that a crash leaves nothing half done.

The layout of the keys is described in `ringback.contracts.rq`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ringback.contracts.routing import (
    CancelRequest,
    ConfirmRequest,
    ReturnRequest,
    RouteResult,
    SubmitRequest,
)
from ringback.contracts.rq import (
    FINAL,
    PriorityRequest,
    calls_key,
    gone_key,
    open_key,
    request_key,
    requests_stream,
    results_stream,
    sequence_key,
)
from ringback.runtime.valkey import Script

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.rq.settings import RqSettings

_GONE_S = 60

# KEYS: request, open, sequence, calls, requests, gone. ARGV: id, submit, kind, ConnID, MAXLEN, now, ttl.
# The third number of the answer: 1 when the caller has gone already, and the request is not opened.
_SUBMIT = Script(
    """
local known = redis.call('HGET', KEYS[1], 'sequence')
if known then return {tonumber(known), 0, 0} end
if ARGV[4] ~= '' and redis.call('EXISTS', KEYS[6]) == 1 then
  redis.call('HSET', KEYS[1], 'sequence', 0, 'state', 'closed')
  redis.call('EXPIRE', KEYS[1], ARGV[7])
  return {0, 0, 1}
end
local sequence = redis.call('INCR', KEYS[3])
redis.call('HSET', KEYS[1], 'submit', ARGV[2], 'kind', ARGV[3], 'conn_id', ARGV[4],
  'sequence', sequence, 'state', 'open', 'at', ARGV[6])
redis.call('ZADD', KEYS[2], sequence, ARGV[1])
if ARGV[4] ~= '' then redis.call('HSET', KEYS[4], ARGV[4], ARGV[1]) end
redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[5], '*', 'type', 'submit', 'sequence', sequence,
  'at', ARGV[6], 'e', ARGV[2])
return {sequence, 1, 0}
"""
)

_CLOSE_LUA = """
local function close(id, ttl)
  redis.call('HSET', KEYS[1], 'state', 'closed')
  redis.call('EXPIRE', KEYS[1], ttl)
  redis.call('ZREM', KEYS[2], id)
  local conn = redis.call('HGET', KEYS[1], 'conn_id')
  if conn ~= '' and redis.call('HGET', KEYS[3], conn) == id then redis.call('HDEL', KEYS[3], conn) end
end
"""

# KEYS: request, open, calls, requests, results. ARGV: id, type, entry, result with "seq":0 (empty: none),
# ttl, MAXLEN. A cancel that comes before its submit closes it beforehand.
_CLOSE = Script(
    _CLOSE_LUA
    + """
local state = redis.call('HGET', KEYS[1], 'state')
if not state and ARGV[2] == 'cancel' then
  redis.call('HSET', KEYS[1], 'sequence', 0, 'state', 'closed')
  redis.call('EXPIRE', KEYS[1], ARGV[5])
end
if state ~= 'open' then return 0 end
close(ARGV[1], ARGV[5])
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[6], '*', 'type', ARGV[2], 'e', ARGV[3])
if ARGV[4] ~= '' then
  local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
  local result = string.gsub(ARGV[4], '"seq":0', '"seq":' .. seq, 1)
  redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[6], '*', 'e', result)
end
return 1
"""
)

# KEYS: request, requests. ARGV: type, entry, MAXLEN. A returned request is no longer reserved.
_RETURN = Script(
    """
if redis.call('HGET', KEYS[1], 'state') ~= 'open' then return 0 end
redis.call('HDEL', KEYS[1], 'result')
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', 'type', ARGV[1], 'e', ARGV[2])
return 1
"""
)

# KEYS: request, open, calls, results. ARGV: id, seq, result, final, ttl, MAXLEN.
_DECIDE = Script(
    _CLOSE_LUA
    + """
if redis.call('HGET', KEYS[1], 'state') ~= 'open' then return 0 end
local seq = tonumber(redis.call('HGET', KEYS[1], 'seq') or '0')
if tonumber(ARGV[2]) == seq and redis.call('HGET', KEYS[1], 'result') == ARGV[3] then return 1 end
if tonumber(ARGV[2]) <= seq then return 0 end
redis.call('HSET', KEYS[1], 'seq', ARGV[2], 'result', ARGV[3])
redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[6], '*', 'e', ARGV[3])
if ARGV[4] == '1' then close(ARGV[1], ARGV[5]) end
return 1
"""
)


# KEYS: request, requests. ARGV: priority, entry, MAXLEN, growth (empty: as it was).
_PRIORITY = Script(
    """
if redis.call('HGET', KEYS[1], 'state') ~= 'open' then return 0 end
redis.call('HSET', KEYS[1], 'priority', ARGV[1])
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'growth', ARGV[4]) end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', 'type', 'priority', 'e', ARGV[2])
return 1
"""
)


class RequestStore:
    """The requests of all tenants."""

    def __init__(self, ctx: Context, settings: RqSettings) -> None:
        self._ctx = ctx
        self._valkey = ctx.valkey.using("voice-6")
        self._ttl = settings.keep_closed_s
        self._maxlen = settings.stream_length

    async def submit(self, request: SubmitRequest) -> tuple[int, bool]:
        """Store a request and tell the router; its sequence, and whether it was new. A request of a caller
        who has gone already is answered with `cancelled` and has the sequence 0.
        """
        tenant = request.tenant
        conn_id = request.conn_id if request.kind == "call" else ""
        keys = [
            request_key(tenant, request.request_id),
            open_key(tenant),
            sequence_key(tenant),
            calls_key(tenant),
            requests_stream(tenant),
            gone_key(tenant, conn_id),
        ]
        body, now = msgspec.json.encode(request), repr(self._ctx.now())
        args = (request.request_id, body, request.kind, conn_id, self._maxlen, now, self._ttl)
        sequence, new, gone = await self._valkey.script(_SUBMIT, keys, args)
        if gone:
            result = msgspec.json.encode(_cancelled(request, "caller_gone", seq=1))
            length = ("MAXLEN", "~", self._maxlen)
            await self._valkey.call("XADD", results_stream(tenant), *length, "*", "e", result)
        return int(sequence), bool(new)

    async def gone(self, tenant: str, conn_id: str) -> None:
        """A call has gone that no open request knows: one that comes late is not opened."""
        await self._valkey.call("SET", gone_key(tenant, conn_id), 1, "EX", _GONE_S)

    async def cancel(self, request: CancelRequest) -> bool:
        """Close a request and answer it with `cancelled`; False when it was not open."""
        result = _cancelled(request, request.reason)
        return await self._close(request, "cancel", msgspec.json.encode(result))

    async def confirm(self, request: ConfirmRequest) -> bool:
        """Close a request: the agent is connected; False when it was not open."""
        return await self._close(request, "confirm", b"")

    async def return_(self, request: ReturnRequest) -> bool:
        """Tell the router that the agent did not take it; False when the request was not open."""
        keys = [request_key(request.tenant, request.request_id), requests_stream(request.tenant)]
        args = ("return", msgspec.json.encode(request), self._maxlen)
        return bool(await self._valkey.script(_RETURN, keys, args))

    async def prioritize(self, request: PriorityRequest) -> bool:
        """Change the priority of a request; False when it was not open."""
        keys = [request_key(request.tenant, request.request_id), requests_stream(request.tenant)]
        growth = "" if request.growth is None else repr(request.growth)
        args = (request.priority, msgspec.json.encode(request), self._maxlen, growth)
        return bool(await self._valkey.script(_PRIORITY, keys, args))

    async def decide(self, result: RouteResult) -> bool:
        """Store a result and pass it on; False when the request is closed or has a later result."""
        tenant = result.tenant
        keys = [
            request_key(tenant, result.request_id),
            open_key(tenant),
            calls_key(tenant),
            results_stream(tenant),
        ]
        final = int(result.outcome in FINAL)
        body = msgspec.json.encode(result)
        args = (result.request_id, result.seq, body, final, self._ttl, self._maxlen)
        return bool(await self._valkey.script(_DECIDE, keys, args))

    async def request_of_call(self, tenant: str, conn_id: str) -> str:
        """The open request of a call, or an empty string."""
        raw = await self._valkey.call("HGET", calls_key(tenant), conn_id)
        return raw.decode() if raw else ""

    async def _close(self, request: CancelRequest | ConfirmRequest, kind: str, result: bytes) -> bool:
        tenant = request.tenant
        keys = [
            request_key(tenant, request.request_id),
            open_key(tenant),
            calls_key(tenant),
            requests_stream(tenant),
            results_stream(tenant),
        ]
        entry = msgspec.json.encode(request)
        args = (request.request_id, kind, entry, result, self._ttl, self._maxlen)
        return bool(await self._valkey.script(_CLOSE, keys, args))


def _cancelled(request: SubmitRequest | CancelRequest, reason: str, seq: int = 0) -> RouteResult:
    """The result of a cancel; the script that closes the request gives it its number."""
    session = request.session_id if isinstance(request, SubmitRequest) else ""
    return RouteResult(
        request_id=request.request_id,
        tenant=request.tenant,
        seq=seq,
        outcome="cancelled",
        reason=reason,
        session_id=session,
    )
