"""What can happen to a callback.

Write-backs come from the session that runs an attempt. Each carries the number of its attempt and the number
of its step; steps count up within an attempt, so a repeated or late one is known without remembering all.
"""

from __future__ import annotations

from dataclasses import dataclass

from ringback.domain.callbacks.names import DialResult, Reason


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, or was asked for."""


@dataclass(frozen=True, slots=True)
class Due(Event):
    """The scheduler found the callback's time come."""


@dataclass(frozen=True, slots=True)
class Moved(Event):
    """It was given another time; judged by `moving.moved`, and told to the trail only."""


@dataclass(frozen=True, slots=True)
class Cancel(Event):
    """Somebody with the right to asks that it be given up."""

    reason: Reason = Reason.CANCELLED


@dataclass(frozen=True, slots=True)
class Expire(Event):
    """Its time to live is over."""


@dataclass(frozen=True, slots=True)
class AttemptLost(Event):
    """The session of this attempt is gone without a word."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Stalled(Event):
    """The session of this attempt is there, and gets nowhere."""

    attempt: int


@dataclass(frozen=True, slots=True)
class WriteBack(Event):
    """A step that the session of an attempt reports; steps count from 1."""

    attempt: int
    step: int


@dataclass(frozen=True, slots=True)
class Waiting(WriteBack):
    """The session runs and its interaction waits in the virtual queue."""


@dataclass(frozen=True, slots=True)
class AgentReserved(WriteBack):
    """The router reserved an agent."""


@dataclass(frozen=True, slots=True)
class AgentLost(WriteBack):
    """The reserved agent did not take it; the interaction waits again at its place."""


@dataclass(frozen=True, slots=True)
class Dialling(WriteBack):
    """The session is about to dial the customer. Written before the INVITE leaves.

    `number_taken`: the customer's number is being dialled, or talked to, for another callback.
    """

    number_taken: bool = False


@dataclass(frozen=True, slots=True)
class Customer(WriteBack):
    """The customer answered."""


@dataclass(frozen=True, slots=True)
class Connected(WriteBack):
    """Customer and agent are joined."""


@dataclass(frozen=True, slots=True)
class Finished(WriteBack):
    """The conversation is over."""


@dataclass(frozen=True, slots=True)
class AttemptFailed(WriteBack):
    """The dial did not reach the customer, or the customer has gone before the talk.

    `deserted`: the customer was there, and was left without an agent until hanging up.
    """

    result: DialResult
    deserted: bool = False


@dataclass(frozen=True, slots=True)
class Snoozed(WriteBack):
    """The customer answered and asked to be called again later."""


@dataclass(frozen=True, slots=True)
class Ended(WriteBack):
    """The session gave the callback up for good."""

    reason: Reason
