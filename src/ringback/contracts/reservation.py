"""Agent sessions in Valkey, and the compare-and-set by which they change.

Every change of an agent (a reservation by the router, a login, a call that rings) is a step of the agent
state machine, stored by one script: the session if nobody was faster, its lease, its place in the index by
DN, and the events of the step on the agents stream. Whoever was slower is told what is stored now, and steps
again from there; a second router that wanted the same agent finds the agent reserved.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from ringback.contracts.events import AgentEvent, agents_stream
from ringback.domain.agents import AgentSession, Leases, NotAllowed, Step, status, step
from ringback.domain.agents.session import Emitted, Happening, Ring
from ringback.runtime.valkey import Argument, Commands, Script

_MAXLEN = 100_000
_TRIES = 20
_PAGE = 500
_REMEMBERED = 10_000

# Steps of many agents. KEYS: agents, leases, dns, stream; of each: session. ARGV: MAXLEN; of each: what is
# expected to be stored (empty: nothing), agent, session, lease end (0: none), DN (empty: none), DN before,
# the number of events, the events. The answers are 1, -1 when the DN is taken, or what is stored when that is
# not what was expected. The set of agents and the index of DNs were written with the step that made the
# session or brought the DN: nothing is written there again.
_COMMIT = Script(
    """
local function commit(session, expected, agent, after, lease, dn, before)
  local held = redis.call('GET', session) or ''
  if held ~= expected then return held end
  if dn ~= '' and dn ~= before then
    local owner = redis.call('HGET', KEYS[3], dn)
    if owner and owner ~= agent then return -1 end
  end
  redis.call('SET', session, after)
  if held == '' then redis.call('SADD', KEYS[1], agent) end
  if lease == '0' then redis.call('ZREM', KEYS[2], agent) else redis.call('ZADD', KEYS[2], lease, agent) end
  if before ~= '' and before ~= dn then redis.call('HDEL', KEYS[3], before) end
  if dn ~= '' and before ~= dn then redis.call('HSET', KEYS[3], dn, agent) end
  return 1
end
local answers, at = {}, 2
for i = 5, #KEYS do
  local answer = commit(KEYS[i], unpack(ARGV, at, at + 5))
  local first, last = at + 7, at + 6 + ARGV[at + 6]
  if answer == 1 then
    for n = first, last do
      redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[1], '*', 'e', ARGV[n])
    end
  end
  answers[i - 4], at = answer, last + 1
