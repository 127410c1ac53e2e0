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
from ringback.services.rq.subscriptions import Appended, Subscriptions

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.rq.settings import RqSettings

_GONE_S = 60
encode = msgspec.json.encode

# Each of these takes many requests of one tenant, in their order; the answers are in the same order. Beside
# them stand the last entry of each stream before, and the ids of the entries that were appended: from these
# the subscribers are told, without a read (`subscriptions`).
_END_LUA = """
local function end_of(stream)
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  return last and last[1] or '0-0'
end
"""

# KEYS: open, sequence, calls, requests; of each: request, gone. ARGV: MAXLEN, now, ttl; of each: id, submit,
# kind, ConnID. An answer: the sequence, 1 when it is new, 1 when the caller has gone already and the request
# is not opened, the entry.
_SUBMIT = Script(
    _END_LUA
    + """
local answers, before = {}, end_of(KEYS[4])
for i = 1, (#KEYS - 4) / 2 do
  local request, id, submit, conn = KEYS[3 + 2 * i], ARGV[4 * i], ARGV[4 * i + 1], ARGV[4 * i + 3]
  local known = redis.call('HGET', request, 'sequence')
  if known then
    answers[i] = {tonumber(known), 0, 0, ''}
  elseif conn ~= '' and redis.call('EXISTS', KEYS[4 + 2 * i]) == 1 then
    redis.call('HSET', request, 'sequence', 0, 'state', 'closed')
    redis.call('EXPIRE', request, ARGV[3])
    answers[i] = {0, 0, 1, ''}
  else
    local sequence = redis.call('INCR', KEYS[2])
    redis.call('HSET', request, 'submit', submit, 'kind', ARGV[4 * i + 2], 'conn_id', conn,
      'sequence', sequence, 'state', 'open', 'at', ARGV[2])
    redis.call('ZADD', KEYS[1], sequence, id)
    if conn ~= '' then redis.call('HSET', KEYS[3], conn, id) end
    local entry = redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[1], '*', 'type', 'submit',
      'sequence', sequence, 'at', ARGV[2], 'e', submit)
    answers[i] = {sequence, 1, 0, entry}
  end
end
return {before, answers}
"""
)

# KEYS: open, calls, ... ARGV: ttl, ...
_CLOSE_LUA = (
    _END_LUA
    + """
local function close(request, id, conn)
  redis.call('HSET', request, 'state', 'closed')
  redis.call('EXPIRE', request, ARGV[1])
  redis.call('ZREM', KEYS[1], id)
  if conn ~= '' and redis.call('HGET', KEYS[2], conn) == id then redis.call('HDEL', KEYS[2], conn) end
end
local answers = {}
"""
)

