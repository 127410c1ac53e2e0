"""The agents' side of the router: who is logged in, who is ready, in one ordered index per expression.

A change of one agent touches the indexes that the agent matches and nothing else. Opening an expression for
the first time looks only at agents who have one of its skills.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .ordered import OrderedSet
from .skills import Either, Every, Everyone, Expression, Group, Level, OneAgent, Profile

IDLE_EXPRESSIONS = 256

READY, BUSY, AWAY = "ready", "busy", "away"


@dataclass(slots=True)
class Agent:
    """One logged-in agent. `working` agents are ready or will be ready again without doing anything."""

    profile: Profile
    status: str
    since: float
    version: int
    ready_since: float = 0.0
    keys: list[str] = field(default_factory=list)

    @property
    def working(self) -> bool:
        return self.status != AWAY


@dataclass(slots=True)
class Index:
    """The agents who match one expression: the ready ones in order, the others counted."""

    expression: Expression
    ready: OrderedSet[tuple[float, str]] = field(default_factory=OrderedSet)
    staff: int = 0
    working: int = 0
    users: int = 0

    def enter(self, agent: Agent) -> None:
        self.working += agent.working
        if agent.status == READY:
            self.ready.add((agent.since, agent.profile.agent))

    def leave(self, agent: Agent) -> None:
        self.working -= agent.working
        if agent.status == READY:
            self.ready.discard((agent.since, agent.profile.agent))


class AgentPool:
    """Agents and their indexes."""

    def __init__(self) -> None:
        self.agents: dict[str, Agent] = {}
        self.versions: dict[str, int] = {}
        self._indexes: dict[str, Index] = {}
        self._shared: dict[str, Index] = {}
        self._idle: OrderedDict[str, None] = OrderedDict()
        self._by_skill: dict[str, set[str]] = {}
        self._by_group: dict[str, set[str]] = {}

    def is_news(self, agent: str, version: int) -> bool:
        """Whether `version` is newer than all that was said of the agent before; it is remembered."""
        if version <= self.versions.get(agent, -1):
            return False
        self.versions[agent] = version
        return True

    def put(
        self, name: str, status: str, since: float, skills: Mapping[str, int], groups: frozenset[str]
    ) -> Agent:
        """The agent is logged in with this status and these skills."""
        agent = self.agents.get(name)
        if agent and (agent.profile.skills != skills or agent.profile.groups != groups):
            self.remove(name)
            agent = None
        if agent is None:
            agent = self._admit(Profile(name, dict(skills), groups), status, since)
        else:
            self.move(agent, status, since)
        agent.version = self.versions.get(name, 0)
        return agent

    def move(self, agent: Agent, status: str, since: float) -> None:
        """Change the status in every index of the agent."""
        indexes = [self._indexes[key] for key in agent.keys]
        for index in indexes:
            index.leave(agent)
        agent.status, agent.since = status, since
        if status == READY:
            agent.ready_since = since
        for index in indexes:
            index.enter(agent)

    def remove(self, name: str) -> Agent | None:
        """The agent has logged out."""
        agent = self.agents.pop(name, None)
        if agent is None:
            return None
        for key in agent.keys:
            self._indexes[key].leave(agent)
            self._indexes[key].staff -= 1
        for skill in agent.profile.skills:
            self._by_skill[skill].discard(name)
        for group in agent.profile.groups:
            self._by_group[group].discard(name)
        return agent

    def open(self, expression: Expression) -> Index:
        """The index of an expression; `close` it once for each time it was opened."""
        key = expression.key
        index = self._indexes.get(key)
        if index is None:
            index = self._build(expression)
        self._idle.pop(key, None)
        index.users += 1
        return index

    def ready_of(self, key: str) -> OrderedSet[tuple[float, str]]:
        """The ready agents of an open expression, longest ready first."""
        return self._indexes[key].ready

    def close(self, index: Index) -> None:
        """One user less. The last expressions without users are kept warm, older ones are forgotten."""
        index.users -= 1
        if index.users:
            return
        self._idle[index.expression.key] = None
        if len(self._idle) > IDLE_EXPRESSIONS:
            self._forget(self._idle.popitem(last=False)[0])

    def _admit(self, profile: Profile, status: str, since: float) -> Agent:
        agent = Agent(profile, status, since, 0, since)
        self.agents[profile.agent] = agent
        for skill in profile.skills:
            self._by_skill.setdefault(skill, set()).add(profile.agent)
        for group in profile.groups:
            self._by_group.setdefault(group, set()).add(profile.agent)
        matching = [index for index in self._shared.values() if index.expression.matches(profile)]
        own = self._indexes.get(OneAgent(profile.agent).key)
        for index in [*matching, own] if own else matching:
            self._join(agent, index)
        return agent

    @staticmethod
    def _join(agent: Agent, index: Index) -> None:
        agent.keys.append(index.expression.key)
        index.staff += 1
        index.enter(agent)

    def _build(self, expression: Expression) -> Index:
        index = Index(expression)
        self._indexes[expression.key] = index
        if not isinstance(expression, OneAgent):
            self._shared[expression.key] = index
        for name in self._candidates(expression):
            agent = self.agents.get(name)
            if agent and expression.matches(agent.profile):
                self._join(agent, index)
        return index

    def _forget(self, key: str) -> None:
        index = self._indexes.pop(key)
        self._shared.pop(key, None)
        for name in self._candidates(index.expression):
            agent = self.agents.get(name)
            if agent and key in agent.keys:
                agent.keys.remove(key)

    def _candidates(self, expression: Expression) -> set[str] | Iterator[str]:
        """A set of names that holds every match of the expression, as small as the skills allow."""
        bound = self._bound(expression)
        return iter(self.agents) if bound is None else bound

    def _bound(self, expression: Expression) -> set[str] | None:
        if isinstance(expression, OneAgent):
            return {expression.agent}
        if isinstance(expression, Group):
            return self._by_group.get(expression.name, set())
        if isinstance(expression, Everyone):
            return None
        if isinstance(expression, Level):
            return None if expression.holds_without else self._by_skill.get(expression.skill, set())
        bounds = [self._bound(part) for part in expression.parts]
        known = [bound for bound in bounds if bound is not None]
        if isinstance(expression, Every):
            return min(known, key=len) if known else None
        assert isinstance(expression, Either)
        return set().union(*known) if len(known) == len(bounds) else None
