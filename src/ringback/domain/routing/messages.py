"""What goes into the router and what comes out of it.

Times are seconds since the epoch. An agent's `version` grows with every change of the agent's record; the
router ignores what is not newer than what it knows, so late and repeated messages are harmless.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AgentReady:
    """The agent can take an interaction. `since` decides who is next: the longest ready goes first."""

    agent: str
    version: int
    since: float
    skills: Mapping[str, int] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AgentBusy:
    """The agent is reserved, on a call or in after-call work: counted as staff, and expected back."""

    agent: str
    version: int
    skills: Mapping[str, int] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AgentAway:
    """The agent is logged in and not ready."""

    agent: str
    version: int
    skills: Mapping[str, int] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AgentGone:
    """The agent has logged out."""

    agent: str
    version: int


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The reservation was over before it was made: the agent is as ready as before, if still at `version`."""

    agent: str
    version: int


@dataclass(frozen=True, slots=True)
class QueueDefined:
    """A virtual queue is served by the agents of `target`, known before the first interaction comes."""

    queue: str
    target: str


@dataclass(frozen=True, slots=True)
class Submit:
    """An interaction asks for an agent.

    `arrived` is the moment from which the customer counts as waiting: for a callback, when the customer first
    asked. `sequence` breaks ties and is given by whoever keeps the requests, so that a replay gives the same
    order. Targets are tried in their order. `timeout` (seconds after submission) gives up; None waits without
    end.
    """

    interaction: str
    queue: str
    targets: tuple[str, ...]
    arrived: float
    sequence: int
    priority: int = 0
    timeout: float | None = None
    lease: float | None = None


@dataclass(frozen=True, slots=True)
class Reprioritize:
    """The priority of a waiting interaction changes; its arrival time stays."""

    interaction: str
    priority: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """The customer has gone, or the application no longer wants an agent."""

    interaction: str
    reason: str = "cancelled"


@dataclass(frozen=True, slots=True)
class Confirm:
    """The reservation has become a conversation: the interaction leaves the queue."""

    interaction: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Extend:
    """The reservation is still being worked on (the phone rings): its lease starts anew."""

    interaction: str
    attempt: int
    lease: float


@dataclass(frozen=True, slots=True)
class Return:
    """The reservation came to nothing: back to the same place. `exclude` tries every other agent first."""

    interaction: str
    attempt: int
    reason: str
    exclude: bool = True


@dataclass(frozen=True, slots=True)
class Resume:
    """After a restart: a stored reservation is put back as it was. Follows the Submit of the interaction."""

    interaction: str
    agent: str
    attempt: int
    lease_until: float


@dataclass(frozen=True, slots=True)
class Handled:
    """A conversation that came through `queue` has ended, after-call work included, after `seconds`."""

    queue: str
    seconds: float


AgentInput = AgentReady | AgentBusy | AgentAway | AgentGone | NotTaken
QueueInput = QueueDefined | Submit | Reprioritize | Cancel | Confirm | Extend | Return | Resume | Handled
Input = AgentInput | QueueInput


@dataclass(frozen=True, slots=True)
class Reserve:
    """Give `interaction` to `agent`, if the agent's record still has `version`.

    `attempt` names this reservation in the Confirm or Return that answers it. It ends by itself at
    `lease_until`.
    """

    interaction: str
    agent: str
    attempt: int
    version: int
    queue: str
    target: str
    lease_until: float
    waited: float


@dataclass(frozen=True, slots=True)
class Release:
    """The reservation is over, the agent is to be let go. `reason`: `lease_expired` or that of the cancel."""

    interaction: str
    agent: str
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class Requeued:
    """The interaction waits again at its place."""

    interaction: str
    queue: str
    reason: str


@dataclass(frozen=True, slots=True)
class Left:
    """The interaction has left its queue. `outcome`: `routed`, or the reason of the cancel, or `timeout`."""

    interaction: str
    queue: str
    outcome: str
    waited: float


@dataclass(frozen=True, slots=True)
class Refused:
    """The interaction cannot be queued: a target cannot be read."""

    interaction: str
    reason: str


Output = Reserve | Release | Requeued | Left | Refused


@dataclass(frozen=True, slots=True)
class Moment:
    """One step in the life of an interaction, for `explain`."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an interaction is where it is."""

    interaction: str
    state: str
    queue: str
    position: int
    priority: int
    arrived: float
    targets: tuple[str, ...]
    agent: str | None
    staff: int
    ready: int
    excluded: tuple[str, ...]
    history: tuple[Moment, ...]
