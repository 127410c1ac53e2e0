"""What is measured of one queue and of one agent or group: running totals and levels, nothing else.

Short abandons are those who hung up before `short` seconds; they are counted apart, and neither for nor
against the service level.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from .inputs import DialEnd, Kind, Way
from .windows import Level, Totals, step_of

_REMEMBERED_DIALS = 10_000


@dataclass(slots=True)
class Clock:
    """Now, its step, and the last midnight of the tenant's time zone."""

    now: float = 0.0
    step: int = 0
    midnight: float = 0.0
    midnight_step: int = 0

    def set(self, now: float) -> None:
        """Time never goes back here, whatever the machine's clock does."""
        if now > self.now:
            self.now = now
            self.step = step_of(now)

    def begin_day(self, midnight: float) -> None:
        """It was midnight then."""
        self.midnight, self.midnight_step = midnight, step_of(midnight)


class Measured:
    """Totals and levels by name, made when they are first needed."""

    __slots__ = ("clock", "levels", "totals")

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.totals: dict[str, Totals] = {}
        self.levels: dict[str, Level] = {}

    def count(self, name: str, value: float = 0.0) -> None:
        """One more of something, with its seconds."""
        totals = self.totals.get(name)
        if totals is None:
            totals = self.totals[name] = Totals()
        totals.add(self.clock.step, self.clock.midnight_step, value)

    def shift(self, name: str, by: int) -> None:
        """More or fewer agents in a state."""
        level = self.levels.get(name)
        if level is None:
            level = self.levels[name] = Level()
        level.change(by, self.clock.now, self.clock.midnight_step)

    def counted(self, name: str, begins: int) -> tuple[int, float]:
        """Count and sum since a step."""
        totals = self.totals.get(name)
        return totals.since(begins) if totals else (0, 0.0)

    def lasted(self, name: str, begins: int) -> float:
        """Seconds in a state since a step, of all who were in it."""
        level = self.levels.get(name)
        return level.since(begins, self.clock.now) if level else 0.0

    def level(self, name: str) -> int:
        """How many are in a state now."""
        level = self.levels.get(name)
        return level.level if level else 0


@dataclass(slots=True)
class _Waiting:
    kind: Kind
    arrived: float


@dataclass(slots=True)
class QueueMeasured:
    """One queue, virtual or not."""

    clock: Clock
    short: float
    service_level: float = 20.0
    measured: Measured = field(init=False)
    waiting: dict[str, _Waiting] = field(default_factory=dict)
    numbers: dict[Kind, int] = field(default_factory=lambda: {"call": 0, "callback": 0, "interaction": 0})
    _oldest: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.measured = Measured(self.clock)

    def enter(self, interaction: str, kind: Kind, arrived: float) -> bool:
        """False when it is there already."""
        if interaction in self.waiting:
            return False
        self.waiting[interaction] = _Waiting(kind, arrived)
        self.numbers[kind] += 1
        if kind == "call":
            heapq.heappush(self._oldest, (arrived, interaction))
        self.measured.count(f"{kind}_entered")
        return True

    def leave(self, interaction: str, way: Way) -> bool:
        """False when it was not there."""
        left = self.waiting.pop(interaction, None)
        if left is None:
            return False
        self.numbers[left.kind] -= 1
        self._tidy()
        waited = max(0.0, self.clock.now - left.arrived)
        self.measured.count(f"{left.kind}_{way}", waited)
        if left.kind == "call" and way == "answered" and waited <= self.service_level:
            self.measured.count("in_time")
        if left.kind == "call" and way == "abandoned" and waited < self.short:
            self.measured.count("short", waited)
        return True

    @property
    def longest(self) -> float:
        """Seconds that the oldest waiting call has waited; 0 without one."""
        while self._oldest and not self._waits(*self._oldest[0]):
            heapq.heappop(self._oldest)
        return max(0.0, self.clock.now - self._oldest[0][0]) if self._oldest else 0.0

    def _waits(self, arrived: float, interaction: str) -> bool:
        waiting = self.waiting.get(interaction)
        return waiting is not None and waiting.arrived == arrived

    def _tidy(self) -> None:
        """Who has left stays in the heap until they are the oldest; not too many of them."""
        if len(self._oldest) > 2 * len(self.waiting) + 64:
            self._oldest = [each for each in self._oldest if self._waits(*each)]
            heapq.heapify(self._oldest)


STATES: dict[str, frozenset[str]] = {
    "logged_out": frozenset(),
    "not_ready": frozenset({"logged_in", "not_ready"}),
    "ready": frozenset({"logged_in", "ready"}),
    "reserved": frozenset({"logged_in", "reserved"}),
    "ringing": frozenset({"logged_in", "busy", "ringing"}),
    "talking": frozenset({"logged_in", "busy", "talking"}),
    "held": frozenset({"logged_in", "busy", "held"}),
    "acw": frozenset({"logged_in", "busy", "acw"}),
}
"""What an agent counts as, by state. `held` is a talking agent whose call is on hold; an agent who is ready
and does not want to be disturbed counts as not ready."""
CHANGES: dict[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]] = {
    (before, after): (tuple(sorted(left - entered)), tuple(sorted(entered - left)))
    for before, left in STATES.items()
    for after, entered in STATES.items()
}
"""What an agent counts as no longer, and from now on."""
CALL_TYPES = {1: "internal", 2: "inbound", 3: "outbound", 4: "consult"}


class AfterCalls(NamedTuple):
    """Work after the calls of one queue: `calls` handled in the last hour, with `seconds` of it in all; how
    many agents are at it `now`.
    """

    calls: int
    seconds: float
    now: int


@dataclass(slots=True)
class AgentMeasured:
    """One agent, as last heard of."""

    measured: Measured
    state: str = "logged_out"
    status: str = "LoggedOut"
    since: float = 0.0
    status_since: float = 0.0
    sequence: int = 0
    groups: frozenset[str] = frozenset()
    queue: str = ""
    call_type: int = 0
    answered: float = 0.0
    acw_since: float = 0.0
    has_second: bool = False


@dataclass(slots=True)
class CampaignMeasured:
    """One campaign. A dial that was met before changes nothing: the last ones are remembered."""

    measured: Measured
    under_way: set[str] = field(default_factory=set)
    _over: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def begin(self, dial: str) -> None:
        """A customer is dialled."""
        if dial in self.under_way or dial in self._over:
            return
        self.under_way.add(dial)
        self.measured.count("dialled")
        self.measured.shift("under_way", 1)

    def end(self, dial: str, way: DialEnd, waited: float) -> None:
        """What came of it; of one whose beginning is not known as well."""
        if dial in self._over:
            return
        if dial in self.under_way:
            self.under_way.remove(dial)
            self.measured.shift("under_way", -1)
        while len(self._over) >= _REMEMBERED_DIALS:
            self._over.popitem(last=False)
        self._over[dial] = None
        self.measured.count(way, waited)
