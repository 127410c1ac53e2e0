"""Sessions in Valkey: who owns them, what comes in, what they are.

Keys, all under the tenant's hash tag: `orch:session:<sid>` (hash: owner, state, request, `in:<key>` for
every input seen, 1 when it went through the inbox; an ended one has no owner), `orch:inbox:<sid>` (stream of
Input and its key, from other nodes: what a session's own node has for it is stored with the state it leads
to), `orch:owned:<node>` and `orch:nodes` (sets), `orch:conns` (hash ConnID to session), `orch:doc:<hash>`
(text of an application).

Every write of the owner is refused when another node has taken the session over.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ringback.runtime.valkey import Argument, Script
from ringback.services.orchestration.records import Input, Record, text_name

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_DOCUMENT_S = 7 * 86_400
_DOCUMENT_AGAIN_S = 3600.0
_SEEN, _FED = "in:", b"2"


class Had(NamedTuple):
    """Keys of the inputs of a session: those its own node gave it, and those that went through its inbox,
    which may still be there.
    """

    fed: set[str]
    delivered: set[str]


class Created(NamedTuple):
    """What came of beginning a session."""

    found: str
    """`new`; `same`: this request has started one before; `lives` or `over`: another has."""
    holder: str
    """The session that had the call until now, or empty."""


class Saved(NamedTuple):
    """What came of storing a session."""

    ours: bool
    inbox: bool
    """Whether something is in the inbox; said while the session has taken nothing from it."""


class Delivered(NamedTuple):
    """An input of the inbox, with its id there; `key` is empty when it has none."""

    id: str
    entry: Input
    key: str


# KEYS: session, owned, nodes, conns. ARGV: node, state, sid, ConnID, request.
_CREATE = Script(
    """
local found = redis.call('HMGET', KEYS[1], 'owner', 'request')
local holder = ARGV[4] ~= '' and redis.call('HGET', KEYS[4], ARGV[4]) or ''
if found[1] then
  if ARGV[5] ~= '' and found[2] == ARGV[5] then return {'same', holder} end
  return {found[1] == '' and 'over' or 'lives', holder}
end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'state', ARGV[2], 'request', ARGV[5])
redis.call('SADD', KEYS[2], ARGV[3])
redis.call('SADD', KEYS[3], ARGV[1])
if ARGV[4] ~= '' then redis.call('HSET', KEYS[4], ARGV[4], ARGV[3]) end
return {'new', holder}
"""
)

# KEYS: session, inbox. ARGV: key of the input, input. The owner, or nothing for a session that is over.
_DELIVER = Script(
    """
local owner = redis.call('HGET', KEYS[1], 'owner')
if not owner or owner == '' then return '' end
if ARGV[1] ~= '' and redis.call('HSETNX', KEYS[1], 'in:' .. ARGV[1], '1') == 0 then return owner end
redis.call('XADD', KEYS[2], '*', 'e', ARGV[2], 'k', ARGV[1])
return owner
"""
)

# KEYS: session, inbox. ARGV: node, id of the last input of the inbox (empty: none new), fields and values.
_SAVE = Script(
    """
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
if ARGV[2] == '0-0' then return 1 + redis.call('EXISTS', KEYS[2]) end
if ARGV[2] ~= '' then redis.call('XTRIM', KEYS[2], 'MINID', ARGV[2]) end
return 1
"""
)

# KEYS: session, inbox, owned, conns. ARGV: node, sid, seconds to remember, ConnIDs.
_FINISH = Script(
    """
