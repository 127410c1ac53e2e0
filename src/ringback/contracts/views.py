"""What the status page and supervisors see of agents and calls."""

from __future__ import annotations

import msgspec


class AgentView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One agent."""

    tenant: str
    agent_id: str
    state: str
    since: float
    """Seconds since the epoch."""
    dn: str = ""
    place: str = ""
    reason: str = ""
    interaction_id: str = ""
    conn_id: str = ""
    lease_until: float = 0.0
    status: str = ""
    """What the agent is seen to do, in the field's words: WaitForNextCall, CallInbound, AfterCallWork, …"""
    queues: tuple[str, ...] = ()
    dnd: bool = False
    work_mode: str = ""
    auto_answer: bool = False
    groups: tuple[str, ...] = ()
    """The agent groups of the configuration that the agent belongs to."""


class CallView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One live call; numbers are masked where people look at them."""

    tenant: str
    conn_id: str
    call_uuid: str
    call_type: int
    state: str
    """The name of the last event that changed it, without `Event`: RouteRequest, Ringing, Established, …"""
    started: float
    ani: str = ""
    dnis: str = ""
    agent_id: str = ""
    queue: str = ""
    node: str = ""
    thread_id: str = ""
