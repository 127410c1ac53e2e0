"""Callbacks: the life of a request to be called back, pure.

`lifecycle` holds the table of states and its invariants, `settings` what a virtual queue allows, `retry` what
follows a failed dial. Nothing here reads a clock: every function takes `now` in seconds since the epoch.
"""

from ringback.domain.callbacks.events import (
    AgentLost,
    AgentReserved,
    AttemptFailed,
    AttemptLost,
    Cancel,
    Connected,
    Customer,
    Dialling,
    Due,
    Ended,
    Event,
    Expire,
    Finished,
    Stalled,
    Waiting,
    WriteBack,
)
from ringback.domain.callbacks.lifecycle import (
    Accepted,
    CallbackRefusedError,
    Effect,
    Ignored,
    Outcome,
    Policy,
    Progress,
    StartAttempt,
    StopAttempt,
    advance,
    booked,
)
from ringback.domain.callbacks.names import DialResult, Reason, State
from ringback.domain.callbacks.retry import RetryPolicy, dial_result_of_sip
from ringback.domain.callbacks.settings import (
    CallbackSettings,
    SettingsError,
    are_hours,
    read_hours,
    read_settings,
)

__all__ = [
    "Accepted",
    "AgentLost",
    "AgentReserved",
    "AttemptFailed",
    "AttemptLost",
    "CallbackRefusedError",
    "CallbackSettings",
    "Cancel",
    "Connected",
    "Customer",
    "DialResult",
    "Dialling",
    "Due",
    "Effect",
    "Ended",
    "Event",
    "Expire",
    "Finished",
    "Ignored",
    "Outcome",
    "Policy",
    "Progress",
    "Reason",
    "RetryPolicy",
    "SettingsError",
    "Stalled",
    "StartAttempt",
    "State",
    "StopAttempt",
    "Waiting",
    "WriteBack",
    "advance",
    "are_hours",
    "booked",
    "dial_result_of_sip",
    "read_hours",
    "read_settings",
]
