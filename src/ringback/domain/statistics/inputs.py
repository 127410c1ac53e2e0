"""What the statistics are fed with. Times are seconds since the epoch; what comes twice counts once."""

from __future__ import annotations

from typing import Literal, NamedTuple

from msgspec import Struct

Kind = Literal["call", "callback", "interaction"]
Way = Literal["answered", "abandoned", "cleared"]
ObjectType = Literal["agent", "group", "queue", "vq", "campaign"]
DialEnd = Literal["connected", "abandoned", "missed"]


class Subject(NamedTuple):
    """An agent, a group of agents, a queue (route point), a virtual queue or a campaign, by its id. The group
    EVERYBODY is all agents.
    """

    type: str
    id: str


EVERYBODY = "*"


class Entered(Struct, frozen=True, gc=False):
    """An interaction is in a queue; it has waited since `arrived`, which may be before it came there."""

    queue: Subject
    interaction: str
    kind: Kind
    arrived: float


class Left(Struct, frozen=True, gc=False):
    """An interaction has left a queue: to somebody who answered, because the caller hung up, or otherwise."""

    queue: Subject
    interaction: str
    way: Way


class AgentIs(Struct, frozen=True, gc=False):
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


class NotTaken(Struct, frozen=True, gc=False):
    """A call has rung at an agent in vain."""

    agent: str
    rejected: bool


class QueueIs(Struct, frozen=True, gc=False):
    """What the configuration says of a queue: an answer within `service_level` seconds is in time."""

    queue: Subject
    service_level: float


class Dialled(Struct, frozen=True, gc=False):
    """A campaign dials a customer."""

    campaign: str
    dial: str


class DialOver(Struct, frozen=True, gc=False):
    """What came of it. `waited`: seconds from the customer's answer to the agent's, if one was connected."""

    campaign: str
    dial: str
    way: DialEnd
    waited: float = 0.0


Input = Dialled | DialOver | Entered | Left | AgentIs | NotTaken | QueueIs
