"""The router: who gets whom. A pure core: inputs and `now` in, outputs and the next timer out.

Rules:
- Interactions are served by priority, then by arrival time as the request gives it, then by sequence; across
  all virtual queues that share an agent. Where priorities grow, a priority counts as having come earlier, by
  as long as it takes to grow. Queues with weights get their shares of an agent they compete for.
- Of the agents who match, the one who has been ready longest gets the interaction, unless the request asks
  for another order.
- No ready agent and no waiting interaction that may have each other ever stand side by side after an input;
  a threshold that comes true by itself is seen within a second.
- An interaction is waiting or reserved; a reservation has a lease and ends by Confirm, Return, Cancel or
  time. A returned interaction keeps its place; the agent it comes from is passed over while another one who
  works could take it.
- The router believes an agent to be ready only when told so. It never concludes it from the end of a
  reservation.
- An agent never has more interactions of a medium than the capacity rule allows.

An input costs the same however many agents are logged in and however many interactions wait: it touches the
indexes of one agent or the lines of one interaction. The same inputs give the same outputs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from .ewt import Staff
from .explain import explain
from .figures import figure_of
from .groups import GroupCycle, Groups
from .growth import Growth, even
from .matching import Matcher
from .messages import (
    VOICE,
    AgentAway,
    AgentBusy,
    AgentGone,
    AgentReady,
    Cancel,
    ClockStepped,
    Confirm,
    Explanation,
    Extend,
    GroupDefined,
    Handled,
    Input,
    NotTaken,
    Output,
    QueueDefined,
    Refused,
    Remembered,
    Reprioritize,
    Resume,
    Return,
    Submit,
    Worked,
)
from .orders import OrderError
from .plans import Plans
from .pool import AgentPool
from .queue import RESERVED, WAITING, Interaction, VirtualQueue
from .reservations import Reservations
from .skills import Expression, ExpressionError
from .standing import AWAY, BUSY, READY, Index
from .steps import Steps, enter_first
from .thresholds import Threshold
from .timers import DEADLINE, GROW, LEASE, LOOK, RETRY, STEP

LEASE_S = 30.0
RETRY_PAUSE = 5.0


class Router:
    """The routing of one tenant.

    `lease`: seconds that a reservation lasts. `growth`: points of priority gained per second of waiting (0:
    priority always comes before arrival). `retry_pause`: seconds before an agent can get back what he has
    returned. `first_attempt`: a number above all attempts of the time before a restart.
    """

    def __init__(
        self,
        *,
        lease: float = LEASE_S,
        growth: float = 0.0,
        retry_pause: float = RETRY_PAUSE,
        first_attempt: int = 1,
    ) -> None:
        self.pool = AgentPool()
        self.queues: dict[str, VirtualQueue] = {}
        self.interactions: dict[str, Interaction] = {}
        self.groups = Groups()
        self.growth: Growth = even(growth)
        self.plans = Plans(self.pool, self._expand)
        self.past: OrderedDict[str, Interaction] = OrderedDict()
        self.matcher = Matcher(self.pool, self.interactions, self.queues, self._holds, self.growth.rate)
        self.held = Reservations(
            self.pool, self.matcher, self.plans, self.interactions, self.past, lease, retry_pause
        )
        self.held.attempt = first_attempt
        self._steps = Steps(self.held, self.plans, self.queue)
        self._now = 0.0
        self._handlers: dict[type[Any], Callable[[Any, float], None]] = {
            AgentReady: self._on_ready,
            AgentBusy: self._on_busy,
            AgentAway: self._on_away,
            AgentGone: self._on_gone,
            NotTaken: self._on_not_taken,
            Worked: self._on_worked,
            QueueDefined: self._on_defined,
            GroupDefined: self._on_group,
            Submit: self._on_submit,
            Reprioritize: self._on_reprioritize,
            Cancel: self._on_cancel,
            Confirm: self._on_confirm,
            Extend: self._on_extend,
            Return: self._on_return,
            Resume: self._on_resume,
            Handled: self._on_handled,
            Remembered: self._on_remembered,
            ClockStepped: self._on_clock,
        }
        self._due: dict[str, Callable[[Interaction, float], None]] = {
            DEADLINE: self.held.deadline_passed,
            LEASE: self.held.lease_expired,
            RETRY: self.held.retry,
            STEP: self._steps.advance,
            GROW: self.held.grown,
        }

    def handle(self, event: Input, now: float) -> list[Output]:
        """Take one input; the outputs are in the order in which they are to be carried out."""
        self._now = now
        self._handlers[event.__class__](event, now)
        held = self.held
        out = held.out
        if not out:
            return []
        held.out = []
        return out

    def next_timer(self) -> float | None:
        """When `handle_timer` is next needed."""
        if self.pool.building:
            return 0.0
        first = self.held.timers.first()
        return first[0] if first else None

    def handle_timer(self, now: float) -> list[Output]:
        """End the leases and waits that are over, retry what was set aside."""
        self._now = now
        timers = self.held.timers
        while (first := timers.first()) and first[0] <= now:
            timers.discard(first)
            _, kind, name = first
            if kind == LOOK:
                self.held.look(now)
                continue
            interaction = self.interactions.get(name)
            if interaction:
                self._due[kind](interaction, now)
        if self.pool.building:
            for agent in self.pool.build():
                self.held.serve(agent, now)
        return self.held.drain()

    def position(self, name: str) -> int:
        """The place in the virtual queue: 1 is next (or already reserved), 0 is not in a queue."""
        interaction = self.interactions.get(name)
        if interaction is None:
            return 0
        if interaction.state == RESERVED:
            return 1
        return interaction.queue.waiting.rank(interaction.rate, interaction.place, self._now) + 1

    def staff(self, queue: str) -> Staff:
        """The agents who serve a virtual queue."""
        line = self.queues.get(queue)
        index = line.staffed_by if line else None
        return Staff(index.staff, len(index.ready)) if index else Staff(0, 0)

    def explain(self, name: str) -> Explanation | None:
        """Why an interaction is where it is; for those that left, the last thousand are remembered."""
        interaction = self.interactions.get(name) or self.past.get(name)
        return explain(interaction, self.position(name), self._failing) if interaction else None

    def queue(self, name: str) -> VirtualQueue:
        """The virtual queue of that name, made when it is first named."""
        queue = self.queues.get(name)
        if queue is None:
            queue = self.queues[name] = VirtualQueue(name)
        return queue

    # Agents

    def _on_ready(self, event: AgentReady, now: float) -> None:
        agent = self.pool.put(event, READY, event.since, now)
        if agent is not None:
            self.held.serve(agent, now)

    def _on_busy(self, event: AgentBusy, now: float) -> None:
        agent = self.pool.put(event, BUSY, now, now)
        if agent is not None:
            self.held.serve(agent, now)

    def _on_away(self, event: AgentAway, now: float) -> None:
        self.pool.put(event, AWAY, now, now)

    def _on_gone(self, event: AgentGone, now: float) -> None:
        if self.pool.is_news(event.agent, event.version):
            self.pool.remove(event.agent, event.version)

    def _on_not_taken(self, event: NotTaken, now: float) -> None:
        agent = self.pool.agents.get(event.agent)
        if agent and agent.version == event.version and (event.media != VOICE or agent.status == BUSY):
            self.pool.give_back(agent, event.media, now)
            self.held.serve(agent, now)

    def _on_worked(self, event: Worked, now: float) -> None:
        self.pool.recall(event)

    # Definitions

    def _on_defined(self, event: QueueDefined, now: float) -> None:
        queue = self.queue(event.queue)
        queue.weight = max(0.0, event.weight)
        if not event.target:
            return
        try:
            plan = self.plans.open(VOICE, (event.target,))
        except (ExpressionError, GroupCycle) as error:
            self.held.say(Refused(event.queue, str(error)))
            return
        index = plan.wants[0].index
        if index.expression is not None and queue.staffed_by is not index:
            self._staff_queue(queue, index)
            self.plans.renew()
        queue.target = event.target
        self.plans.close(plan)

    def _on_group(self, event: GroupDefined, now: float) -> None:
        try:
            if self.groups.define(event):
                self.plans.renew()
        except GroupCycle as error:
            self.held.say(Refused(event.group, str(error)))

    def _staff_queue(self, queue: VirtualQueue, index: Index) -> None:
        assert index.expression is not None
        old, queue.staffed_by = queue.staffed_by, self.pool.open(index.expression, index.media)
        if old:
            self.pool.close(old)

    def _expand(self, text: str, expression: Expression) -> Expression:
        return self.groups.expand(text, expression, self._served_by)

    def _served_by(self, queue: str) -> Expression | None:
        found = self.queues.get(queue)
        return found.staffed_by.expression if found and found.staffed_by else None

    # Interactions

    def _on_submit(self, event: Submit, now: float) -> None:
        name = event.interaction
        if name in self.interactions or name in self.past:
            return
        queue = self.queues.get(event.queue) or self.queue(event.queue)
        try:
            targets, order = enter_first(event, queue)
            plan = self.plans.open(event.media, targets)
        except (ExpressionError, GroupCycle, OrderError) as error:
            self.held.say(Refused(name, str(error)))
            return
        growth = self.growth if event.growth is None else event.growth
        interaction = Interaction(event, growth, queue, plan, order, now)
        interaction.targets = targets
        self.interactions[name] = interaction
        if queue.staffed_by is None and plan.wants and plan.wants[0].index.expression is not None:
            self._staff_queue(queue, plan.wants[0].index)
        queue.history.enter(now)
        interaction.queued = now
        if growth.interval:
            self.held.watch_growth(interaction, now)
        if event.timeout is not None or event.steps:
            self._steps.begin(interaction, now)
        if interaction.state != WAITING and name in self.interactions:
            self.held.find_or_wait(interaction, now)

    def _on_reprioritize(self, event: Reprioritize, now: float) -> None:
        interaction = self.interactions.get(event.interaction)
        if interaction is not None:
            growth = interaction.growth if event.growth is None else event.growth
            self.held.reprioritize(interaction, event.priority, growth, now)

    def _on_cancel(self, event: Cancel, now: float) -> None:
        interaction = self.interactions.get(event.interaction)
        if interaction:
            self.held.give_up(interaction, event.reason, now)

    def _on_confirm(self, event: Confirm, now: float) -> None:
        interaction = self.held.reserved(event.interaction, event.attempt)
        if interaction is not None:
            self.held.confirm(interaction, now)

    def _on_extend(self, event: Extend, now: float) -> None:
        interaction = self.held.reserved(event.interaction, event.attempt)
        if interaction:
            self.held.extend(interaction, now + event.lease)

    def _on_return(self, event: Return, now: float) -> None:
        interaction = self.held.reserved(event.interaction, event.attempt)
        if interaction:
            interaction.unclaimed = 0
            self.held.requeue(interaction, event.reason, now, exclude=event.exclude)

    def _on_resume(self, event: Resume, now: float) -> None:
        interaction = self.interactions.get(event.interaction)
        if interaction and interaction.state == WAITING:
            self.held.resume(interaction, event, now)

    def _on_handled(self, event: Handled, now: float) -> None:
        self.queue(event.queue).history.handled(event.seconds)

    def _on_remembered(self, event: Remembered, now: float) -> None:
        self.queue(event.queue).history.resume(event.intervals, event.handling)

    def _on_clock(self, event: ClockStepped, now: float) -> None:
        self.held.shift(event.seconds)

    # Thresholds

    def _holds(self, threshold: Threshold, index: Index) -> bool:
        return threshold.holds(figure_of(index, self.queues, self._arrived, self._now))

    def _failing(self, threshold: Threshold, index: Index) -> str:
        return threshold.failing(figure_of(index, self.queues, self._arrived, self._now))

    def _arrived(self, name: str) -> float:
        return self.interactions[name].request.arrived
