"""Requests and results in Valkey: each step is one script, so that a crash leaves nothing half done.

The layout of the keys is described in `ringback.contracts.rq`.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from ringback.runtime.valkey import Argument, Script

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.rq.settings import RqSettings

_GONE_S = 60
encode = msgspec.json.encode

# Each of these takes many requests of one tenant, in their order; the answers are in the same order.

# KEYS: open, sequence, calls, requests; of each: request, gone. ARGV: MAXLEN, now, ttl; of each: id, submit,
# kind, ConnID. The third number of an answer: 1 when the caller has gone already, and the request is not
# opened.
_SUBMIT = Script(
    """
local answers = {}
for i = 1, (#KEYS - 4) / 2 do
  local request, id, submit, conn = KEYS[3 + 2 * i], ARGV[4 * i], ARGV[4 * i + 1], ARGV[4 * i + 3]
  local known = redis.call('HGET', request, 'sequence')
  if known then
    answers[i] = {tonumber(known), 0, 0}
  elseif conn ~= '' and redis.call('EXISTS', KEYS[4 + 2 * i]) == 1 then
    redis.call('HSET', request, 'sequence', 0, 'state', 'closed')
    redis.call('EXPIRE', request, ARGV[3])
    answers[i] = {0, 0, 1}
  else
    local sequence = redis.call('INCR', KEYS[2])
    redis.call('HSET', request, 'submit', submit, 'kind', ARGV[4 * i + 2], 'conn_id', conn,
      'sequence', sequence, 'state', 'open', 'at', ARGV[2])
    redis.call('ZADD', KEYS[1], sequence, id)
    if conn ~= '' then redis.call('HSET', KEYS[3], conn, id) end
    redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[1], '*', 'type', 'submit', 'sequence', sequence,
      'at', ARGV[2], 'e', submit)
    answers[i] = {sequence, 1, 0}
  end
end
return answers
"""
)

# KEYS: open, calls, ... ARGV: ttl, ...
_CLOSE_LUA = """
local function close(request, id, conn)
  redis.call('HSET', request, 'state', 'closed')
  redis.call('EXPIRE', request, ARGV[1])
  redis.call('ZREM', KEYS[1], id)
  if conn ~= '' and redis.call('HGET', KEYS[2], conn) == id then redis.call('HDEL', KEYS[2], conn) end
end
local answers = {}
"""

# KEYS: open, calls, requests, results; of each: request. ARGV: ttl, MAXLEN, type; of each: id, entry, result
# with "seq":0 (empty: none). A cancel that comes before its submit closes it beforehand.
_CLOSE = Script(
    _CLOSE_LUA
    + """
for i = 1, #KEYS - 4 do
  local request, id, entry, result = KEYS[4 + i], ARGV[1 + 3 * i], ARGV[2 + 3 * i], ARGV[3 + 3 * i]
  local known = redis.call('HMGET', request, 'state', 'conn_id')
  if not known[1] and ARGV[3] == 'cancel' then
    redis.call('HSET', request, 'sequence', 0, 'state', 'closed')
    redis.call('EXPIRE', request, ARGV[1])
  end
  answers[i] = 0
  if known[1] == 'open' then
    close(request, id, known[2])
    redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[2], '*', 'type', ARGV[3], 'e', entry)
    if result ~= '' then
      local seq = redis.call('HINCRBY', request, 'seq', 1)
      result = string.gsub(result, '"seq":0', '"seq":' .. seq, 1)
      redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[2], '*', 'e', result)
    end
    answers[i] = 1
  end
end
return answers
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

