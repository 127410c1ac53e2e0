"""What the statistics are fed with. Times are seconds since the epoch; what comes twice counts once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["call", "callback", "interaction"]
Way = Literal["answered", "abandoned", "cleared"]
ObjectType = Literal["agent", "group", "queue", "vq"]


class Subject(NamedTuple):
    """An agent, a group of agents, a queue (route point) or a virtual queue, by its id. The group EVERYBODY
    is all agents.
    """

    type: str
    id: str


EVERYBODY = "*"


@dataclass(frozen=True, slots=True)
class Entered:
    """An interaction is in a queue; it has waited since `arrived`, which may be before it came there."""

    queue: Subject
    interaction: str
    kind: Kind
    arrived: float


@dataclass(frozen=True, slots=True)
class Left:
    """An interaction has left a queue: to somebody who answered, because the caller hung up, or otherwise."""

    queue: Subject
    interaction: str
    way: Way


@dataclass(frozen=True, slots=True)
class AgentIs:
    """An agent is in a state since now. `sequence` rises with each change of the agent. `second_call_type`:
    of a call beside the first that has been answered, None when there is none.
    """

    agent: str
    state: str
    status: str
    sequence: int
    groups: frozenset[str] = frozenset()
    queue: str = ""
    call_type: int = 0
    dnd: bool = False
    second_call_type: int | None = None


@dataclass(frozen=True, slots=True)
class NotTaken:
    """A call has rung at an agent in vain."""

    agent: str
    rejected: bool


@dataclass(frozen=True, slots=True)
class QueueIs:
    """What the configuration says of a queue: an answer within `service_level` seconds is in time."""

    queue: Subject
    service_level: float


Input = Entered | Left | AgentIs | NotTaken | QueueIs