local found = redis.call('HMGET', KEYS[1], 'owner', 'request')
if found[1] ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'owner', '', 'request', found[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('SREM', KEYS[3], ARGV[2])
for i = 4, #ARGV do
  if redis.call('HGET', KEYS[4], ARGV[i]) == ARGV[2] then redis.call('HDEL', KEYS[4], ARGV[i]) end
end
return 1
"""
)

# KEYS: session, owned by the dead, owned by us, nodes. ARGV: sid, dead node, our node.
_TAKE_OVER = Script(
    """
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[2] then
  redis.call('SREM', KEYS[2], ARGV[1])
  return 0
end
redis.call('HSET', KEYS[1], 'owner', ARGV[3])
redis.call('SMOVE', KEYS[2], KEYS[3], ARGV[1])
redis.call('SADD', KEYS[4], ARGV[3])
return 1
"""
)


class SessionStore:
    """What the orchestration nodes share of one tenant."""

    def __init__(self, ctx: Context, tenant: str, tombstone_s: int) -> None:
        self._node = ctx.node
        self._tenant = tenant
        self._tombstone_s = tombstone_s
        self._valkey = ctx.valkey
        self._state = ctx.valkey.using("voice-47")
        self._stream = ctx.valkey.using("voice-45")
        self._documents: dict[str, float] = {}
        """When the texts of applications were last stored, by hash."""

    def _key(self, *parts: str) -> str:
        return f"{{{self._tenant}}}:orch:{':'.join(parts)}"

    def _session(self, sid: str) -> str:
        return self._key("session", sid)

    def _inbox(self, sid: str) -> str:
        return self._key("inbox", sid)

    def _owned(self, node: str) -> str:
        return self._key("owned", node)

    async def create(self, record: Record) -> Created:
        """Store a new session as ours."""
        keys = [
            self._session(record.id),
            self._owned(self._node),
            self._key("nodes"),
            self._key("conns"),
        ]
        args: list[Argument] = [
            self._node,
            msgspec.json.encode(record),
            record.id,
            record.conn_id,
            record.request,
        ]
        found, holder = await self._state.script(_CREATE, keys, args)
        return Created(found.decode(), holder.decode() if holder else "")

    async def deliver(self, sid: str, entry: Input, key: str = "") -> str:
        """Put an input into a session's inbox, once per `key`; the owner, or empty when it is over."""
        keys = [self._session(sid), self._inbox(sid)]
        owner: bytes = await self._stream.script(_DELIVER, keys, [key, msgspec.json.encode(entry)])
        return owner.decode()

    async def inbox(self, sid: str, after: str) -> list[Delivered]:
        """The inputs behind the id `after`, at most 100."""
        rows = await self._stream.call("XRANGE", self._inbox(sid), f"({after}", "+", "COUNT", 100)
        return [_delivered(row[0].decode(), row[1]) for row in rows]

    async def save(self, record: Record, keys: Collection[str] = (), *, inbox: bool = True) -> Saved:
        """Store a session and the keys of inputs that it has had.

        `inbox`: something was taken from the inbox since the last time.
        """
        args: list[Argument] = [self._node, record.inbox_id if inbox else ""]
        args += ["state", msgspec.json.encode(record)]
        for key in keys:
            args += [f"{_SEEN}{key}", _FED]
        names = [self._session(record.id), self._inbox(record.id)]
        found: int = await self._state.script(_SAVE, names, args)
        return Saved(found > 0, found > 1)

    async def finish(self, record: Record) -> bool:
        """Forget a session but for its id; False when it is no longer ours."""
        keys = [
            self._session(record.id),
            self._inbox(record.id),
            self._owned(self._node),
            self._key("conns"),
        ]
        conns = {*record.conns, record.conn_id}
        args: list[Argument] = [self._node, record.id, self._tombstone_s, *conns]
        return bool(await self._state.script(_FINISH, keys, args))

    async def load(self, sid: str) -> Record | None:
        """A session as it is stored, or None when it is over."""
        state = await self._state.call("HGET", self._session(sid), "state")
        return msgspec.json.decode(state, type=Record) if state else None

    async def adopt(self, sid: str) -> tuple[Record | None, Had]:
        """A session as it is stored, and which inputs it has had."""
        flat: list[bytes] = await self._state.call("HGETALL", self._session(sid))
        found = {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}
        state = found.get("state")
        had = Had(set(), set())
        for name, value in found.items():
            if name.startswith(_SEEN):
                (had.fed if value == _FED else had.delivered).add(name.removeprefix(_SEEN))
        return (msgspec.json.decode(state, type=Record) if state else None), had

    async def owned(self, node: str) -> list[str]:
        """The sessions of a node."""
        return [sid.decode() for sid in await self._state.call("SMEMBERS", self._owned(node))]

    async def nodes(self) -> list[str]:
        """Every node that owns, or owned, sessions."""
        return [node.decode() for node in await self._state.call("SMEMBERS", self._key("nodes"))]

    async def take_over(self, sid: str, dead: str) -> bool:
        """Make a dead node's session ours; False when somebody was quicker."""
        keys = [self._session(sid), self._owned(dead), self._owned(self._node), self._key("nodes")]
        return bool(await self._state.script(_TAKE_OVER, keys, [sid, dead, self._node]))

    async def everywhere(self, limit: int) -> list[tuple[str, Record]]:
        """At most `limit` sessions of all nodes, each with its node."""
        found: list[tuple[str, Record]] = []
        for node in await self.nodes():
            for sid in (await self.owned(node))[: limit - len(found)]:
                record = await self.load(sid)
                if record is not None:
                    found.append((node, record))
        return found

    async def owner(self, sid: str) -> str:
        """The node that has a session, or empty."""
        found = await self._state.call("HGET", self._session(sid), "owner")
        return found.decode() if found else ""

    async def forget_node(self, node: str) -> None:
        """A dead node owns nothing any more."""
        await self._state.call("SREM", self._key("nodes"), node)

    async def session_of_call(self, conn_id: str) -> str:
        """The session that has this call, or empty."""
        found = await self._state.call("HGET", self._key("conns"), conn_id)
        return found.decode() if found else ""

    async def own_call(self, conn_id: str, sid: str) -> None:
        """From now on this call's events are for this session."""
        await self._state.call("HSET", self._key("conns"), conn_id, sid)

    async def keep_document(self, text: str) -> str:
        """Keep the text of an application for the sessions that run it; its hash."""
        name = text_name(text)
        if time.monotonic() - self._documents.get(name, -_DOCUMENT_AGAIN_S) >= _DOCUMENT_AGAIN_S:
            await self._state.call("SET", self._key("doc", name), text, "EX", _DOCUMENT_S)
            self._documents[name] = time.monotonic()
        return name

    async def document(self, name: str) -> str | None:
        """The text of an application."""
        found = await self._state.call("GET", self._key("doc", name))
        return found.decode() if found else None

    async def answer(self, request_id: str, body: bytes) -> None:
        """The response to a request over HTTP, for whichever node holds it open."""
        key = self._key("response", request_id)
        await self._state.call("SET", key, body, "EX", 60)

    async def take_answer(self, request_id: str) -> bytes | None:
        """The response, once."""
        found: bytes | None = await self._state.call("GETDEL", self._key("response", request_id))
        return found

    async def rq_cursor(self) -> str:
        """The last result of the router that was delivered."""
        found = await self._state.call("GET", self._key("rq-cursor"))
        return found.decode() if found else ""

    async def set_rq_cursor(self, cursor: str) -> None:
        """Remember where results are to be followed from."""
        await self._state.call("SET", self._key("rq-cursor"), cursor)

    def tell_rq_cursor(self, cursor: str) -> None:
        """Remember the last result that was delivered; one that is lost comes again, and is not new then.

        Raises ValkeyUnavailable when there is no connection.
        """
        self._valkey.tell("SET", self._key("rq-cursor"), cursor)


def _delivered(entry_id: str, row: Sequence[bytes]) -> Delivered:
    entry = msgspec.json.decode(row[1], type=Input)
    return Delivered(entry_id, entry, row[3].decode() if len(row) > 3 else "")
