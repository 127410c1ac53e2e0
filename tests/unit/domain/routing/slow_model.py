"""The router once more, slow and obvious: lists, loops and the rules as they are written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ringback.domain.capacity import parse_capacity
from ringback.domain.routing import Profile
from ringback.domain.routing.targets import read_target


@dataclass
class SlowAgent:
    name: str
    skills: Mapping[str, int]
    capacity: str
    status: str
    since: float
    load: dict[str, int] = field(default_factory=dict)

    def may_have(self, media: str) -> bool:
        if self.status == "away" or (media == "voice" and self.status != "ready"):
            return False
        return parse_capacity(self.capacity).allows(media, self.load)


@dataclass
class SlowCall:
    name: str
    targets: tuple[str, ...]
    arrived: float
    sequence: int
    priority: float
    media: str
    growth: float
    held_by: str = ""
    excluded: set[str] = field(default_factory=set)

    def urgency(self, now: float) -> tuple[float, float, int]:
        """Who is first; of two whose priorities stay the same for good, who came to the router first."""
        if not self.growth:
            return (-self.priority, self.arrived, self.sequence)
        head_start = self.arrived - self.priority / self.growth
        return (self.growth * (head_start - now), head_start, self.sequence)


class SlowRouter:
    """Without leases, steps and pauses."""

    def __init__(self) -> None:
        self.agents: dict[str, SlowAgent] = {}
        self.calls: dict[str, SlowCall] = {}

    def _fits(self, target: str, agent: SlowAgent) -> bool:
        expression = read_target(target).expression
        return expression is not None and expression.matches(Profile(agent.name, agent.skills))

    def _may(self, call: SlowCall, agent: SlowAgent) -> bool:
        return (
            not call.held_by
            and agent.name not in call.excluded
            and agent.may_have(call.media)
            and any(self._fits(target, agent) for target in call.targets)
        )

    def _give(self, call: SlowCall, agent: SlowAgent, now: float) -> tuple[str, str]:
        call.held_by = agent.name
        agent.load[call.media] = agent.load.get(call.media, 0) + 1
        if call.media == "voice":
            agent.status, agent.since = "busy", now
        return call.name, agent.name

    def agent(self, agent: SlowAgent, now: float) -> list[tuple[str, str]]:
        """An agent has changed: whatever is most urgent of what the agent may have, until nothing is."""
        self.agents[agent.name] = agent
        given = []
        while fitting := [call for call in self.calls.values() if self._may(call, agent)]:
            given.append(self._give(min(fitting, key=lambda call: call.urgency(now)), agent, now))
        return given

    def submit(self, call: SlowCall, now: float) -> list[tuple[str, str]]:
        """A newcomer: the first target that has somebody, there the one with the least of the medium, then
        the longest as it is: ready, or on a call.
        """
        self.calls[call.name] = call
        for target in call.targets:
            free = [a for a in self.agents.values() if self._may(call, a) and self._fits(target, a)]
            if free:
                return [self._give(call, min(free, key=lambda a: (_of(a, call.media), a.since, a.name)), now)]
        return []

    def end(self, name: str) -> None:
        """The interaction is no longer in the router."""
        del self.calls[name]


def _of(agent: SlowAgent, media: str) -> int:
    return agent.load.get(media, 0)
