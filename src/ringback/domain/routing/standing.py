"""One agent as the router knows them, and the agents of one expression in their order."""

from __future__ import annotations

from collections.abc import Mapping

from ringback.domain.capacity import VOICE_ONLY, CapacityRule

from .lines import Line
from .messages import VOICE
from .ordered import OrderedSet
from .orders import Value
from .skills import Expression, Profile

READY, BUSY, AWAY = "ready", "busy", "away"
NO_MEDIA: frozenset[str] = frozenset()
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
        self.open = NO_MEDIA
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
        if now > self.busy_since:
            self.worked += now - self.busy_since

    def may_have(self) -> frozenset[str]:
        """The media of which one more is allowed."""
        if self.rule is VOICE_ONLY:
            return VOICE_MEDIA if self.status == READY else NO_MEDIA
        if self.status == AWAY:
            return NO_MEDIA
        wanted = {index.media for index in self.indexes if index.media != VOICE or self.status == READY}
        return frozenset(media for media in wanted if self.rule.allows(media, self.load))


class Index:
    """The agents who match one expression for one medium: the free ones in order, the others counted; and the
    lines of interactions that wait for them, none of them empty: `queue` has them in the order of `lines`.
    """

    __slots__ = (
        "expression",
        "key",
        "lines",
        "media",
        "orders",
        "queue",
        "ready",
        "staff",
        "users",
        "working",
    )

    def __init__(self, key: str, expression: Expression | None, media: str) -> None:
        self.key = key
        self.expression = expression
        self.media = media
        self.ready: OrderedSet[Standing] = OrderedSet()
        self.orders: dict[str, tuple[Value, OrderedSet[Standing], dict[str, Standing]]] = {}
        self.lines: dict[tuple[str, str, float], Line] = {}
        self.queue: list[Line] = []
        self.staff = 0
        self.working = 0
        self.users = 0

    def begin(self, line: Line) -> None:
        """Somebody is about to stand in a line of which there was none."""
        self.lines[line.key] = line
        self.queue.append(line)

    def end(self, line: Line) -> bool:
        """Nobody stands in the line any more; False when it had ended."""
        if self.lines.get(line.key) is not line:
            return False
        del self.lines[line.key]
        self.queue.remove(line)
        return True

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
