"""The session contract of callbacks: what engagement starts, and what the session reports."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from ringback.contracts.names import tlib

STREAM = "NewCallbackStream"

StepState = Literal[
    "QUEUED", "ROUTING", "DIALLING", "CUSTOMER", "PROCESSING", "COMPLETED", "FAILED", "SNOOZED"
]


class DialPlan(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=lambda name: name.replace("_", "")
):
    """How the session is to dial, by the settings of the service; times are seconds.

    Applications read it as `_genesys.callback.dial`, every name in lower case without underscores.
    """

    first: Literal["AGENT", "CUSTOMER"] = "CUSTOMER"
    """Whose phone rings first."""
    number: str = ""
    """The customer's number as it is dialled."""
    preview: bool = False
    preview_timeout: int = 30
    allow_reject: bool = True
    max_rejects: int = 0
    """Rejections that end the callback; 0: none do."""
    reject_pause: int = 10
    display_name: str = ""
    detect: int = 0
    """Listen for so long who or what has answered; 0: whoever answers is a person."""
    machine: Literal["hang_up", "message", "connect"] = "hang_up"
    message: str = ""
    """Prompt that is left on an answering machine."""
    reserve: int = 60
    max_queue_wait: int = 0
    """Dial without an agent after so long in line; 0: never."""
    snooze: bool = False
    """The customer may ask to be called later."""
    increment: int = 0
    interval: int = 60
    limit: int = 100
    dials: int = 0
    """Dials that count, of the attempts before this one."""
    attached: dict[str, Any] = {}
    """User data of the call."""
    customer_calls: int = 0
    """Wait so long for the customer, whose device is told to call; 0: the customer is dialled."""
    preferred_agent: str = ""
    """This agent alone may have it for `preferred_timeout` seconds from the desired time on."""
    preferred_timeout: float = 0.0


class CallbackEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `NewCallbackStream`: all fields are strings on the wire."""

    tenant: str
    callback_id: str
    service: str
    """The virtual queue."""
    attempt: str
    """From 1."""
    number: str
    """E.164."""
    arrival_time: str
    """Seconds since the epoch: the moment of the request, or the desired time."""
    desired_time: str
    priority: str
    app: str
    """URL of the SCXML application."""
    route_point: str
    target: str
    """Skill expression."""
    caller_id: str = ""
    user_data: str = "{}"
    """JSON."""
    expires_at: str = "0"
    """Seconds since the epoch."""
    dial: str = "{}"
    """JSON of a `DialPlan`."""

    @property
    def session_id(self) -> str:
        """The session's id is made from the attempt, so that an entry read twice starts it once."""
        return session_id(self.callback_id, int(self.attempt))


def session_id(callback_id: str, attempt: int) -> str:
    """The id of the session that makes one attempt of a callback."""
    return f"cb-{callback_id}-{attempt}"


NO_AGENT = "no_agent"
"""Reason of a FAILED step: the customer was there, and was left without an agent until hanging up."""


class CallbackStep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of an attempt, reported by its session; idempotent by (attempt, step)."""

    attempt: int
    step: int
    """From 1, rising."""
    session_id: str
    state: StepState
    time: float
    reason: str = ""
    dial_result: str = ""
    agent_id: str = ""
    conn_id: str = ""
    position: int = 0
    ewt: float = -1.0


class CallbackStepReply(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the session may go on; false ends it without a dial."""

    state: str
    go_on: bool


class CallbackEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=tlib):
    """A user event about a callback, for reporting: one when it begins to wait, one at its end."""

    id: str = "EventUserEvent"
    time: float
    """Seconds since the epoch: when the callback was accepted, or ended."""
    tenant: str
    call_uuid: str = ""
    """The call in which it was asked for, if known."""
    user_data: dict[str, Any]


class BookCallback(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A caller in line asks an application to be called back (`POST /internal/callbacks/{tenant}`)."""

    key: str
    """The same key books once."""
    service: str
    number: str
    arrived_at: float
    """Seconds since the epoch: when the call came; the callback keeps that place."""
    not_before: float = 0.0
    """Seconds since the epoch: until then the caller may still be on the line."""
    interaction_id: str = ""
    priority: int = 0
    user_data: dict[str, Any] = {}
    agent: str = ""
    """This agent alone may have it for `agent_s` seconds from the desired time on."""
    agent_s: float = 0.0
    desired_at: Annotated[float, Meta(ge=0.0, le=32_503_680_000.0)] = 0.0
    """Seconds since the epoch: the customer wants to be called then, and stands in line from then on; 0: the
    place is that of the call.
    """


class CallbackBooked(msgspec.Struct, frozen=True, kw_only=True):
    """The callback is promised."""

    id: str


class FindWaiting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Does a callback wait for this caller? (`POST /internal/callbacks/{tenant}/waiting`)"""

    number: str
    """As the carrier gives it."""
    service: str = ""
    """By whose country the number is read, and whose callback comes first; empty: any."""


class WaitingFound(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The callback that waits for a caller, the first in line when there are several."""

    found: bool
    id: str = ""
    state: str = ""
    service: str = ""
    position: int = 0
    ewt: float = -1.0
    """Seconds; -1: unknown."""
    arrived_at: float = 0.0
    """Seconds since the epoch: its place in line."""
    desired_at: float = 0.0
    """Seconds since the epoch; 0: as soon as possible."""


class TakeOver(msgspec.Struct, frozen=True, kw_only=True):
    """The caller takes the place of the callback, which completes (`…/{id}/take-over`)."""

    call_id: str
    """The same call takes it over once."""


class TakenOver(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The place that the call has got, and what the callback carried."""

    arrived_at: float
    user_data: dict[str, Any] = {}


class MatchCallIn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who has dialled in (`POST /internal/call-ins/{tenant}/match`)."""

    to: str
    from_number: str = ""
    code: str = ""
    call_id: str = ""


class CallInMatched(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The request that a call belongs to, or why there is none.

    reason: number-unknown (no group has the number dialled), code-needed, no-request (none waits, or it is
    over), or locked (too many codes were wrong).
    """

    matched: bool
    reason: str = ""
    id: UUID | None = None
    group: str = ""
    from_number: str = ""
    code_length: int = 0
    """Digits of the code that is needed; 0: none is."""
    callback_id: UUID | None = None
    arrived_at: float = 0.0
    """Seconds since the epoch: the place of that callback, which the call has taken; 0: it has taken none."""
    user_data: dict[str, Any] = {}
