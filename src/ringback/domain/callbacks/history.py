"""What really happened to callbacks, one thing after the other: of this are reports and invariants made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ringback.domain.callbacks import events as ev
from ringback.domain.callbacks.lifecycle import Progress


class Kind(Enum):
    """What happened."""

    WAITING = "WAITING"
    POSITION = "POSITION"
    RESERVED = "RESERVED"
    RETURNED = "RETURNED"
    DIALLING = "DIALLING"
    CUSTOMER = "CUSTOMER"
    CONNECTED = "CONNECTED"
    FAILED = "FAILED"
    SNOOZED = "SNOOZED"
    ENDED = "ENDED"


KINDS: dict[type[ev.Event], Kind] = {
    ev.Waiting: Kind.WAITING,
    ev.AgentReserved: Kind.RESERVED,
    ev.AgentLost: Kind.RETURNED,
    ev.Dialling: Kind.DIALLING,
    ev.Customer: Kind.CUSTOMER,
    ev.Connected: Kind.CONNECTED,
    ev.AttemptFailed: Kind.FAILED,
    ev.AttemptLost: Kind.FAILED,
    ev.Stalled: Kind.FAILED,
    ev.Snoozed: Kind.SNOOZED,
    ev.Finished: Kind.ENDED,
    ev.Ended: Kind.ENDED,
    ev.Cancel: Kind.ENDED,
    ev.Expire: Kind.ENDED,
}


@dataclass(frozen=True, slots=True)
class Happening:
    """One of them. Times are seconds since the epoch.

    line: those whose callbacks are each other's equals (service and priority); empty: without equals.
    lives: whether the attempt goes on after it. result: of a dial. reason: why it ended, or why it was
    dialled without an agent.
    """

    callback: str
    line: str
    number: str
    attempt: int
    kind: Kind
    at: float
    arrived_at: float
    lives: bool = True
    agent: str = ""
    result: str = ""
    reason: str = ""
    position: int | None = None
    ewt: float | None = None


def kind_of_event(event: ev.Event, before: Progress, after: Progress) -> Kind | None:
    """What an event was that a callback has taken; None for one that is no part of an attempt."""
    kind = KINDS.get(type(event))
    if kind is None or not before.live:
        return None
    # Without leave the attempt ends, and nobody is dialled.
    return Kind.ENDED if kind is Kind.DIALLING and not after.live else kind


def goes_on(before: Progress, after: Progress) -> bool:
    """Whether the attempt that was under way still is."""
    return after.live and after.attempt == before.attempt
