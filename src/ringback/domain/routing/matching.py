"""Who may have whom: the lines of waiting interactions by expression, and the search from either side.

Both searches look at the heads of ordered sets and pass over exclusions only, so they cost the same however
many agents are ready and however many interactions wait.
"""

from __future__ import annotations

from collections.abc import Mapping

from .ordered import OrderedSet
from .pool import Agent, AgentPool
from .queue import Interaction, Place


class Matcher:
    """Finds the interaction for an agent and the agent for an interaction."""

    def __init__(self, pool: AgentPool, interactions: Mapping[str, Interaction]) -> None:
        self._pool = pool
        self._interactions = interactions
        self._lines: dict[str, OrderedSet[Place]] = {}

    def join(self, interaction: Interaction) -> None:
        """Stand in the line of each target."""
        for index in interaction.indexes:
            self._lines.setdefault(index.expression.key, OrderedSet()).add(interaction.place)

    def leave(self, interaction: Interaction) -> None:
        """Stand in no line any more."""
        for index in interaction.indexes:
            line = self._lines[index.expression.key]
            line.discard(interaction.place)
            if not line:
                del self._lines[index.expression.key]

    def interaction_for(self, agent: Agent, now: float) -> tuple[Interaction, str] | None:
        """The interaction that comes first in all the lines the agent can serve, with the target."""
        best: tuple[Place, str] | None = None
        for key in agent.keys:
            for place in self._lines.get(key, ()):
                if self._may_have(self._interactions[place[3]], agent.profile.agent, now):
                    best = min(best, (place, key)) if best else (place, key)
                    break
        return (self._interactions[best[0][3]], best[1]) if best else None

    def agent_for(self, interaction: Interaction, now: float) -> tuple[Agent, str] | None:
        """The agent who has been ready longest, for the first target that has one."""
        for index in interaction.indexes:
            for _, name in index.ready:
                if self._may_have(interaction, name, now):
                    return self._pool.agents[name], index.expression.key
        return None

    def _may_have(self, interaction: Interaction, agent: str, now: float) -> bool:
        until = interaction.excluded.get(agent)
        return until is None or (now >= until and self._all_tried(interaction))

    def _all_tried(self, interaction: Interaction) -> bool:
        """Whether no working agent is left who has not been tried."""
        tried = [self._pool.agents[name] for name in interaction.excluded if name in self._pool.agents]
        return not any(
            index.working > sum(agent.working and index.expression.key in agent.keys for agent in tried)
            for index in interaction.indexes
        )
