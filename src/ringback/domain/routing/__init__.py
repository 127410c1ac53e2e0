"""Routing: skill expressions, the router core, waiting times. Pure: no I/O, no clock."""

from . import messages
from .ewt import METHODS, UNKNOWN, Estimate, QueueHistory, Staff, estimate
from .router import Router
from .skills import Expression, ExpressionError, Profile, parse_target
from .targets import Target, read_target

__all__ = [
    "METHODS",
    "UNKNOWN",
    "Estimate",
    "Expression",
    "ExpressionError",
    "Profile",
    "QueueHistory",
    "Router",
    "Staff",
    "Target",
    "estimate",
    "messages",
    "parse_target",
    "read_target",
]
