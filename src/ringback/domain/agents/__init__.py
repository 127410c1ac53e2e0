"""Agents: the session of one agent and its state machine. Pure: no I/O, no clock."""

from . import session
from .effects import Leases
from .machine import TABLE, step
from .session import RESTING, TRANSIENT, UNTIMED, AgentSession, NotAllowed, Policy, State, Step
from .status import Status, status

__all__ = [
    "RESTING",
    "TABLE",
    "TRANSIENT",
    "UNTIMED",
    "AgentSession",
    "Leases",
    "NotAllowed",
    "Policy",
    "State",
    "Status",
    "Step",
    "session",
    "status",
    "step",
]
