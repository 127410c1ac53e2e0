"""From waiting to reserved and back: the states of an interaction, its leases, and who is told."""

from __future__ import annotations

from collections import OrderedDict

from msgspec.structs import replace

from ringback.domain.capacity import VOICE_ONLY

from .growth import Growth
from .matching import Matcher
from .messages import VOICE, Diverted, Grown, Left, Output, Release, Requeued, Reserve, Resume
from .ordered import OrderedSet
from .plans import Plans, Want
from .pool import AgentPool
from .queue import NOBODY, RESERVED, WAITING, Interaction
from .standing import AWAY, BUSY, READY, Agent, Index
from .timers import DEADLINE, GROW, LEASE, LOOK, LOOK_S, RETRY, STEP

UNCLAIMED_LIMIT = 5
"""Reservations in a row that nobody followed up: then whoever asked is gone."""
REMEMBERED = 1024


class Reservations:
    """Carries out what the matcher finds. `timers` are (when, what, interaction)."""

    def __init__(
        self,
        pool: AgentPool,
        matcher: Matcher,
        plans: Plans,
        interactions: dict[str, Interaction],
        past: OrderedDict[str, Interaction],
        lease: float,
        retry_pause: float,
    ) -> None:
        self._pool = pool
        self._matcher = matcher
        self._plans = plans
        self._interactions = interactions
        self._past = past
        self.lease = lease
        self.retry_pause = retry_pause
        self.out: list[Output] = []
        self.looking = False
        self.timers: OrderedSet[tuple[float, str, str]] = OrderedSet()
        self.attempt = 1

    def say(self, output: Output) -> None:
        """Something to be carried out."""
        self.out.append(output)

    def drain(self) -> list[Output]:
        """What is to be carried out since the last time."""
        out, self.out = self.out, []
        return out

    # Finding

    def serve(self, agent: Agent, now: float) -> None:
        """Give an agent who stands in no index what waits, and let the agent stand there if something is
        left.
        """
        pool, matcher = self._pool, self._matcher
        if agent.status == AWAY:
            return
        if not matcher.special:
            if agent.rule is VOICE_ONLY:
                self._serve_with_a_call(agent, now)
                return
            pool.unsettle(agent)
            while (media := agent.may_have()) and (found := matcher.interaction_for(agent, media, now)):
                self._reserve(found[0], agent, found[1], now)
            pool.settle(agent)
            return
        if not agent.open:
            pool.settle(agent)
        while agent.open and (found := matcher.interaction_for(agent, agent.open, now)):
            if not self.seek(found[0], now):
                return

    def _serve_with_a_call(self, agent: Agent, now: float) -> None:
        """What most agents take: one call, and then nothing."""
        if agent.status != READY:
            return
        if agent.open:
            self._pool.unsettle(agent)
        found = self._matcher.interaction_for(agent, None, now)
        if found is None:
            self._pool.settle(agent)
        else:
            self._reserve(found[0], agent, found[1], now)

    def find_or_wait(self, interaction: Interaction, now: float) -> None:
        """A newcomer: straight to an agent, or into the line."""
        if not self.seek(interaction, now):
            self.stand_in_line(interaction, now)

    def seek(self, interaction: Interaction, now: float) -> bool:
        """Look for an agent; whether there was one (or a device)."""
        found = self._matcher.agent_for(interaction, now)
        if found is None:
            return False
        agent, want = found
        if agent is None:
            self._divert(interaction, want, now)
        else:
            self._reserve(interaction, agent, want.index, now)
            self._pool.settle(agent)
        return True

    def look(self, now: float) -> None:
        """Thresholds may have come true."""
        self.looking = False
        for line in list(self._matcher.watched.values()):
            while (place := line.places.first()) and self.seek(self._interactions[place[3]], now):
                pass
        self._look_again(now)

    def _look_again(self, now: float) -> None:
        if self._matcher.watched and not self.looking:
            self.looking = True
            self.timers.add((now + LOOK_S, LOOK, ""))

    def _reserve(self, interaction: Interaction, agent: Agent, index: Index, now: float) -> None:
        request, name = interaction.request, agent.profile.agent
        attempt, self.attempt = self.attempt, self.attempt + 1
        if interaction.excluded and name in interaction.excluded:
            interaction.excluded = NOBODY
        ready = len(index.ready) or 1
        others = self._matcher.others(index, interaction.order, name) if ready > 1 else ()
        interaction.note(now, "reserved", name, index.key, now - agent.since, ready, others)
        until = now + (self.lease if request.lease is None else request.lease)
        self._bind(interaction, name, attempt, until)
        media = request.media
        if media == VOICE and agent.rule is VOICE_ONLY:
            self._pool.turn(agent, BUSY, now, now)
        else:
            self._pool.take(agent, media, now)
        queue, waited = interaction.queue.name, now - request.arrived
        self.out.append(
            Reserve(request.interaction, name, attempt, agent.version, queue, index.key, until, waited, media)
        )

    def _divert(self, interaction: Interaction, want: Want, now: float) -> None:
        name, queue = interaction.request.interaction, interaction.queue.name
        waited = now - interaction.request.arrived
        interaction.note(now, "diverted", want.device, want.text)
        self._leave_line(interaction)
        self.out.append(Diverted(name, queue, want.text, want.device, waited))
        self._leave(interaction, "diverted", now)

    # States

    def stand_in_line(self, interaction: Interaction, now: float) -> None:
        """Wait at the place."""
        interaction.state = WAITING
        self._matcher.join(interaction)
        interaction.queue.waiting.add(interaction.rate, interaction.place)
        if self._matcher.watched:
            self._look_again(now)

    def _leave_line(self, interaction: Interaction) -> None:
        if interaction.state == WAITING:
            interaction.queue.waiting.discard(interaction.rate, interaction.place)
            self._matcher.leave(interaction)

    def step_aside(self, interaction: Interaction) -> bool:
        """Out of the line for a change; whether the interaction stood there."""
        waiting = interaction.state == WAITING
        self._leave_line(interaction)
        return waiting

    def _bind(self, interaction: Interaction, agent: str, attempt: int, lease_until: float) -> None:
        queue = interaction.queue
        if interaction.state == WAITING:
            queue.waiting.discard(interaction.rate, interaction.place)
            self._matcher.leave(interaction)
            if queue.weight:
                self._matcher.count(interaction)
        interaction.state = RESERVED
        interaction.agent, interaction.attempt, interaction.lease_until = agent, attempt, lease_until
        queue.reserved += 1
        self.timers.add((lease_until, LEASE, interaction.request.interaction))

    def reserved(self, name: str, attempt: int) -> Interaction | None:
        """The interaction that this attempt holds, if it still does."""
        interaction = self._interactions.get(name)
        if interaction is None or interaction.attempt != attempt or interaction.state != RESERVED:
            return None
        return interaction

    def _end_reservation(self, interaction: Interaction) -> None:
        self.timers.discard((interaction.lease_until, LEASE, interaction.request.interaction))
        interaction.queue.reserved -= 1

    def confirm(self, interaction: Interaction, now: float) -> None:
        """The reservation has become a conversation."""
        agent = self._pool.agents.get(interaction.agent or "")
        if agent is not None:
            agent.calls += 1
        self.timers.discard((interaction.lease_until, LEASE, interaction.request.interaction))
        interaction.queue.reserved -= 1
        self._leave(interaction, "routed", now)

    def extend(self, interaction: Interaction, until: float) -> None:
        """The reservation lasts until then."""
        interaction.unclaimed = 0
        self.timers.discard((interaction.lease_until, LEASE, interaction.request.interaction))
        interaction.lease_until = until
        self.timers.add((until, LEASE, interaction.request.interaction))

    def resume(self, interaction: Interaction, event: Resume, now: float) -> None:
        """A reservation of before a restart."""
        self.attempt = max(self.attempt, event.attempt + 1)
        interaction.note(now, "resumed", event.agent)
        self._bind(interaction, event.agent, event.attempt, event.lease_until)

    def requeue(self, interaction: Interaction, reason: str, now: float, *, exclude: bool) -> None:
        """The reservation came to nothing: back to the same place."""
        name, agent = interaction.request.interaction, interaction.agent
        assert agent is not None
        self._end_reservation(interaction)
        interaction.agent = None
        interaction.note(now, "returned", agent, reason)
        if exclude:
            if not interaction.excluded:
                self.timers.add((now + self.retry_pause, RETRY, name))
            interaction.excluded = {**interaction.excluded, agent: now + self.retry_pause}
        self.stand_in_line(interaction, now)
        self.out.append(Requeued(name, interaction.queue.name, reason))
        if interaction.deadline is not None and interaction.deadline <= now:
            self.give_up(interaction, "timeout", now)
        else:
            self.seek(interaction, now)

    def reprioritize(self, interaction: Interaction, priority: int, growth: Growth, now: float) -> None:
        """Another priority or growth: another place, from the same arrival time."""
        request = interaction.request
        if request.priority == priority and interaction.growth == growth:
            return
        self.rank(interaction, priority, growth, now)
        interaction.note(now, "priority", interaction.priority)

    def rank(self, interaction: Interaction, priority: int, growth: Growth, now: float) -> None:
        """Stand where this priority belongs, and grow from there."""
        waiting = self.step_aside(interaction)
        self.place(interaction, priority, growth, now)
        if waiting:
            self.stand_in_line(interaction, now)

    def place(self, interaction: Interaction, priority: int, growth: Growth, now: float) -> None:
        """As `rank`, for one who stands in no line."""
        interaction.request = replace(interaction.request, priority=priority)
        interaction.grow(growth, now)
        self.watch_growth(interaction, now)

    def watch_growth(self, interaction: Interaction, now: float) -> None:
        """Set the timer of the next step, if there is one."""
        name, at = interaction.request.interaction, interaction.next_growth(now)
        if interaction.grows_at is not None:
            self.timers.discard((interaction.grows_at, GROW, name))
        interaction.grows_at = at
        if at is not None:
            self.timers.add((at, GROW, name))

    def grown(self, interaction: Interaction, now: float) -> None:
        """A step of the growth is due."""
        before = interaction.priority
        self.rank(interaction, interaction.request.priority, interaction.growth, now)
        if interaction.priority != before:
            interaction.note(now, "priority", interaction.priority)
            self.out.append(Grown(interaction.request.interaction, interaction.priority))

    def give_up(self, interaction: Interaction, reason: str, now: float) -> None:
        """The interaction leaves without an agent; one that is held is let go."""
        if interaction.state == RESERVED:
            assert interaction.agent is not None
            name = interaction.request.interaction
            self.out.append(Release(name, interaction.agent, interaction.attempt, reason))
            self._end_reservation(interaction)
        else:
            self._leave_line(interaction)
        self._leave(interaction, reason, now)

    def _leave(self, interaction: Interaction, outcome: str, now: float) -> None:
        request, queue, plan, past = interaction.request, interaction.queue, interaction.plan, self._past
        name = request.interaction
        if interaction.deadline is not None:
            self.timers.discard((interaction.deadline, DEADLINE, name))
        if interaction.step_due is not None:
            self.timers.discard((interaction.step_due, STEP, name))
        if interaction.grows_at is not None:
            self.timers.discard((interaction.grows_at, GROW, name))
        interaction.left, interaction.outcome = now, outcome
        del self._interactions[name]
        queue.history.quit(now, outcome == "routed")
        plan.users -= 1
        if not plan.users:
            self._plans.unused(plan)
        past[name] = interaction
        if len(past) > REMEMBERED:
            past.popitem(last=False)
        self.out.append(Left(name, queue.name, outcome, now - request.arrived))

    # Time

    def deadline_passed(self, interaction: Interaction, now: float) -> None:
        """The wait was too long; a reservation may still come to something."""
        if interaction.state == WAITING:
            self.give_up(interaction, "timeout", now)

    def lease_expired(self, interaction: Interaction, now: float) -> None:
        """Nobody has followed up the reservation."""
        assert interaction.agent is not None
        interaction.unclaimed += 1
        if interaction.unclaimed >= UNCLAIMED_LIMIT:
            self.give_up(interaction, "unclaimed", now)
            return
        name = interaction.request.interaction
        self.out.append(Release(name, interaction.agent, interaction.attempt, "lease_expired"))
        self.requeue(interaction, "lease_expired", now, exclude=True)

    def retry(self, interaction: Interaction, now: float) -> None:
        """Those who had it may have it again, when all others had it too."""
        if interaction.state == WAITING and interaction.excluded and not self.seek(interaction, now):
            self.timers.add((now + self.retry_pause, RETRY, interaction.request.interaction))

    def shift(self, seconds: float) -> None:
        """The clock was set by so much: every end moves along."""
        moved = [(when + seconds, kind, name) for when, kind, name in self.timers]
        self.timers = OrderedSet()
        for timer in moved:
            self.timers.add(timer)
        for interaction in self._interactions.values():
            interaction.lease_until += seconds
            if interaction.deadline is not None:
                interaction.deadline += seconds
            if interaction.step_due is not None:
                interaction.step_due += seconds
            if interaction.grows_at is not None:
                interaction.grows_at += seconds
            interaction.since += seconds
            if interaction.excluded:
                interaction.excluded = {name: at + seconds for name, at in interaction.excluded.items()}
