"""Messages of the rq link: routing requests from orchestration, results from the router."""

from __future__ import annotations

from typing import Literal

import msgspec

from ringback.domain.routing import messages

Outcome = Literal["reserved", "position", "timeout", "rejected", "cancelled", "diverted"]
"""`diverted`: no agent, the interaction goes to the device `dn`."""

Kind = Literal["call", "callback", "interaction"]
"""`interaction`: neither rings, another server than ours carries it."""

MAX_STEPS = 15


class TargetStep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who may have an interaction for a time; the next step adds its targets to these."""

    targets: tuple[str, ...] = ()
    """`{threshold}[weight]Name@Server.Type`; none: those who serve `vq`."""
    timeout_s: float = 0.0
    """Seconds until the next step, and after the last until `timeout` is answered; 0: no end."""
    clear: bool = False
    """The targets of earlier steps are forgotten."""
    vq: str = ""
    """The interaction moves to this virtual queue, at the place of its arrival time."""
    priority: int | None = None
    order: str = ""
    """Among the agents of a target: `longest-ready`, `fewest-calls`, `occupancy`, `skill NAME`, `min` or
    `max` STATISTIC; or `percentage` between the targets. Empty: as before."""

    def as_step(self) -> messages.Step:
        """What the router is told."""
        timeout = self.timeout_s if self.timeout_s > 0 else None
        return messages.Step(self.targets, timeout, self.clear, self.vq, self.priority, self.order)


class SubmitRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Put an interaction into a virtual queue, at the place of its arrival time."""

    request_id: str
    tenant: str
    interaction_id: str
    kind: Kind = "call"
    conn_id: str = ""
    session_id: str = ""
    vq: str
    target: str = ""
    """A skill expression (`?:English>=5`), or any other target (`<agent>.A`); may be empty with `steps`."""
    priority: int = 0
    arrival_time: float
    """Seconds since the epoch: when the caller came, or when the customer asked to be called."""
    timeout_s: float = 0.0
    """Seconds in the queue until `timeout` is answered; 0: none."""
    lease_s: float = 0.0
    """Seconds that a reserved agent is held; 0: as the router is set."""
    priority_increment: int = 0
    """Points gained every `priority_interval_s` from the arrival on, up to `priority_limit`."""
    priority_interval_s: float = 60.0
    priority_limit: int = 0
    steps: tuple[TargetStep, ...] = ()
    """In the place of `target`: who may have it, and who else the longer it waits."""
    preferred_agent: str = ""
    """This agent alone may have it for the first `preferred_s` seconds."""
    preferred_s: float = 0.0
    growth: float | None = None
    """Points of priority gained per second of waiting; None: as the platform is set."""
    media: str = "voice"

    def as_steps(self) -> tuple[messages.Step, ...]:
        """What the router is told; empty when `target` says it all."""
        if not self.steps and not self.preferred_agent:
            return ()
        steps = tuple(step.as_step() for step in self.steps)
        if not self.preferred_agent or self.preferred_s <= 0:
            return steps
        first = messages.Step((f"{self.preferred_agent}@ringback.A",), self.preferred_s)
        return (first, *(steps or (messages.Step((self.target,)),)))


class CancelRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Take an interaction out: the caller has gone, or the application has changed its mind."""

    request_id: str
    tenant: str
    reason: str = ""


class ConfirmRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The agent is connected: the request is finished."""

    request_id: str
    tenant: str
    agent_id: str


class ReturnRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The agent did not take it: back to the same place, this agent last."""

    request_id: str
    tenant: str
    agent_id: str
    reason: str


class CallDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What sip_cluster tells about a call that may wait in a queue."""

    tenant: str
    conn_id: str
    state: Literal["waiting", "gone"]
    ani: str = ""
    dnis: str = ""


class RouteResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the router decided about a request; `seq` rises by one per request."""

    request_id: str
    tenant: str
    seq: int
    outcome: Outcome
    vq: str = ""
    session_id: str = ""
    agent_id: str = ""
    dn: str = ""
    place: str = ""
    reservation_id: str = ""
    lease_until: float = 0.0
    position: int = 0
    ewt: float = -1.0
    """Seconds; -1: unknown."""
    reason: str = ""
    media: str = "voice"


class QueueView(msgspec.Struct, frozen=True, kw_only=True):
    """A virtual queue as supervisors and the engagement service see it."""

    queue: str
    waiting: int
    calls: int
    callbacks: int
    ewt: float
    """Seconds; -1: unknown."""
    agents_logged_in: int
    agents_ready: int
    longest_wait: float
    """Seconds."""
    agents_working: int = 0
    """Those who are ready, and those with a call or in after-call work."""
    p50: float = -1.0
    """Seconds within which half of those who come now are served; -1: unknown."""
    p90: float = -1.0
    """Seconds within which nine in ten are served; -1: unknown."""


class RoutingNode(msgspec.Struct, frozen=True, kw_only=True):
    """A node of the tenant service in the directory: where its HTTP listeners are, `host:port`."""

    http: str
    ewt: str


class WaitTime(msgspec.Struct, frozen=True, kw_only=True):
    """The reply of `/urs/call/{connid|max}/lvq/{vq}`."""

    time: int
    """Seconds since the epoch."""
    wt: float
    """Seconds that this interaction has waited."""
    calls: int
    wcalls: int
    pos: int
    wpos: int
    aqt: float
    """Mean seconds between two calls that leave the queue."""
    ewt: float
    """Seconds; -1: unknown."""
    hit: int
    """How many calls the estimate rests on."""
    p50: float | msgspec.UnsetType = msgspec.UNSET
    """Seconds within which half are served; only with `aqt=ringback`."""
    p90: float | msgspec.UnsetType = msgspec.UNSET
    """Seconds within which nine in ten are served; only with `aqt=ringback`."""
    method: str | msgspec.UnsetType = msgspec.UNSET
    """Who tells: `ringback`, or `urs` while ours is worse in this queue; only with `aqt=ringback`."""
    reason: str | msgspec.UnsetType = msgspec.UNSET
    """Why nothing is known: `no_agents`, `no_interactions`; with `aqt=ringback` also `agents_away`."""
