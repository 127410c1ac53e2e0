"""The agents' side of the router: who is logged in, who may have one more of a medium, in one ordered index
per expression and medium.

A change of one agent touches the indexes that the agent matches and nothing else. A login looks only at
expressions that name one of the agent's skills, groups or place; a new expression only at agents who have one
of its own. Where those are many, they are looked at in portions (`build`), so that nobody waits for it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping

from ringback.domain.capacity import VOICE_ONLY, CapacityRule, parse_capacity

from .lines import Line
from .messages import VOICE, AgentAway, AgentBusy, AgentReady, Worked
from .ordered import OrderedSet
from .orders import Value
from .skills import Expression, Profile, anchors, marks

IDLE_EXPRESSIONS = 256
PORTION = 500
"""Agents who are looked at in one turn for a new expression."""

READY, BUSY, AWAY = "ready", "busy", "away"
_NO_MEDIA: frozenset[str] = frozenset()
VOICE_MEDIA = frozenset((VOICE,))

Standing = tuple[float, float, str]
"""How many of the medium the agent has, since when the agent is ready, and the name."""


class Agent:
    """One logged-in agent. `open`: the media of which the agent may have one more now."""

    __slots__ = (
        "busy_since",
        "calls",
        "indexes",
        "load",
        "logged_in",
        "open",
        "profile",
        "ready_since",
        "rule",
        "since",
        "standing",
        "status",
        "version",
        "worked",
    )

    def __init__(self, profile: Profile, now: float) -> None:
        self.profile = profile
        self.status = AWAY
        self.since = self.ready_since = self.logged_in = self.busy_since = now
        self.version = 0
        self.rule: CapacityRule = VOICE_ONLY
        self.load: dict[str, int] = {}
        self.open = _NO_MEDIA
        self.standing: dict[str, Standing] = {}
        self.indexes: list[Index] = []
        self.calls = 0
        self.worked = 0.0

    @property
    def working(self) -> bool:
        """Ready, or ready again without doing anything."""
        return self.status != AWAY

    @property
    def total(self) -> int:
        """Interactions at the agent."""
        return sum(self.load.values())

    @property
    def occupancy(self) -> float:
        """The busy part of the time from the login to when the agent became ready."""
        whole = self.since - self.logged_in
        return min(1.0, self.worked / whole) if whole > 0 else 0.0

    def worked_until(self, now: float) -> None:
        """A busy time has ended."""
        self.worked += max(0.0, now - self.busy_since)

    def may_have(self) -> frozenset[str]:
        """The media of which one more is allowed."""
        if self.rule is VOICE_ONLY:
            return VOICE_MEDIA if self.status == READY else _NO_MEDIA
        if self.status == AWAY:
            return _NO_MEDIA
        wanted = {index.media for index in self.indexes if index.media != VOICE or self.status == READY}
        return frozenset(media for media in wanted if self.rule.allows(media, self.load))


class Index:
    """The agents who match one expression for one medium: the free ones in order, the others counted; and the
    lines of interactions that wait for them.
    """

    __slots__ = ("expression", "key", "lines", "media", "orders", "ready", "staff", "users", "working")

    def __init__(self, key: str, expression: Expression | None, media: str) -> None:
        self.key = key
        self.expression = expression
        self.media = media
        self.ready: OrderedSet[Standing] = OrderedSet()
        self.orders: dict[str, tuple[Value, OrderedSet[Standing], dict[str, Standing]]] = {}
        self.lines: dict[tuple[str, str, float], Line] = {}
        self.staff = 0
        self.working = 0
        self.users = 0

    def enter(self, agent: Agent) -> None:
        """The agent may have one more."""
        self.ready.add(agent.standing[self.media])
        for value, ordered, standings in self.orders.values():
            name = agent.profile.agent
            standing = standings[name] = (value(agent), agent.since, name)
            ordered.add(standing)

    def leave(self, agent: Agent) -> None:
        """The agent may have no more, or stands elsewhere from now on."""
        self.ready.discard(agent.standing[self.media])
        for _, ordered, standings in self.orders.values():
            standing = standings.pop(agent.profile.agent, None)
            if standing is not None:
                ordered.discard(standing)

    def in_order(self, order: str, value: Value, agents: Mapping[str, Agent]) -> OrderedSet[Standing]:
        """The free agents in another order; kept from the first time it is asked for."""
        known = self.orders.get(order)
        if known is None:
            known = self.orders[order] = (value, OrderedSet(), {})
            for _, _, name in self.ready:
                standing = known[2][name] = (value(agents[name]), agents[name].since, name)
                known[1].add(standing)
        return known[1]


class AgentPool:
    """Agents and their indexes."""

    def __init__(self) -> None:
        self.agents: dict[str, Agent] = {}
        self._gone: OrderedDict[str, int] = OrderedDict()
        self._recalled: dict[str, Worked] = {}
        self._indexes: dict[str, Index] = {}
        self._everywhere: dict[str, Index] = {}
        self._anchored: dict[str, dict[str, Index]] = {}
        self._idle: OrderedDict[str, None] = OrderedDict()
        self._holders: dict[str, dict[str, None]] = {}
        self._building: deque[tuple[Index, Iterator[str]]] = deque()
        self.matched = 0
        """Comparisons of an agent with an expression so far: the work of logins and new expressions."""

    def is_news(self, agent: str, version: int) -> bool:
        """Whether `version` is newer than all that was said of the agent before."""
        known = self.agents.get(agent)
        return version > (known.version if known else self._gone.get(agent, -1))

    def recall(self, done: Worked) -> None:
        """What an agent who is about to be known again had done before a restart."""
        self._recalled[done.agent] = done

    def put(self, event: AgentReady | AgentBusy | AgentAway, status: str, since: float, now: float) -> Agent:
        """The agent is logged in with this status; `settle` makes it count for who is looked for."""
        name = event.agent
        agent = self.agents.get(name)
        if agent is None or not _same(agent, event):
            agent = self._admit(Profile(name, event.skills, event.groups, event.place), event, now)
        agent.version = event.version
        if agent.load or event.load:
            agent.load = dict(event.load)
        self.turn(agent, status, since, now)
        return agent

    def turn(self, agent: Agent, status: str, since: float, now: float) -> None:
        """Change the status; whoever may have no more is out of the indexes, `settle` puts the others in."""
        if agent.open:
            self.unsettle(agent)
        before = agent.status
        if before != status:
            if (before == AWAY) != (status == AWAY):
                more = 1 if before == AWAY else -1
                for index in agent.indexes:
                    index.working += more
            if status == BUSY:
                agent.busy_since = now
            elif before == BUSY:
                agent.worked_until(now)
            agent.status = status
        agent.since = since
        if status == READY:
            agent.ready_since = since

    def take(self, agent: Agent, media: str, now: float) -> None:
        """The agent has one more of a medium; `settle` makes the agent count for what is left."""
        if agent.open:
            self.unsettle(agent)
        if agent.rule is not VOICE_ONLY:
            agent.load[media] = agent.load.get(media, 0) + 1
        if media == VOICE:
            self.turn(agent, BUSY, now, now)

    def give_back(self, agent: Agent, media: str, now: float) -> None:
        """What was taken last was not; `settle` makes the agent count again."""
        self.unsettle(agent)
        if agent.load.get(media):
            agent.load[media] -= 1
        if media == VOICE:
            self.turn(agent, READY, agent.ready_since, now)

    def unsettle(self, agent: Agent) -> None:
        """Out of the order of those who may have one more."""
        for index in agent.indexes:
            if index.media in agent.open:
                index.leave(agent)
        agent.open = _NO_MEDIA

    def settle(self, agent: Agent) -> None:
        """Into the order of those who may have one more, if so."""
        agent.open = agent.may_have()
        if not agent.open:
            return
        name, since, load = agent.profile.agent, agent.since, agent.load
        agent.standing = {media: (load.get(media, 0), since, name) for media in agent.open}
        for index in agent.indexes:
            if index.media in agent.open:
                index.enter(agent)

    def remove(self, name: str, version: int) -> None:
        """The agent has logged out."""
        agent = self.agents.get(name)
        if agent is not None:
            self._take_out(agent)
        self._gone[name] = version
        self._gone.move_to_end(name)
        if len(self._gone) > 100_000:
            self._gone.popitem(last=False)

    def open(self, expression: Expression, media: str = VOICE) -> Index:
        """The index of an expression; `close` it once for each time it was opened."""
        key = expression.key if media == VOICE else f"{media}:{expression.key}"
        index = self._indexes.get(key)
        if index is None:
            index = self._start(key, expression, media)
        if not index.users:
            self._idle.pop(key, None)
        index.users += 1
        return index

    def index(self, key: str) -> Index | None:
        """The index of that key, if it is open."""
        return self._indexes.get(key)

    def close(self, index: Index) -> None:
        """One user less. The last expressions without users are kept warm, older ones are forgotten."""
        index.users -= 1
        if index.users:
            return
        self._idle[index.key] = None
        if len(self._idle) > IDLE_EXPRESSIONS:
            self._forget(self._idle.popitem(last=False)[0])

    @property
    def building(self) -> bool:
        """Whether agents are left to look at for a new expression."""
        return bool(self._building)

    def build(self) -> list[Agent]:
        """Look at the next portion; the agents who have joined an index."""
        index, names = self._building[0]
        found: list[Agent] = []
        for _ in range(PORTION):
            name = next(names, None)
            if name is None:
                self._building.popleft()
                break
            if self._indexes.get(index.key) is index and self._try(index, name):
                found.append(self.agents[name])
        return found

    def _admit(self, profile: Profile, event: AgentReady | AgentBusy | AgentAway, now: float) -> Agent:
        before = self.agents.get(profile.agent)
        if before is not None:
            self._take_out(before)
        agent = self.agents[profile.agent] = Agent(profile, now)
        if before is not None:
            if before.status == BUSY:
                before.worked_until(now)
            agent.calls, agent.logged_in, agent.worked = before.calls, before.logged_in, before.worked
        elif done := self._recalled.pop(profile.agent, None):
            agent.calls, agent.logged_in, agent.worked = done.calls, done.logged_in, done.seconds
        self._gone.pop(profile.agent, None)
        agent.rule = parse_capacity(event.capacity) if event.capacity else VOICE_ONLY
        named = marks(profile)
        for mark in named:
            self._holders.setdefault(mark, {})[profile.agent] = None
        found = dict(self._everywhere)
        for mark in named:
            found.update(self._anchored.get(mark, ()))
        for index in found.values():
            self._match(index, agent)
        return agent

    def _match(self, index: Index, agent: Agent) -> bool:
        self.matched += 1
        assert index.expression is not None
        if not agent.rule.takes(index.media) or not index.expression.matches(agent.profile):
            return False
        agent.indexes.append(index)
        index.staff += 1
        index.working += agent.working
        return True

    def _try(self, index: Index, name: str) -> bool:
        agent = self.agents.get(name)
        if agent is None or index in agent.indexes or not self._match(index, agent):
            return False
        if index.media in agent.open:
            index.enter(agent)
        elif agent.rule is not VOICE_ONLY:
            self.unsettle(agent)
            self.settle(agent)
        return True

    def _take_out(self, agent: Agent) -> None:
        name = agent.profile.agent
        self.unsettle(agent)
        del self.agents[name]
        for index in agent.indexes:
            index.staff -= 1
            index.working -= agent.working
        for mark in marks(agent.profile):
            holders = self._holders[mark]
            del holders[name]
            if not holders:
                del self._holders[mark]

    def _start(self, key: str, expression: Expression, media: str) -> Index:
        index = self._indexes[key] = Index(key, expression, media)
        named = anchors(expression)
        if named is None:
            self._everywhere[key] = index
            names = list(self.agents)
        else:
            for mark in named:
                self._anchored.setdefault(mark, {})[key] = index
            names = list(dict.fromkeys(name for mark in named for name in self._holders.get(mark, ())))
        if len(names) > PORTION:
            self._building.append((index, iter(names)))
            return index
        for name in names:
            self._try(index, name)
        return index

    def _forget(self, key: str) -> None:
        """Agents keep the index in their lists until they log in anew; it counts for nothing."""
        index = self._indexes.pop(key)
        self._everywhere.pop(key, None)
        assert index.expression is not None
        for mark in anchors(index.expression) or ():
            self._anchored[mark].pop(key, None)
            if not self._anchored[mark]:
                del self._anchored[mark]
        for name in self._members(index):
            self.agents[name].indexes.remove(index)

    def _members(self, index: Index) -> list[str]:
        assert index.expression is not None
        named = anchors(index.expression)
        names = self.agents if named is None else {n: None for m in named for n in self._holders.get(m, ())}
        return [name for name in names if index in self.agents[name].indexes]


def _same(agent: Agent, event: AgentReady | AgentBusy | AgentAway) -> bool:
    profile = agent.profile
    return (
        (profile.skills is event.skills or profile.skills == event.skills)
        and profile.groups == event.groups
        and profile.place == event.place
        and agent.rule.text == event.capacity
    )