end
return answers
"""
)


class DnTaken(Exception):
    """Another agent is logged in at the DN."""


class Contended(Exception):
    """Others changed the session faster, again and again: nothing was stored."""


def agent_key(tenant: str, agent_id: str) -> str:
    """The session of one agent, JSON."""
    return f"{{{tenant}}}:agent:{agent_id}"


def agents_key(tenant: str) -> str:
    """The set of agents that have a session."""
    return f"{{{tenant}}}:agents"


def leases_key(tenant: str) -> str:
    """Agents in a transient state by the end of its lease (sorted set)."""
    return f"{{{tenant}}}:agent-leases"


def agent_dns_key(tenant: str) -> str:
    """The hash from DN to the agent who is logged in there."""
    return f"{{{tenant}}}:agent-dns"


Applied = Step | NotAllowed | DnTaken | Contended
"""What became of something that was to happen to an agent, or why nothing did."""


class _Held(NamedTuple):
    """A session, and the text of it that is stored, or was (empty: none)."""

    session: AgentSession
    raw: bytes


class AgentSessions:
    """The sessions of one tenant's agents.

    `remember`: for who makes most of the steps of an agent. A step then begins with the session as it was
    last written here, which saves a read. Only a step that is stored may rest on memory, for the
    compare-and-set tells whether it was right: what changes nothing, or is not allowed, is looked at again.
    """

    def __init__(
        self, valkey: Commands, tenant: str, leases: Leases | None = None, *, remember: bool = False
    ) -> None:
        self._valkey = valkey
        self._leases = leases or Leases()
        self._remember = remember
        self._last: OrderedDict[str, _Held] = OrderedDict()
        self.tenant = tenant

    async def load(self, agent_id: str) -> AgentSession:
        """The session as it is; one that was never stored is logged out."""
        return (await self._read(agent_id)).session

    async def _read(self, agent_id: str) -> _Held:
        raw: bytes | None = await self._valkey.call("GET", agent_key(self.tenant, agent_id))
        return _held(agent_id, raw or b"")

    async def all(self) -> list[AgentSession]:
        """Every session, in no order."""
        names = [name.decode() for name in await self._valkey.call("SMEMBERS", agents_key(self.tenant))]
        found: list[AgentSession] = []
        for start in range(0, len(names), _PAGE):
            keys = [agent_key(self.tenant, name) for name in names[start : start + _PAGE]]
            rows = await self._valkey.call("MGET", *keys)
            found += [msgspec.json.decode(raw, type=AgentSession) for raw in rows if raw]
        return found

    async def at_dn(self, dn: str) -> str:
        """The agent who is logged in at a DN, or an empty string."""
        raw = await self._valkey.call("HGET", agent_dns_key(self.tenant), dn)
        return raw.decode() if raw else ""

    async def count_logged_in(self) -> int:
        """How many agents are logged in: each has a DN."""
        count: int = await self._valkey.call("HLEN", agent_dns_key(self.tenant))
        return count

    async def due(self, now: float) -> list[str]:
        """Agents whose lease has ended."""
        rows = await self._valkey.call(
            "ZRANGEBYSCORE", leases_key(self.tenant), "-inf", now, "LIMIT", 0, _PAGE
        )
        return [row.decode() for row in rows]

    async def transient(self) -> list[str]:
        """Agents in a state that has a lease."""
        return [row.decode() for row in await self._valkey.call("ZRANGE", leases_key(self.tenant), 0, -1)]

    async def apply(self, agent_id: str, happening: Happening, now: float) -> Step:
        """Let something happen to an agent, and store what becomes of it.

        Raises NotAllowed (the state forbids the request), DnTaken, Contended, ValkeyUnavailable.
        """
        held = self._last.pop(agent_id, None)
        if isinstance(happening, Ring):
            # Who rings was mostly reserved by the router since: memory would cost a script in vain.
            held = None
        sure = held is None
        for _ in range(_TRIES):
            held = held or await self._read(agent_id)
            try:
                outcome = step(held.session, happening, now, self._leases)
            except NotAllowed:
                if sure:
                    raise
                held, sure = None, True
                continue
            if outcome.events:
                (answer,) = await self._commit([(held, outcome)], now)
                if isinstance(answer, DnTaken):
                    raise answer
                if answer is None:
                    return outcome
                held = answer
            elif sure:
                return outcome
            else:
                held = None
            sure = True
        raise Contended(agent_id)

    async def apply_all(self, wanted: Sequence[tuple[str, Happening]], now: float) -> list[Applied]:
        """As `apply`, for many agents at the price of one: what became of each. Raises ValkeyUnavailable."""
        rows = await self._valkey.call("MGET", *(agent_key(self.tenant, agent) for agent, _ in wanted))
        done: list[Applied] = []
        places: list[int] = []
        changes: list[tuple[_Held, Step]] = []
        for (agent, happening), raw in zip(wanted, rows, strict=True):
            held = _held(agent, raw or b"")
            try:
                outcome = step(held.session, happening, now, self._leases)
            except NotAllowed as error:
                done.append(error)
                continue
            if outcome.events:
                places.append(len(done))
                changes.append((held, outcome))
            done.append(outcome)
        answers = await self._commit(changes, now) if changes else ()
        for place, answer in zip(places, answers, strict=True):
            if isinstance(answer, DnTaken):
                done[place] = answer
            elif answer is not None:
                done[place] = await self._alone(*wanted[place], now)
        return done

    async def _alone(self, agent_id: str, happening: Happening, now: float) -> Applied:
        """For an agent whom another has changed meanwhile."""
        try:
            return await self.apply(agent_id, happening, now)
        except (NotAllowed, DnTaken, Contended) as error:
            return error

    async def _commit(
        self, changes: Sequence[tuple[_Held, Step]], now: float
    ) -> list[_Held | DnTaken | None]:
        """None for each that is stored, else what another has stored, or that another has the DN."""
        tenant = self.tenant
        keys = [agents_key(tenant), leases_key(tenant), agent_dns_key(tenant), agents_stream(tenant)]
        args: list[Argument] = [_MAXLEN]
        bodies: list[bytes] = []
        for held, outcome in changes:
            before, after = held.session, outcome.session
            keys.append(agent_key(tenant, after.agent_id))
            body = msgspec.json.encode(after)
            bodies.append(body)
            lease = repr(after.due) if after.due else "0"
            args += (held.raw, after.agent_id, body, lease, after.dn, before.dn, len(outcome.events))
            dn = after.dn or before.dn
            args += [
                msgspec.json.encode(_event(tenant, after, emitted, now, dn)) for emitted in outcome.events
            ]
        answers: list[int | bytes] = await self._valkey.script(_COMMIT, keys, args)
        return [
            self._stored(outcome.session, body, answer)
            for (_, outcome), body, answer in zip(changes, bodies, answers, strict=True)
        ]

    def _stored(self, after: AgentSession, body: bytes, answer: int | bytes) -> _Held | DnTaken | None:
        if isinstance(answer, bytes):
            return _held(after.agent_id, answer)
        if answer < 0:
            return DnTaken(after.dn)
        if self._remember:
            self._last[after.agent_id] = _Held(after, body)
            if len(self._last) > _REMEMBERED:
                self._last.popitem(last=False)
        return None


def _held(agent_id: str, raw: bytes) -> _Held:
    return _Held(msgspec.json.decode(raw, type=AgentSession) if raw else AgentSession(agent_id), raw)


def _event(tenant: str, session: AgentSession, emitted: Emitted, now: float, dn: str) -> AgentEvent:
    """The event as it travels: with what the router needs to know of the agent beside it. `dn`: where the
    agent sits, or has sat until now.
    """
    return AgentEvent(
        id=emitted.id,
        time=now,
        tenant=tenant,
        agent_id=session.agent_id,
        this_dn=dn,
        this_queue=emitted.queue,
        place=session.place,
        agent_work_mode=emitted.work_mode,
        reason_code=emitted.reason,
        state=session.state.value,
        since=session.since,
        reservation_id=session.reservation,
        interaction_id=session.interaction,
        conn_id=emitted.conn_id,
        sequence=session.version,
        extensions=_extensions(session),
    )


def _extensions(session: AgentSession) -> dict[str, object]:
    """What the router needs to know of an agent."""
    extensions: dict[str, object] = {
        "ReadySince": session.ready_since,
        "LeaseUntil": session.lease_until,
        "Skills": session.skills,
        "Status": status(session).name,
    }
    if session.groups:
        extensions["Groups"] = session.groups
    if session.queue:
        extensions["Queue"] = session.queue
    if session.dnd:
        extensions["DND"] = 1
    if session.policy.capacity:
        extensions |= {"Capacity": session.policy.capacity, "Load": session.load}
    if session.work:
        extensions["Work"] = {name: work.media for name, work in session.work.items()}
    if session.queues:
        extensions["Queues"] = session.queues
    if session.call_type:
        extensions["CallType"] = session.call_type
    if session.second_is in ("talking", "held"):
        extensions["SecondCallType"] = session.second_type
    if session.policy.auto_answer:
        extensions["AutoAnswer"] = 1
    return extensions
