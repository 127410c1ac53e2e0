"""The callers' side of the router: interactions, and the virtual queues in which they have their places."""

from __future__ import annotations

from dataclasses import dataclass, field

from .ewt import QueueHistory
from .messages import Moment, Submit
from .ordered import OrderedSet
from .pool import Index

Place = tuple[float, float, int, str]

WAITING, RESERVED = "waiting", "reserved"
HISTORY_LIMIT = 16


@dataclass(slots=True)
class Interaction:
    """One request for an agent, from Submit until it leaves. `place` orders it among all others."""

    request: Submit
    place: Place
    indexes: tuple[Index, ...]
    entered: float
    state: str = WAITING
    agent: str | None = None
    attempt: int = 0
    deadline: float | None = None
    lease_until: float = 0.0
    unclaimed: int = 0
    excluded: dict[str, float] = field(default_factory=dict)
    history: list[Moment] = field(default_factory=list)

    def note(self, at: float, text: str) -> None:
        self.history.append(Moment(at, text))
        if len(self.history) > HISTORY_LIMIT:
            del self.history[1]


@dataclass(slots=True)
class VirtualQueue:
    """The line of one virtual queue: who waits, in order, how many are reserved, and what it remembers."""

    name: str
    waiting: OrderedSet[Place] = field(default_factory=OrderedSet)
    reserved: int = 0
    history: QueueHistory = field(default_factory=QueueHistory)
    staffed_by: Index | None = None


def place_of(request: Submit, growth: float) -> Place:
    """Where a request stands among all others: smaller is served earlier.

    Without growth, priority comes first and arrival second. With growth (points gained per second of
    waiting), the priority of a request at time t is `priority + growth * (t - arrived)`. Of two requests the
    one with the smaller `arrived - priority / growth` is ahead at every t, so a priority is a head start, the
    order never changes while they wait, and nothing is ever sorted again.
    """
    if growth > 0:
        return (0.0, request.arrived - request.priority / growth, request.sequence, request.interaction)
    return (-float(request.priority), request.arrived, request.sequence, request.interaction)
