"""The agents' side of the router: who is logged in, who may have one more of a medium, in one ordered index
per expression and medium.

A change of one agent touches the indexes that the agent matches and nothing else. A login looks only at
expressions that name one of the agent's skills, groups or place; a new expression only at agents who have one
of its own. Where those are many, they are looked at in portions (`build`), so that nobody waits for it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator

from ringback.domain.capacity import VOICE_ONLY, parse_capacity

from .messages import VOICE, AgentAway, AgentBusy, AgentReady, Worked
from .skills import Expression, Profile, anchors, marks
from .standing import AWAY, BUSY, NO_MEDIA, READY, Agent, Index

IDLE_EXPRESSIONS = 256
PORTION = 500
"""Agents who are looked at in one turn for a new expression."""


class AgentPool:
    """Agents and their indexes."""

    def __init__(self) -> None:
        self.agents: dict[str, Agent] = {}
        self.gone: OrderedDict[str, int] = OrderedDict()
        self.recalled: dict[str, Worked] = {}
        self.indexes: dict[str, Index] = {}
        self._everywhere: dict[str, Index] = {}
        self._anchored: dict[str, dict[str, Index]] = {}
        self.idle: OrderedDict[str, None] = OrderedDict()
        self._holders: dict[str, dict[str, None]] = {}
        self.unbuilt: deque[tuple[Index, Iterator[str]]] = deque()
        self.matched = 0
        """Comparisons of an agent with an expression so far: the work of logins and new expressions."""

    def is_news(self, agent: str, version: int) -> bool:
        """Whether `version` is newer than all that was said of the agent before."""
        known = self.agents.get(agent)
        return version > (known.version if known else self.gone.get(agent, -1))

    def recall(self, done: Worked) -> None:
        """What an agent who is about to be known again had done before a restart."""
        self.recalled[done.agent] = done

    def put(
        self, event: AgentReady | AgentBusy | AgentAway, status: str, since: float, now: float
    ) -> Agent | None:
        """The agent is logged in with this status; `settle` makes it count for who is looked for. None: it is
        no news (`is_news`).
        """
        name = event.agent
        agent = self.agents.get(name)
        if event.version <= (self.gone.get(name, -1) if agent is None else agent.version):
            return None
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
            if before == AWAY or status == AWAY:
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
        agent.open = NO_MEDIA

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
        self.gone[name] = version
        self.gone.move_to_end(name)
        if len(self.gone) > 100_000:
            self.gone.popitem(last=False)

    def open(self, expression: Expression, media: str = VOICE) -> Index:
        """The index of an expression; `close` it once for each time it was opened."""
        key = _key(expression, media)
        index = self.indexes.get(key)
        if index is None:
            index = self._start(key, expression, media)
        if not index.users:
            self.idle.pop(key, None)
        index.users += 1
        return index

    def index(self, key: str) -> Index | None:
        """The index of that key, if it is open."""
        return self.indexes.get(key)

    def close(self, index: Index) -> None:
        """One user less. The last expressions without users are kept warm, older ones are forgotten."""
        index.users -= 1
        if index.users:
            return
        self.idle[index.key] = None
        if len(self.idle) > IDLE_EXPRESSIONS:
            self._forget(self.idle.popitem(last=False)[0])

    def begin(self, expression: Expression, media: str) -> Index:
        """The index of an expression before there are agents, without users."""
        key = _key(expression, media)
        self._start(key, expression, media)
        return self.indexes[key]

    def place(self, profile: Profile, capacity: str, indexes: Iterable[Index]) -> Agent:
        """An agent of whom it is known who asks for them."""
        name = profile.agent
        agent = self.agents[name] = Agent(profile, 0.0)
        agent.rule = parse_capacity(capacity) if capacity else VOICE_ONLY
        agent.indexes = list(indexes)
        for index in agent.indexes:
            index.staff += 1
            index.working += agent.working
        for mark in marks(profile):
            self._holders.setdefault(mark, {})[name] = None
        return agent

    def left_to_build(self) -> list[tuple[Index, list[str]]]:
        """The agents that are still to be looked at for each new expression."""
        left = [(index, list(names)) for index, names in self.unbuilt]
        self.unbuilt = deque((index, iter(names)) for index, names in left)
        return left

    @property
    def building(self) -> bool:
        """Whether agents are left to look at for a new expression."""
        return bool(self.unbuilt)

    def build(self) -> list[Agent]:
        """Look at the next portion; the agents who have joined an index."""
        index, names = self.unbuilt[0]
        found: list[Agent] = []
        for _ in range(PORTION):
            name = next(names, None)
            if name is None:
                self.unbuilt.popleft()
                break
            if self.indexes.get(index.key) is index and self._try(index, name):
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
        elif done := self.recalled.pop(profile.agent, None):
            agent.calls, agent.logged_in, agent.worked = done.calls, done.logged_in, done.seconds
        self.gone.pop(profile.agent, None)
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
        index = self.indexes[key] = Index(key, expression, media)
        named = anchors(expression)
        if named is None:
            self._everywhere[key] = index
            names = list(self.agents)
        else:
            for mark in named:
                self._anchored.setdefault(mark, {})[key] = index
            names = list(dict.fromkeys(name for mark in named for name in self._holders.get(mark, ())))
        if len(names) > PORTION:
            self.unbuilt.append((index, iter(names)))
            return index
        for name in names:
            self._try(index, name)
        return index

    def _forget(self, key: str) -> None:
        """Agents keep the index in their lists until they log in anew; it counts for nothing."""
        index = self.indexes.pop(key)
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


def _key(expression: Expression, media: str) -> str:
    return expression.key if media == VOICE else f"{media}:{expression.key}"


def _same(agent: Agent, event: AgentReady | AgentBusy | AgentAway) -> bool:
    profile = agent.profile
    return (
        (profile.skills is event.skills or profile.skills == event.skills)
        and profile.groups == event.groups
        and profile.place == event.place
        and agent.rule.text == event.capacity
    )
