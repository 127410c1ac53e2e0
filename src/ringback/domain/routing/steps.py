"""Widening: the steps by which an interaction asks for more agents, or others, the longer it waits."""

from __future__ import annotations

from collections.abc import Callable

from .groups import GroupCycle
from .messages import Moved, Step, Submit
from .orders import OrderError, parse_order
from .plans import Plan, Plans
from .queue import RESERVED, Interaction, VirtualQueue
from .reservations import Reservations
from .skills import ExpressionError
from .timers import DEADLINE, STEP


def enter_first(request: Submit, queue: VirtualQueue) -> tuple[tuple[str, ...], str]:
    """The targets and the order with which a request begins; without targets, those who serve its queue.
    Raises OrderError.
    """
    if not request.steps:
        return request.targets or queue.own_target, ""
    first = request.steps[0]
    for step in request.steps:
        parse_order(step.order)
    return first.targets or request.targets or queue.own_target, first.order


class Steps:
    """Leads interactions from step to step."""

    def __init__(self, held: Reservations, plans: Plans, queue: Callable[[str], VirtualQueue]) -> None:
        self._held = held
        self._plans = plans
        self._queue = queue

    def begin(self, interaction: Interaction, now: float) -> None:
        """Set the timers of a new interaction; one that was submitted earlier is led to where it would be."""
        request = interaction.request
        began = now if request.submitted is None else min(request.submitted, now)
        if request.timeout is not None:
            self._deadline(interaction, began + request.timeout)
        if not request.steps:
            return
        first = request.steps[0]
        if first.priority is not None:
            self._held.place(interaction, first.priority, interaction.growth, now)
        self._wait(interaction, began)
        while interaction.step_due is not None and interaction.step_due <= now:
            self._held.timers.discard((interaction.step_due, STEP, request.interaction))
            self._enter_next(interaction, now)

    def advance(self, interaction: Interaction, now: float) -> None:
        """The time of the step is over."""
        waiting = self._held.step_aside(interaction)
        self._enter_next(interaction, now)
        if waiting:
            self._held.stand_in_line(interaction, now)
            self._held.seek(interaction, now)

    def _enter_next(self, interaction: Interaction, now: float) -> None:
        ended = interaction.step_due
        assert ended is not None
        interaction.step += 1
        step = interaction.request.steps[interaction.step]
        if step.queue and step.queue != interaction.queue.name:
            self._move(interaction, self._queue(step.queue), now)
        self._widen(interaction, step, now)
        if step.priority is not None:
            self._held.place(interaction, step.priority, interaction.growth, now)
        interaction.order = step.order or interaction.order
        self._wait(interaction, ended)

    def _wait(self, interaction: Interaction, since: float) -> None:
        """When the present step ends: the next one follows, or after the last the wait is over."""
        steps = interaction.request.steps
        timeout = steps[interaction.step].timeout
        interaction.step_due = None
        if timeout is None:
            return
        due = since + timeout
        if interaction.step + 1 < len(steps):
            interaction.step_due = due
            self._held.timers.add((due, STEP, interaction.request.interaction))
        elif interaction.deadline is None or due < interaction.deadline:
            self._deadline(interaction, due)

    def _deadline(self, interaction: Interaction, due: float) -> None:
        name = interaction.request.interaction
        if interaction.deadline is not None:
            self._held.timers.discard((interaction.deadline, DEADLINE, name))
        interaction.deadline = due
        self._held.timers.add((due, DEADLINE, name))

    def _widen(self, interaction: Interaction, step: Step, now: float) -> None:
        more = step.targets or (interaction.queue.own_target if step.queue else ())
        targets = more if step.clear and more else (*interaction.targets, *more)
        try:
            plan: Plan = self._plans.open(interaction.request.media, targets)
        except (ExpressionError, GroupCycle, OrderError) as error:
            interaction.note(now, "step", interaction.step + 1, f"left out, {error}")
            return
        before, interaction.plan = interaction.plan, plan
        interaction.targets = targets
        self._plans.close(before)
        interaction.note(now, "step", interaction.step + 1, ", ".join(want.text for want in plan.wants))

    def _move(self, interaction: Interaction, queue: VirtualQueue, now: float) -> None:
        before, interaction.queue = interaction.queue, queue
        before.history.quit(now, routed=False)
        queue.history.enter(now)
        if interaction.state == RESERVED:
            before.reserved -= 1
            queue.reserved += 1
        interaction.note(now, "moved", before.name, queue.name)
        self._held.say(Moved(interaction.request.interaction, before.name, queue.name))
