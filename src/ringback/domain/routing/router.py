"""The router: who gets whom. A pure core: inputs and `now` in, outputs and the next timer out.

Rules:
- Interactions are served by priority, then by arrival time as the request gives it, then by sequence; across
  all virtual queues that share an agent.
- Of the agents who match, the one who has been ready longest gets the interaction.
- No ready agent and no waiting interaction that may have each other ever stand side by side after an input.
- An interaction is waiting or reserved; a reservation has a lease and ends by Confirm, Return, Cancel or
  time. A returned interaction keeps its place; the agent it comes from is passed over while another one who
  works could take it.
- The router believes an agent to be ready only when told so. It never concludes it from the end of a
  reservation.

An input costs the same however many agents are logged in and however many interactions wait: it touches the
indexes of one agent or the lines of one interaction. The same inputs give the same outputs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from .ewt import Staff
from .explain import explain
from .matching import Matcher
from .messages import (
    AgentAway,
    AgentBusy,
    AgentGone,
    AgentReady,
    Cancel,
    Confirm,
    Explanation,
    Extend,
    Handled,
    Input,
    Left,
    NotTaken,
    Output,
    QueueDefined,
    Refused,
    Release,
    Reprioritize,
    Requeued,
    Reserve,
    Resume,
    Return,
    Submit,
)
from .ordered import OrderedSet
from .pool import AWAY, BUSY, READY, Agent, AgentPool
from .queue import RESERVED, WAITING, Interaction, VirtualQueue, place_of
from .skills import Expression, ExpressionError, parse_target

LEASE = 30.0
RETRY_PAUSE = 5.0
UNCLAIMED_LIMIT = 5
"""Reservations in a row that nobody followed up: then whoever asked is gone."""
REMEMBERED = 1024

_DEADLINE, _LEASE, _RETRY = "deadline", "lease", "retry"

_parse: Callable[[str], Expression] = lru_cache(maxsize=4096)(parse_target)


class Router:
    """The routing of one tenant.

    `lease`: seconds that a reservation lasts. `growth`: points of priority gained per second of waiting (0:
    priority always comes before arrival). `retry_pause`: seconds before an agent can get back what he has
    returned. `first_attempt`: a number above all attempts of the time before a restart.
    """

    def __init__(
        self,
        *,
        lease: float = LEASE,
        growth: float = 0.0,
        retry_pause: float = RETRY_PAUSE,
        first_attempt: int = 1,
    ) -> None:
        self.pool = AgentPool()
        self.queues: dict[str, VirtualQueue] = {}
        self.interactions: dict[str, Interaction] = {}
        self._lease = lease
        self._growth = growth
        self._retry_pause = retry_pause
        self._attempt = first_attempt
        self._matcher = Matcher(self.pool, self.interactions)
        self._timers: OrderedSet[tuple[float, str, str]] = OrderedSet()
        self._past: OrderedDict[str, Explanation] = OrderedDict()
        self._out: list[Output] = []
        self._handlers: dict[type[Any], Callable[[Any, float], None]] = {
            AgentReady: partial(self._on_agent, READY),
            AgentBusy: partial(self._on_agent, BUSY),
            AgentAway: partial(self._on_agent, AWAY),
            AgentGone: self._on_gone,
            NotTaken: self._on_not_taken,
            QueueDefined: self._on_defined,
            Submit: self._on_submit,
            Reprioritize: self._on_reprioritize,
            Cancel: self._on_cancel,
            Confirm: self._on_confirm,
            Extend: self._on_extend,
            Return: self._on_return,
            Resume: self._on_resume,
            Handled: self._on_handled,
        }

    def handle(self, event: Input, now: float) -> list[Output]:
        """Take one input; the outputs are in the order in which they are to be carried out."""
        self._handlers[type(event)](event, now)
        return self._drain()

    def next_timer(self) -> float | None:
        """When `handle_timer` is next needed."""
        first = self._timers.first()
        return first[0] if first else None

    def handle_timer(self, now: float) -> list[Output]:
        """End the leases and waits that are over, retry what was set aside."""
        due = {_DEADLINE: self._deadline_passed, _LEASE: self._lease_expired, _RETRY: self._retry}
        while (first := self._timers.first()) and first[0] <= now:
            self._timers.discard(first)
            _, kind, name = first
            interaction = self.interactions.get(name)
            if interaction:
                due[kind](interaction, now)
        return self._drain()

    def position(self, name: str) -> int:
        """The place in the virtual queue: 1 is next (or already reserved), 0 is not in a queue."""
        interaction = self.interactions.get(name)
        if interaction is None:
            return 0
        if interaction.state == RESERVED:
            return 1
        return self.queues[interaction.request.queue].waiting.rank(interaction.place) + 1

    def staff(self, queue: str) -> Staff:
        """The agents who serve a virtual queue."""
        line = self.queues.get(queue)
        index = line.staffed_by if line else None
        return Staff(index.staff, len(index.ready)) if index else Staff(0, 0)

    def explain(self, name: str) -> Explanation | None:
        """Why an interaction is where it is; for those that left, the last thousand are remembered."""
        interaction = self.interactions.get(name)
        return (
            explain(interaction, interaction.state, self.position(name))
            if interaction
            else self._past.get(name)
        )

    # Agents

    def _on_agent(self, status: str, event: AgentReady | AgentBusy | AgentAway, now: float) -> None:
        if not self.pool.is_news(event.agent, event.version):
            return
        since = event.since if isinstance(event, AgentReady) else now
        agent = self.pool.put(event.agent, status, since, event.skills, event.groups)
        if status == READY:
            self._serve(agent, now)

    def _on_gone(self, event: AgentGone, now: float) -> None:
        if self.pool.is_news(event.agent, event.version):
            self.pool.remove(event.agent)

    def _on_not_taken(self, event: NotTaken, now: float) -> None:
        agent = self.pool.agents.get(event.agent)
        if agent and agent.version == event.version and agent.status == BUSY:
            self.pool.move(agent, READY, agent.ready_since)
            self._serve(agent, now)

    # Interactions

    def _on_defined(self, event: QueueDefined, now: float) -> None:
        try:
            expression = _parse(event.target)
        except ExpressionError as error:
            self._out.append(Refused(event.queue, str(error)))
            return
        self._staff_queue(self.queue(event.queue), expression)

    def _on_submit(self, event: Submit, now: float) -> None:
        if event.interaction in self.interactions:
            return
        try:
            expressions = list({(e := _parse(text)).key: e for text in event.targets}.values())
        except ExpressionError as error:
            self._out.append(Refused(event.interaction, str(error)))
            return
        queue = self.queue(event.queue)
        if expressions and queue.staffed_by is None:
            self._staff_queue(queue, expressions[0])
        indexes = tuple(self.pool.open(expression) for expression in expressions)
        interaction = Interaction(event, place_of(event, self._growth), indexes, now)
        self.interactions[event.interaction] = interaction
        queue.history.enter(now)
        if event.timeout is not None:
            interaction.deadline = now + event.timeout
            self._timers.add((interaction.deadline, _DEADLINE, event.interaction))
        interaction.note(now, f"queued in {event.queue}")
        self._stand_in_line(interaction)
        self._seek(interaction, now)

    def _on_reprioritize(self, event: Reprioritize, now: float) -> None:
        interaction = self.interactions.get(event.interaction)
        if interaction is None or interaction.request.priority == event.priority:
            return
        waiting = interaction.state == WAITING
        if waiting:
            self._leave_line(interaction)
        interaction.request = replace(interaction.request, priority=event.priority)
        interaction.place = place_of(interaction.request, self._growth)
        interaction.note(now, f"priority {event.priority}")
        if waiting:
            self._stand_in_line(interaction)

    def _on_cancel(self, event: Cancel, now: float) -> None:
        interaction = self.interactions.get(event.interaction)
        if interaction:
            self._give_up(interaction, event.reason, now)

    def _on_confirm(self, event: Confirm, now: float) -> None:
        interaction = self._reserved(event.interaction, event.attempt)
        if interaction:
            self._end_reservation(interaction)
            self._leave(interaction, "routed", now)

    def _on_extend(self, event: Extend, now: float) -> None:
        interaction = self._reserved(event.interaction, event.attempt)
        if interaction:
            interaction.unclaimed = 0
            self._timers.discard((interaction.lease_until, _LEASE, event.interaction))
            interaction.lease_until = now + event.lease
            self._timers.add((interaction.lease_until, _LEASE, event.interaction))

    def _on_return(self, event: Return, now: float) -> None:
        interaction = self._reserved(event.interaction, event.attempt)
        if interaction:
            interaction.unclaimed = 0
            self._requeue(interaction, event.reason, now, exclude=event.exclude)

    def _on_resume(self, event: Resume, now: float) -> None:
        interaction = self.interactions.get(event.interaction)
        if interaction and interaction.state == WAITING:
            self._attempt = max(self._attempt, event.attempt + 1)
            self._bind(interaction, event.agent, event.attempt, event.lease_until)

    def _on_handled(self, event: Handled, now: float) -> None:
        self.queue(event.queue).history.handled(event.seconds)

    # Timers

    def _deadline_passed(self, interaction: Interaction, now: float) -> None:
        if interaction.state == WAITING:
            self._give_up(interaction, "timeout", now)

    def _lease_expired(self, interaction: Interaction, now: float) -> None:
        assert interaction.agent is not None
        interaction.unclaimed += 1
        if interaction.unclaimed >= UNCLAIMED_LIMIT:
            self._give_up(interaction, "unclaimed", now)
            return
        name = interaction.request.interaction
        self._out.append(Release(name, interaction.agent, interaction.attempt, "lease_expired"))
        self._requeue(interaction, "lease_expired", now, exclude=True)

    def _retry(self, interaction: Interaction, now: float) -> None:
        if interaction.state == WAITING and interaction.excluded:
            self._seek(interaction, now)
            if interaction.state == WAITING:
                self._timers.add((now + self._retry_pause, _RETRY, interaction.request.interaction))

    # Reservations

    def _serve(self, agent: Agent, now: float) -> None:
        found = self._matcher.interaction_for(agent, now)
        if found:
            self._reserve(found[0], agent, found[1], now)

    def _seek(self, interaction: Interaction, now: float) -> None:
        found = self._matcher.agent_for(interaction, now)
        if found:
            self._reserve(interaction, found[0], found[1], now)

    def _reserve(self, interaction: Interaction, agent: Agent, target: str, now: float) -> None:
        request, name = interaction.request, agent.profile.agent
        attempt, self._attempt = self._attempt, self._attempt + 1
        if name in interaction.excluded:
            interaction.excluded.clear()
        ready = len(self.pool.ready_of(target))
        interaction.note(
            now, f"reserved {name} for {target}: ready for {now - agent.since:.1f} s, 1 of {ready}"
        )
        lease = self._lease if request.lease is None else request.lease
        self._bind(interaction, name, attempt, now + lease)
        self.pool.move(agent, BUSY, now)
        waited = now - request.arrived
        self._out.append(
            Reserve(
                request.interaction,
                name,
                attempt,
                agent.version,
                request.queue,
                target,
                interaction.lease_until,
                waited,
            )
        )

    # Places

    def queue(self, name: str) -> VirtualQueue:
        """The virtual queue of that name, made when it is first named."""
        queue = self.queues.get(name)
        if queue is None:
            queue = self.queues[name] = VirtualQueue(name)
        return queue

    def _staff_queue(self, queue: VirtualQueue, expression: Expression) -> None:
        old, queue.staffed_by = queue.staffed_by, self.pool.open(expression)
        if old:
            self.pool.close(old)

    def _stand_in_line(self, interaction: Interaction) -> None:
        interaction.state = WAITING
        self.queues[interaction.request.queue].waiting.add(interaction.place)
        self._matcher.join(interaction)

    def _leave_line(self, interaction: Interaction) -> None:
        self.queues[interaction.request.queue].waiting.discard(interaction.place)
        self._matcher.leave(interaction)

    def _bind(self, interaction: Interaction, agent: str, attempt: int, lease_until: float) -> None:
        self._leave_line(interaction)
        interaction.state = RESERVED
        interaction.agent, interaction.attempt, interaction.lease_until = agent, attempt, lease_until
        self.queues[interaction.request.queue].reserved += 1
        self._timers.add((lease_until, _LEASE, interaction.request.interaction))

    def _reserved(self, name: str, attempt: int) -> Interaction | None:
        interaction = self.interactions.get(name)
        valid = interaction and interaction.state == RESERVED and interaction.attempt == attempt
        return interaction if valid else None

    def _end_reservation(self, interaction: Interaction) -> None:
        self._timers.discard((interaction.lease_until, _LEASE, interaction.request.interaction))
        self.queues[interaction.request.queue].reserved -= 1

    def _requeue(self, interaction: Interaction, reason: str, now: float, *, exclude: bool) -> None:
        name, agent = interaction.request.interaction, interaction.agent
        assert agent is not None
        self._end_reservation(interaction)
        interaction.agent = None
        interaction.note(now, f"returned from {agent}: {reason}")
        if exclude:
            if not interaction.excluded:
                self._timers.add((now + self._retry_pause, _RETRY, name))
            interaction.excluded[agent] = now + self._retry_pause
        self._stand_in_line(interaction)
        self._out.append(Requeued(name, interaction.request.queue, reason))
        if interaction.deadline is not None and interaction.deadline <= now:
            self._give_up(interaction, "timeout", now)
        else:
            self._seek(interaction, now)

    def _give_up(self, interaction: Interaction, reason: str, now: float) -> None:
        if interaction.state == RESERVED:
            assert interaction.agent is not None
            name = interaction.request.interaction
            self._out.append(Release(name, interaction.agent, interaction.attempt, reason))
            self._end_reservation(interaction)
        else:
            self._leave_line(interaction)
        self._leave(interaction, reason, now)

    def _leave(self, interaction: Interaction, outcome: str, now: float) -> None:
        request = interaction.request
        if interaction.deadline is not None:
            self._timers.discard((interaction.deadline, _DEADLINE, request.interaction))
        interaction.note(now, f"left: {outcome}")
        del self.interactions[request.interaction]
        self.queues[request.queue].history.quit(now, routed=outcome == "routed")
        for index in interaction.indexes:
            self.pool.close(index)
        self._past[request.interaction] = explain(interaction, outcome, 0)
        if len(self._past) > REMEMBERED:
            self._past.popitem(last=False)
        self._out.append(Left(request.interaction, request.queue, outcome, now - request.arrived))

    def _drain(self) -> list[Output]:
        out, self._out = self._out, []
        return out
