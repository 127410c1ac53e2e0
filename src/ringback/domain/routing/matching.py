"""Who may have whom: the search from either side.

Both searches look at the heads of ordered sets and pass over exclusions only, so they cost the same however
many agents are ready and however many interactions wait.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

from .lines import Line, Place
from .orders import PERCENTAGE, parse_order
from .plans import Want
from .pool import AgentPool
from .queue import Interaction, VirtualQueue
from .standing import Agent, Index
from .thresholds import Threshold

Holds = Callable[[Threshold, Index], bool]
REMEMBERED_SHARES = 1024


class Matcher:
    """Finds the interaction for an agent and the agent for an interaction.

    `special` counts lines with a threshold, a share or a growth of their own: while there is none, one place
    compares with any other. `watched` are the lines whose threshold may come true by itself.
    """

    def __init__(
        self,
        pool: AgentPool,
        interactions: Mapping[str, Interaction],
        queues: Mapping[str, VirtualQueue],
        holds: Holds,
        growth: float,
    ) -> None:
        self._pool = pool
        self._interactions = interactions
        self._queues = queues
        self._holds = holds
        self._growth = growth
        self.special = 0
        self.served = 0.0
        self.shares: OrderedDict[tuple[str, ...], dict[str, float]] = OrderedDict()
        self.watched: dict[int, Line] = {}

    def join(self, interaction: Interaction) -> None:
        """Stand in the line of each target."""
        queue, rate, place = interaction.queue, interaction.rate, interaction.place
        share = queue.name if queue.weight else ""
        lines: list[Line] = []
        for want in interaction.plan.wants:
            index, key = want.index, (want.line_key, share, rate)
            line = index.lines.get(key)
            if line is None:
                line = Line(index, key, want.threshold)
                index.begin(line)
                self._begin(line)
            line.places.add(place)
            lines.append(line)
        interaction.lines = tuple(lines)
        if share and len(queue.waiting) == 0:
            queue.served = max(queue.served, self.served)

    def leave(self, interaction: Interaction) -> None:
        """Stand in no line any more."""
        place = interaction.place
        for line in interaction.lines:
            places = line.places
            places.discard(place)
            if not places.buckets and line.index.end(line):
                self._end(line)
        interaction.lines = ()

    def interaction_for(
        self, agent: Agent, media: frozenset[str] | None, now: float
    ) -> tuple[Interaction, Index] | None:
        """The interaction that comes first in all the lines that the agent can serve in these media; None: in
        all that the agent ever gets.
        """
        if self.special:
            return self._among_special(agent, media, now)
        best: Place | None = None
        best_index: Index | None = None
        for index in agent.indexes:
            if index.queue and (media is None or index.media in media):
                for line in index.queue:
                    place = line.places.buckets[0][0]
                    if best is None or place < best:
                        best, best_index = place, index
        if best is None or best_index is None:
            return None
        first = self._interactions[best[3]]
        return self._past_excluded(agent, media, now) if first.excluded else (first, best_index)

    def _past_excluded(
        self, agent: Agent, media: frozenset[str] | None, now: float
    ) -> tuple[Interaction, Index] | None:
        """As `interaction_for`, passing over those who had this agent already."""
        best: tuple[Interaction, Index] | None = None
        for index in agent.indexes:
            if media is None or index.media in media:
                for line in index.queue:
                    first = self._first_for(agent, line, now)
                    if first is not None and (best is None or first.place < best[0].place):
                        best = first, index
        return best

    def agent_for(self, interaction: Interaction, now: float) -> tuple[Agent | None, Want] | None:
        """Who is chosen for an interaction: an agent, or None with a target that is a device."""
        if interaction.order == PERCENTAGE:
            return self._by_share(interaction, now)
        for want in interaction.plan.wants:
            found = self._of_want(want, interaction, now)
            if found is not None:
                return found
        return None

    def count(self, interaction: Interaction) -> None:
        """The interaction has been given out of its line: its queue, one with a weight, has had a part of the
        agents' work.
        """
        queue = interaction.queue
        self.served = max(self.served, queue.served)
        queue.served += 1.0 / queue.weight

    def others(self, want_index: Index, order: str, agent: str) -> tuple[str, ...]:
        """Who would have come next, for `explain`."""
        value = parse_order(order) if order else None
        free = want_index.ready if value is None else want_index.in_order(order, value, self._pool.agents)
        return tuple([standing[2] for standing in free.head(4) if standing[2] != agent][:3])

    def _of_want(self, want: Want, interaction: Interaction, now: float) -> tuple[Agent | None, Want] | None:
        index = want.index
        if want.threshold is not None and not self._holds(want.threshold, index):
            return None
        if want.device:
            return None, want
        if not index.ready.buckets:
            return None
        value = parse_order(interaction.order) if interaction.order else None
        free = index.ready if value is None else index.in_order(interaction.order, value, self._pool.agents)
        if not interaction.excluded:
            return self._pool.agents[free.buckets[0][0][2]], want
        for standing in free:
            if self._may_have(interaction, standing[2], now):
                return self._pool.agents[standing[2]], want
        return None

    def _by_share(self, interaction: Interaction, now: float) -> tuple[Agent | None, Want] | None:
        """Of the targets that can take it, the one that is furthest behind its share: each has its weight
        added, the first gets the interaction and pays the sum. Where no target has a weight, all have the
        same.
        """
        able = [found for want in interaction.plan.wants if (found := self._of_want(want, interaction, now))]
        if not able:
            return None
        key = interaction.plan.key[1]
        credit = self.shares.setdefault(key, {})
        self.shares.move_to_end(key)
        if len(self.shares) > REMEMBERED_SHARES:
            self.shares.popitem(last=False)
        weighted = any(want.weight > 0 for want in interaction.plan.wants)
        weights = [max(found[1].weight, 0.0) if weighted else 1.0 for found in able]
        whole = sum(weights)
        for (_, want), weight in zip(able, weights, strict=True):
            credit[want.text] = credit.get(want.text, 0.0) + weight
        chosen = max(able, key=lambda found: credit[found[1].text])
        credit[chosen[1].text] -= whole
        return chosen

    def _among_special(
        self, agent: Agent, media: frozenset[str] | None, now: float
    ) -> tuple[Interaction, Index] | None:
        best: tuple[Place, Interaction, Index] | None = None
        shared: tuple[float, Place, Interaction, Index] | None = None
        for index in agent.indexes:
            if not index.queue or (media is not None and index.media not in media):
                continue
            for line in index.queue:
                if line.threshold is not None and not self._holds(line.threshold, index):
                    continue
                first = self._first_for(agent, line, now)
                if first is None:
                    continue
                urgency = line.urgency(first.place, now)
                if line.share:
                    candidate = (self._queues[line.share].served, urgency, first, index)
                    if shared is None or candidate[:2] < shared[:2]:
                        shared = candidate
                elif best is None or urgency < best[0]:
                    best = (urgency, first, index)
        if shared is not None and (best is None or shared[1] < best[0]):
            best = shared[1:]
        return best[1:] if best else None

    def _first_for(self, agent: Agent, line: Line, now: float) -> Interaction | None:
        for place in line.places:
            interaction = self._interactions[place[3]]
            if not interaction.excluded or self._may_have(interaction, agent.profile.agent, now):
                return interaction
        return None

    def _may_have(self, interaction: Interaction, agent: str, now: float) -> bool:
        until = interaction.excluded.get(agent)
        return until is None or (now >= until and self._all_tried(interaction))

    def _all_tried(self, interaction: Interaction) -> bool:
        """Whether no working agent is left who has not been tried."""
        tried = [self._pool.agents[name] for name in interaction.excluded if name in self._pool.agents]
        return not any(
            want.index.working > sum(agent.working and want.index in agent.indexes for agent in tried)
            for want in interaction.plan.wants
        )

    def _begin(self, line: Line) -> None:
        self.special += not line.plain or line.growth != self._growth
        if line.threshold is not None:
            self.watched[id(line)] = line

    def _end(self, line: Line) -> None:
        self.special -= not line.plain or line.growth != self._growth
        self.watched.pop(id(line), None)
