"""Agents: the session of one agent and its state machine. Pure: no I/O, no clock."""

from . import session
from .machine import TABLE, Leases, step
from .session import RESTING, TRANSIENT, AgentSession, NotAllowed, Policy, State, Step

__all__ = [
    "RESTING",
    "TABLE",
    "TRANSIENT",
    "AgentSession",
    "Leases",
    "NotAllowed",
    "Policy",
    "State",
    "Step",
    "session",
    "step",
]
