"""The agent session: a person at a place, what they do, and what may happen to them.

Times are seconds since the epoch, leases and wrap-up times are seconds. `version` grows by one with every
change: who writes a session names the version it was read at.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from ringback.domain.capacity import VOICE, parse_capacity


class State(StrEnum):
    """What an agent does."""

    LOGGED_OUT = "logged_out"
    NOT_READY = "not_ready"
    READY = "ready"
    RESERVED = "reserved"
    RINGING = "ringing"
    TALKING = "talking"
    ACW = "acw"


RESTING = frozenset({State.LOGGED_OUT, State.NOT_READY, State.READY})
TRANSIENT = frozenset(State) - RESTING
CALLS = frozenset({State.RESERVED, State.RINGING, State.TALKING})
"""States in which the agent has a call, or is about to."""

Action = Literal["none", "not_ready", "logout"]


UNTIMED = -1.0
"""After-call work without an end of its own: the agent says when it is done."""


class Policy(Struct, frozen=True, omit_defaults=True):
    """How the platform treats an agent. `wrap_up`: seconds of after-call work, 0 for none, UNTIMED until the
    agent is ready. `auto_login`: a phone that is back in service makes an agent ready whom it could not
    reach. `legal_guard`: seconds of pause after each call of a queue that nobody can shorten.
    `auto_answer`: the phone is to answer by itself. `auto_logout`: seconds of not ready after which the
    agent is logged out, 0 for never. `capacity`: what the agent may have at a time (`domain.capacity`).
    """

    wrap_up: float = 5.0
    on_no_answer: Action = "not_ready"
    on_reject: Action = "none"
    on_out_of_service: Action = "not_ready"
    auto_login: bool = False
    legal_guard: float = 0.0
    auto_answer: bool = False
    auto_logout: float = 0.0
    capacity: str = ""


class Work(Struct, frozen=True, omit_defaults=True):
    """An interaction of another medium than voice that the agent has, until `until` unless it is kept."""

    media: str
    interaction: str
    queue: str
    until: float


class AgentSession(Struct, frozen=True, omit_defaults=True):
    """One agent. `after` is where the agent goes when the present work ends; `conn_id` is the call at the
    agent, `interaction` what the router has given; `expected_conn_id` the call that a reservation waits for,
    when known. `acw` is the after-call work that the agent has asked for ahead (seconds, UNTIMED, 0: what the
    policy says); until `guard_until` no call is given, whatever the agent asks for. `work_mode` says what
    kind of after-call work it is, `call_type` and `held` what the call at the agent is like. Since the login
    (`logged_in`) the agent has had `calls` of queues, and `worked` seconds before the present state.
    `second` is a call beside the first (`second`).
    """

    agent_id: str
    version: int = 0
    state: State = State.LOGGED_OUT
    reason: str = ""
    since: float = 0.0
    ready_since: float = 0.0
    lease_until: float = 0.0
    dn: str = ""
    skills: dict[str, int] = {}
    groups: tuple[str, ...] = ()
    policy: Policy = Policy()
    dnd: bool = False
    after: State = State.READY
    after_reason: str = ""
    interaction: str = ""
    reservation: str = ""
    queue: str = ""
    conn_id: str = ""
    expected_conn_id: str = ""
    talking_since: float = 0.0
    place: str = ""
    queues: tuple[str, ...] = ()
    acw: float = 0.0
    guard_until: float = 0.0
    work_mode: str = ""
    call_type: int = 0
    held: bool = False
    dialling: bool = False
    work: dict[str, Work] = {}
    logged_in: float = 0.0
    calls: int = 0
    worked: float = 0.0
    second: str = ""
    second_is: str = ""
    second_type: int = 0

    @property
    def available(self) -> bool:
        """Whether the router may reserve the agent for a call."""
        return self.state is State.READY and not self.dnd and self.allows(VOICE)

    @property
    def load(self) -> dict[str, int]:
        """What the agent has of each medium. After-call work is none."""
        load = Counter(work.media for work in self.work.values())
        load[VOICE] += self.state in CALLS
        return {media: number for media, number in load.items() if number}

    def worked_until(self, now: float) -> float:
        """Seconds of work since the login, from a reservation to the end of the after-call work."""
        return self.worked + (max(0.0, now - self.since) if self.state in TRANSIENT else 0.0)

    def allows(self, media: str) -> bool:
        """Whether the capacity rule leaves room for one more of a medium."""
        if not self.policy.capacity and not self.work:  # most agents: one call and nothing else
            return media == VOICE and self.state not in CALLS
        return parse_capacity(self.policy.capacity).allows(media, self.load)

    @property
    def due(self) -> float:
        """When something of the session ends by itself; 0: nothing does."""
        if self.lease_until or not self.work:
            return self.lease_until
        return min(work.until for work in self.work.values())


# What may happen. Requests are refused when the state forbids them; reports of what has happened are ignored.


@dataclass(frozen=True, slots=True)
class Login:
    """The agent sits down at `dn`; `ready` makes the agent ready at once. `queues`: the agent works for
    these lines, as the desktop has named them.
    """

    dn: str
    skills: dict[str, int] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    policy: Policy = field(default_factory=Policy)
    ready: bool = False
    place: str = ""
    queues: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Logout:
    reason: str = ""


@dataclass(frozen=True, slots=True)
class QueueLogin:
    """The agent works for one more queue."""

    queue: str


@dataclass(frozen=True, slots=True)
class QueueLogout:
    """The agent works for a queue no longer."""

    queue: str


@dataclass(frozen=True, slots=True)
class Ready:
    pass


@dataclass(frozen=True, slots=True)
class NotReady:
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AfterCallWork:
    """After-call work for `seconds` from now on, or UNTIMED: at once, or when the call has ended."""

    seconds: float = UNTIMED


@dataclass(frozen=True, slots=True)
class SetDnd:
    on: bool


class Reserve(Struct, frozen=True):
    """The router gives `interaction` from `queue`; the agent is held for `lease` seconds."""

    reservation: str
    interaction: str
    queue: str
    lease: float
    conn_id: str = ""


class Unreserve(Struct, frozen=True):
    """The router takes a reservation back."""

    reservation: str
    reason: str = ""


class Take(Struct, frozen=True):
    """The router gives `interaction` of another medium than voice; it is held for `lease` seconds."""

    reservation: str
    interaction: str
    queue: str
    media: str
    lease: float


class Keep(Struct, frozen=True):
    """The agent works on what was taken: it is held for `lease` seconds from now."""

    reservation: str
    lease: float


@dataclass(frozen=True, slots=True)
class ProfileChanged:
    """The configuration of the person has changed."""

    skills: dict[str, int]
    groups: tuple[str, ...]
    policy: Policy


@dataclass(frozen=True, slots=True)
class Ring:
    conn_id: str
    call_type: int = 0


@dataclass(frozen=True, slots=True)
class Dial:
    conn_id: str
    call_type: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    conn_id: str
    call_type: int = 0


@dataclass(frozen=True, slots=True)
class Hold:
    conn_id: str


@dataclass(frozen=True, slots=True)
class Retrieve:
    conn_id: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    conn_id: str
    reason: str = "no_answer"


@dataclass(frozen=True, slots=True)
class Reject:
    conn_id: str
    reason: str = "rejected"


@dataclass(frozen=True, slots=True)
class Release:
    """The call has left the agent, from whichever side."""

    conn_id: str


@dataclass(frozen=True, slots=True)
class Move:
    """The consultation that the agent had has become one with another call."""

    conn_id: str
    previous: str


@dataclass(frozen=True, slots=True)
class LeaseExpired:
    """Time alone: ends whatever has lasted longer than it may. `stepped`: seconds by which the clock was set
    since the lease began.
    """

    stepped: float = 0.0


@dataclass(frozen=True, slots=True)
class Renew:
    """The call is known to be alive: the lease starts anew."""

    conn_id: str


@dataclass(frozen=True, slots=True)
class DnOutOfService:
    dn: str


@dataclass(frozen=True, slots=True)
class DnBackInService:
    dn: str


Request = (
    Login
    | Logout
    | QueueLogin
    | QueueLogout
    | Ready
    | NotReady
    | AfterCallWork
    | SetDnd
    | Reserve
    | Unreserve
    | Take
    | Keep
    | ProfileChanged
)
Report = (
    Ring
    | Dial
    | Answer
    | Hold
    | Retrieve
    | NoAnswer
    | Reject
    | Release
    | Move
    | LeaseExpired
    | Renew
    | DnOutOfService
    | DnBackInService
)
Happening = Request | Report
REQUESTS = (Login, Logout, Ready, NotReady, AfterCallWork, Reserve)


class NotAllowed(Exception):
    """The request does not fit the state."""

    def __init__(self, state: State, request: str) -> None:
        super().__init__(f"{request} is not allowed when {state.value}")
        self.state = state


class Emitted(Struct, frozen=True):
    """A T-Library event that a transition gives rise to, with the call and the reason it is about."""

    id: str
    reason: str = ""
    work_mode: str = ""
    conn_id: str = ""
    queue: str = ""


class Step(Struct, frozen=True):
    """The session after something happened, and the events in the order in which they are sent."""

    session: AgentSession
    events: tuple[Emitted, ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.events)