# KEYS: open, calls, results; of each: request. ARGV: ttl, MAXLEN; of each: id, seq, result, final.
_DECIDE = Script(
    _CLOSE_LUA
    + """
local function decide(request, id, seq, result, final)
  local known = redis.call('HMGET', request, 'state', 'seq', 'result', 'conn_id')
  if known[1] ~= 'open' then return 0 end
  local last = tonumber(known[2] or '0')
  if tonumber(seq) == last and known[3] == result then return 1 end
  if tonumber(seq) <= last then return 0 end
  redis.call('HSET', request, 'seq', seq, 'result', result)
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[2], '*', 'e', result)
  if final == '1' then close(request, id, known[4]) end
  return 1
end
for i = 1, #KEYS - 3 do
  local at = 4 * i - 1
  answers[i] = decide(KEYS[3 + i], ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
end
return answers
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

    async def submit(self, tenant: str, requests: Sequence[SubmitRequest]) -> list[tuple[int, bool]]:
        """Store requests and tell the router; the sequence of each, and whether it was new. A request of a
        caller who has gone already is answered with `cancelled` and has the sequence 0.
        """
        keys = [open_key(tenant), sequence_key(tenant), calls_key(tenant), requests_stream(tenant)]
        args: list[Argument] = [self._maxlen, repr(self._ctx.now()), self._ttl]
        for request in requests:
            conn_id = request.conn_id if request.kind == "call" else ""
            keys += (request_key(tenant, request.request_id), gone_key(tenant, conn_id))
            args += (request.request_id, encode(request), request.kind, conn_id)
        answers = await self._valkey.script(_SUBMIT, keys, args)
        for request, (_, _, gone) in zip(requests, answers, strict=True):
            if gone:
                result = encode(_cancelled(request, "caller_gone", seq=1))
                length = ("MAXLEN", "~", self._maxlen)
                await self._valkey.call("XADD", results_stream(tenant), *length, "*", "e", result)
        return [(int(sequence), bool(new)) for sequence, new, _ in answers]

    async def gone(self, tenant: str, conn_id: str) -> None:
        """A call has gone that no open request knows: one that comes late is not opened."""
        await self._valkey.call("SET", gone_key(tenant, conn_id), 1, "EX", _GONE_S)

    async def cancel(self, tenant: str, requests: Sequence[CancelRequest]) -> list[bool]:
        """Close requests and answer them with `cancelled`; False for one that was not open."""
        results = [encode(_cancelled(request, request.reason)) for request in requests]
        return await self._close(tenant, "cancel", requests, results)

    async def confirm(self, tenant: str, requests: Sequence[ConfirmRequest]) -> list[bool]:
        """Close requests: the agents are connected; False for one that was not open."""
        return await self._close(tenant, "confirm", requests, [b""] * len(requests))

    async def return_(self, request: ReturnRequest) -> bool:
        """Tell the router that the agent did not take it; False when the request was not open."""
        keys = [request_key(request.tenant, request.request_id), requests_stream(request.tenant)]
        args = ("return", encode(request), self._maxlen)
        return bool(await self._valkey.script(_RETURN, keys, args))

    async def prioritize(self, request: PriorityRequest) -> bool:
        """Change the priority of a request; False when it was not open."""
        keys = [request_key(request.tenant, request.request_id), requests_stream(request.tenant)]
        growth = "" if request.growth is None else repr(request.growth)
        args = (request.priority, encode(request), self._maxlen, growth)
        return bool(await self._valkey.script(_PRIORITY, keys, args))

    async def decide(self, tenant: str, results: Sequence[RouteResult]) -> list[bool]:
        """Store results and pass them on; False where the request is closed or has a later result."""
        keys = [open_key(tenant), calls_key(tenant), results_stream(tenant)]
        args: list[Argument] = [self._ttl, self._maxlen]
        for result in results:
            keys.append(request_key(tenant, result.request_id))
            args += (result.request_id, result.seq, encode(result), int(result.outcome in FINAL))
        return [bool(answer) for answer in await self._valkey.script(_DECIDE, keys, args)]

    async def request_of_call(self, tenant: str, conn_id: str) -> str:
        """The open request of a call, or an empty string."""
        raw = await self._valkey.call("HGET", calls_key(tenant), conn_id)
        return raw.decode() if raw else ""

    async def _close(
        self,
        tenant: str,
        kind: str,
        requests: Sequence[CancelRequest | ConfirmRequest],
        results: Sequence[bytes],
    ) -> list[bool]:
        keys = [open_key(tenant), calls_key(tenant), requests_stream(tenant), results_stream(tenant)]
        args: list[Argument] = [self._ttl, self._maxlen, kind]
        for request, result in zip(requests, results, strict=True):
            keys.append(request_key(tenant, request.request_id))
            args += (request.request_id, encode(request), result)
        return [bool(answer) for answer in await self._valkey.script(_CLOSE, keys, args)]


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
