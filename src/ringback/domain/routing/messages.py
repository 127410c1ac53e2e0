"""What goes into the router and what comes out of it.

Times are seconds since the epoch. An agent's `version` grows with every change of the agent's record; the
router ignores what is not newer than what it knows, so late and repeated messages are harmless. Every input
can be written down and read again (`ringback.domain.routing.log`): they are the whole truth about a decision.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from .growth import Growth

VOICE = "voice"


class AgentReady(Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """The agent can take an interaction. `since` decides who is next: the longest ready goes first.

    `capacity` is the agent's rule (`domain.capacity`; empty: one voice interaction and nothing else), `load`
    what the agent has at the moment, by medium.
    """

    agent: str
    version: int
    since: float
    skills: Mapping[str, int] = {}
    groups: frozenset[str] = frozenset()
    place: str = ""
    capacity: str = ""
    load: Mapping[str, int] = {}


class AgentBusy(Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """The agent is reserved, on a call or in after-call work: counted as staff, and expected back."""

    agent: str
    version: int
    skills: Mapping[str, int] = {}
    groups: frozenset[str] = frozenset()
    place: str = ""
    capacity: str = ""
    load: Mapping[str, int] = {}


class AgentAway(Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """The agent is logged in and not ready."""

    agent: str
    version: int
    skills: Mapping[str, int] = {}
    groups: frozenset[str] = frozenset()
    place: str = ""
    capacity: str = ""
    load: Mapping[str, int] = {}


class AgentGone(Struct, frozen=True, gc=False, tag=True):
    """The agent has logged out."""

    agent: str
    version: int


class Worked(Struct, frozen=True, gc=False, tag=True):
    """After a restart: what an agent has done since the login, at `logged_in`. Comes before the agent."""

    agent: str
    logged_in: float
    calls: int
    seconds: float


class NotTaken(Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """The reservation was over before it was made: the agent is as ready as before, if still at `version`."""

    agent: str
    version: int
    media: str = VOICE


class QueueDefined(Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """A virtual queue is served by the agents of `target`, known before the first interaction comes.

    `weight` says how much of the agents' work is the queue's, where queues with weights compete for one agent
    (0: no share, the order of all who wait decides).
    """

    queue: str
    target: str = ""
    weight: float = 0.0


class GroupDefined(Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """A group: of other groups, of places (`.GP`), of virtual queues (`.GQ`). Its agents say themselves that
    they belong to it.
    """

    group: str
    groups: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()


class Step(Struct, frozen=True, gc=False, omit_defaults=True):
    """Who may have an interaction for a time. The next step adds its targets to these, or (`clear`) forgets
    the earlier ones. `timeout`: seconds until the next step, None for the last. `queue`: move to that virtual
    queue, and where no target is named to the agents who serve it. `priority`: from here on. `order`: among
    the agents of a target (`domain.routing.orders`).
    """

    targets: tuple[str, ...] = ()
    timeout: float | None = None
    clear: bool = False
    queue: str = ""
    priority: int | None = None
    order: str = ""


class Submit(Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """An interaction asks for an agent.

    `arrived` is the moment from which the customer counts as waiting: for a callback, when the customer first
    asked. `sequence` breaks ties and is given by whoever keeps the requests, so that a replay gives the same
    order. Targets are tried in their order. `timeout` (seconds after submission) gives up; None waits without
    end. `steps` take the place of `targets`. `growth`: how the priority grows meanwhile, None for the
    router's own. `submitted`: when it was first submitted, where that was before now.
    """

    interaction: str
    queue: str
    targets: tuple[str, ...]
    arrived: float
    sequence: int
    priority: int = 0
    timeout: float | None = None
    lease: float | None = None
    steps: tuple[Step, ...] = ()
    media: str = VOICE
    growth: Growth | None = None
    submitted: float | None = None


class Reprioritize(Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """The priority (and the growth, unless None) of an interaction changes; its arrival time stays, and it
    has grown since then.
    """

    interaction: str
    priority: int
    growth: Growth | None = None


class Cancel(Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """The customer has gone, or the application no longer wants an agent."""

    interaction: str
    reason: str = "cancelled"


class Confirm(Struct, frozen=True, gc=False, tag=True):
    """The reservation has become a conversation: the interaction leaves the queue."""

    interaction: str
    attempt: int


class Extend(Struct, frozen=True, gc=False, tag=True):
    """The reservation is still being worked on (the phone rings): its lease starts anew."""

    interaction: str
    attempt: int
    lease: float


class Return(Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """The reservation came to nothing: back to the same place. `exclude` tries every other agent first."""

    interaction: str
    attempt: int
    reason: str
    exclude: bool = True


class Resume(Struct, frozen=True, gc=False, tag=True):
    """After a restart: a stored reservation is put back as it was. Follows the Submit of the interaction."""

    interaction: str
    agent: str
    attempt: int
    lease_until: float


class Handled(Struct, frozen=True, gc=False, tag=True):
    """A conversation that came through `queue` has ended, after-call work included, after `seconds`."""

    queue: str
    seconds: float


class Remembered(Struct, frozen=True, gc=False, tag=True):
    """What a virtual queue knew before a restart: its last quitting intervals and handling times, seconds."""

    queue: str
    intervals: list[float]
    handling: list[float]


class ClockStepped(Struct, frozen=True, gc=False, tag=True):
    """The clock was set: what lasts so many seconds goes on lasting as long."""

    seconds: float


AgentInput = AgentReady | AgentBusy | AgentAway | AgentGone | Worked | NotTaken
QueueInput = (
    QueueDefined
    | GroupDefined
    | Submit
    | Reprioritize
    | Cancel
    | Confirm
    | Extend
    | Return
    | Resume
    | Handled
    | Remembered
    | ClockStepped
)
Input = AgentInput | QueueInput


class Reserve(Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
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
    media: str = VOICE


class Diverted(Struct, frozen=True, gc=False, tag=True):
    """No agent: the interaction goes to the device `destination` and has left (a Left follows)."""

    interaction: str
    queue: str
    target: str
    destination: str
    waited: float


class Release(Struct, frozen=True, gc=False, tag=True):
    """The reservation is over, the agent is to be let go. `reason`: `lease_expired` or that of the cancel."""

    interaction: str
    agent: str
    attempt: int
    reason: str


class Requeued(Struct, frozen=True, gc=False, tag=True):
    """The interaction waits again at its place."""

    interaction: str
    queue: str
    reason: str


class Moved(Struct, frozen=True, gc=False, tag=True):
    """The interaction waits in another virtual queue from now on, from the same arrival time."""

    interaction: str
    origin: str
    queue: str


class Grown(Struct, frozen=True, gc=False, tag=True):
    """The priority has grown by a step, and the place in line with it."""

    interaction: str
    priority: int


class Left(Struct, frozen=True, gc=False, tag=True):
    """The interaction has left its queue. `outcome`: `routed`, `diverted`, or the reason of the cancel, or
    `timeout`.
    """

    interaction: str
    queue: str
    outcome: str
    waited: float


class Refused(Struct, frozen=True, gc=False, tag=True):
    """The interaction cannot be queued: a target cannot be read. Or a definition that cannot be."""

    interaction: str
    reason: str


Output = Reserve | Diverted | Release | Requeued | Moved | Grown | Left | Refused


class Moment(Struct, frozen=True):
    """One step in the life of an interaction, for `explain`."""

    at: float
    text: str


class Explanation(Struct, frozen=True):
    """Why an interaction is where it is. `reasons`: why it still waits, target by target."""

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
    reasons: tuple[str, ...] = ()
    media: str = VOICE