# KEYS: open, calls, requests, results; of each: request. ARGV: ttl, MAXLEN, type; of each: id, entry, result
# with "seq":0 (empty: none). An answer: the entry; with a result the entry, that of the result, and the
# result; or 0. A cancel that comes before its submit closes it beforehand.
_CLOSE = Script(
    _CLOSE_LUA
    + """
local before, before_result = end_of(KEYS[3]), ARGV[3] == 'cancel' and end_of(KEYS[4]) or ''
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
    local told = redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[2], '*', 'type', ARGV[3], 'e', entry)
    answers[i] = told
    if result ~= '' then
      local seq = redis.call('HINCRBY', request, 'seq', 1)
      result = string.gsub(result, '"seq":0', '"seq":' .. seq, 1)
      local answered = redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[2], '*', 'e', result)
      answers[i] = {told, answered, result}
    end
  end
end
return {before, before_result, answers}
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

# KEYS: open, calls, results; of each: request. ARGV: ttl, MAXLEN; of each: id, seq, result, final. An answer:
# the entry; 1 for one that is known already, 0 when it was refused.
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
  local entry = redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[2], '*', 'e', result)
  if final == '1' then close(request, id, known[4]) end
  return entry
end
local before = end_of(KEYS[3])
for i = 1, #KEYS - 3 do
  local at = 4 * i - 1
  answers[i] = decide(KEYS[3 + i], ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
end
return {before, answers}
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

    def __init__(self, ctx: Context, settings: RqSettings, subscriptions: Subscriptions) -> None:
        self._ctx = ctx
        self._subscriptions = subscriptions
        self._valkey = ctx.valkey.using("voice-6")
        self._ttl = settings.keep_closed_s
        self._maxlen = settings.stream_length

    async def submit(self, tenant: str, requests: Sequence[SubmitRequest]) -> list[tuple[int, bool]]:
        """Store requests and tell the router; the sequence of each, and whether it was new. A request of a
        caller who has gone already is answered with `cancelled` and has the sequence 0.
        """
        stream, at = requests_stream(tenant), repr(self._ctx.now()).encode()
        keys = [open_key(tenant), sequence_key(tenant), calls_key(tenant), stream]
        args: list[Argument] = [self._maxlen, at, self._ttl]
        bodies = [encode(request) for request in requests]
        for request, body in zip(requests, bodies, strict=True):
            conn_id = request.conn_id if request.kind == "call" else ""
            keys += (request_key(tenant, request.request_id), gone_key(tenant, conn_id))
            args += (request.request_id, body, request.kind, conn_id)
        before, answers = await self._valkey.script(_SUBMIT, keys, args)
        told: list[Appended] = []
        for request, body, (sequence, _, gone, entry) in zip(requests, bodies, answers, strict=True):
            if entry:
                told.append((entry, {"type": b"submit", "sequence": b"%d" % sequence, "at": at, "e": body}))
            elif gone:
                await self._refuse(tenant, request)
        self._subscriptions.appended(stream, before, told)
        return [(int(sequence), bool(new)) for sequence, new, _, _ in answers]

    async def _refuse(self, tenant: str, request: SubmitRequest) -> None:
        """The caller has gone already."""
        result = encode(_cancelled(request, "caller_gone", seq=1))
        length = ("MAXLEN", "~", self._maxlen)
        await self._valkey.call("XADD", results_stream(tenant), *length, "*", "e", result)
        self._subscriptions.look(results_stream(tenant))

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
        return await self._changed(_RETURN, request, ("return", encode(request), self._maxlen))

    async def prioritize(self, request: PriorityRequest) -> bool:
        """Change the priority of a request; False when it was not open."""
        growth = "" if request.growth is None else repr(request.growth)
        args = (request.priority, encode(request), self._maxlen, growth)
        return await self._changed(_PRIORITY, request, args)

    async def _changed(
        self, script: Script, request: ReturnRequest | PriorityRequest, args: Sequence[Argument]
    ) -> bool:
        stream = requests_stream(request.tenant)
        changed = await self._valkey.script(
            script, [request_key(request.tenant, request.request_id), stream], args
        )
        self._subscriptions.look(stream)
        return bool(changed)

    async def decide(self, tenant: str, results: Sequence[RouteResult]) -> list[bool]:
        """Store results and pass them on; False where the request is closed or has a later result."""
        stream = results_stream(tenant)
        keys = [open_key(tenant), calls_key(tenant), stream]
        args: list[Argument] = [self._ttl, self._maxlen]
        bodies = [encode(result) for result in results]
        for result, body in zip(results, bodies, strict=True):
            keys.append(request_key(tenant, result.request_id))
            args += (result.request_id, result.seq, body, int(result.outcome in FINAL))
        before, answers = await self._valkey.script(_DECIDE, keys, args)
        pairs = zip(bodies, answers, strict=True)
        told = [(entry, {"e": body}) for body, entry in pairs if isinstance(entry, bytes)]
        self._subscriptions.appended(stream, before, told)
        return [bool(answer) for answer in answers]

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
        stream, of_results = requests_stream(tenant), results_stream(tenant)
        keys = [open_key(tenant), calls_key(tenant), stream, of_results]
        args: list[Argument] = [self._ttl, self._maxlen, kind]
        bodies = [encode(request) for request in requests]
        for request, body, result in zip(requests, bodies, results, strict=True):
            keys.append(request_key(tenant, request.request_id))
            args += (request.request_id, body, result)
        before, before_result, answers = await self._valkey.script(_CLOSE, keys, args)
        told: list[Appended] = []
        answered: list[Appended] = []
        for body, answer in zip(bodies, answers, strict=True):
            if isinstance(answer, list):
                answer, entry, result = answer
                answered.append((entry, {"e": result}))
            if answer:
                told.append((answer, {"type": kind.encode(), "e": body}))
        self._subscriptions.appended(stream, before, told)
        self._subscriptions.appended(of_results, before_result, answered)
        return [bool(answer) for answer in answers]


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
