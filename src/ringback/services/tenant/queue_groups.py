"""Figures of several virtual queues taken together: a name that ends in `.GQ` is a group of them."""

from __future__ import annotations

from collections import deque

from ringback.domain.routing import Router
from ringback.domain.routing.ewt import INTERVALS, QueueHistory, Staff
from ringback.domain.routing.groups import GroupCycle
from ringback.domain.routing.messages import VOICE
from ringback.domain.routing.queue import WAITING, Interaction, VirtualQueue
from ringback.runtime.http import HttpError

SUFFIX = ".GQ"
_LEAST = 0.001


def members(core: Router, name: str) -> list[VirtualQueue]:
    """The virtual queue of a name, or those of a group (`Bank.GQ`, `Bank@server.GQ`); HttpError 404."""
    queue = core.queues.get(name)
    if queue is not None:
        return [queue]
    found: list[VirtualQueue] = []
    if name.endswith(SUFFIX):
        group = name.removesuffix(SUFFIX).partition("@")[0]
        try:
            found = [core.queues[each] for each in core.groups.queues(group) if each in core.queues]
        except GroupCycle as error:
            raise HttpError(404, "unknown_queue", str(error)) from None
    if not found:
        raise HttpError(404, "unknown_queue", "no virtual queue has this name")
    return found


def place_among(core: Router, queues: list[VirtualQueue], interaction: Interaction, now: float) -> int:
    """The place of an interaction among all who wait in these queues; 1 is next, or reserved."""
    if interaction.state != WAITING or interaction.queue not in queues:
        return core.position(interaction.request.interaction)
    return 1 + sum(queue.waiting.rank(interaction.rate, interaction.place, now) for queue in queues)


def merged(queues: list[VirtualQueue]) -> QueueHistory:
    """What several queues remember, as one: callers leave it as often as they leave all of them together."""
    if len(queues) == 1:
        return queues[0].history
    whole = QueueHistory(entered=sum(queue.history.entered for queue in queues))
    rate = sum(1 / max(_LEAST, q.history.quitting_time) for q in queues if q.history.intervals)
    if rate:
        whole.intervals.append(1 / rate)
    whole.handling = deque(maxlen=INTERVALS * len(queues))
    for queue in queues:
        whole.handling.extend(queue.history.handling)
    return whole


def staff_of(core: Router, queues: list[VirtualQueue]) -> Staff:
    """The agents who serve any of these queues, each once."""
    indexes = {id(queue.staffed_by): queue.staffed_by for queue in queues if queue.staffed_by}
    if len(indexes) == 1:
        (index,) = indexes.values()
        return Staff(index.staff, len(index.ready))
    serving = [
        agent
        for agent in core.pool.agents.values()
        if any(index in agent.indexes for index in indexes.values())
    ]
    return Staff(len(serving), sum(VOICE in agent.open for agent in serving))
