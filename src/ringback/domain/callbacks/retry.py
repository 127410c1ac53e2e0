"""What follows a dial that did not reach the customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ringback.domain.calendar import BusinessHours, Together
from ringback.domain.callbacks.names import DialResult


@dataclass(frozen=True, slots=True)
class Reaction:
    """Whether another dial may follow a result, and whether this dial uses up one of the allowed ones."""

    retry: bool
    counts: bool = True


REACTIONS: dict[DialResult, Reaction] = {
    DialResult.BUSY: Reaction(retry=True),
    DialResult.NO_ANSWER: Reaction(retry=True),
    DialResult.ANSWERING_MACHINE: Reaction(retry=True),
    DialResult.UNKNOWN: Reaction(retry=True),
    # A fault on our side: the customer's phone never rang, so it costs the customer nothing.
    DialResult.CREATE_CALL_ERROR: Reaction(retry=True, counts=False),
    DialResult.ERROR_TONE: Reaction(retry=False),
    DialResult.FAX: Reaction(retry=False),
    # A person was reached and went away again before the agent spoke: dialling again would be a nuisance.
    DialResult.PERSON: Reaction(retry=False),
    DialResult.CONNECTED: Reaction(retry=False),
    # The customer was to call and did not, or was never told.
    DialResult.FAILED_TO_ESTABLISH_CUSTOMER_ORIGINATED_MEDIA: Reaction(retry=True),
    DialResult.PUSH_DELIVERY_CONFIRMED: Reaction(retry=True),
    DialResult.PUSH_SEND_ERROR: Reaction(retry=True),
    DialResult.PUSH_DELIVERY_NOT_CONFIRMED: Reaction(retry=True),
    DialResult.USERORIGINATED_CONNECTED: Reaction(retry=False),
}

FAULT_BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)
"""Seconds until an attempt that the platform could not begin is repeated; the last one again and again."""

_BY_SIP_STATUS: dict[int, DialResult] = {
    404: DialResult.ERROR_TONE,
    408: DialResult.NO_ANSWER,
    410: DialResult.ERROR_TONE,
    480: DialResult.NO_ANSWER,
    484: DialResult.ERROR_TONE,
    486: DialResult.BUSY,
    487: DialResult.NO_ANSWER,
    600: DialResult.BUSY,
    603: DialResult.BUSY,
    604: DialResult.ERROR_TONE,
}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`max_dials` dials in all, `delay` seconds between two, only while `hours` are open.

    delays: seconds after particular results. snooze: seconds until a customer is called who asked for it.
    """

    max_dials: int
    delay: float
    hours: BusinessHours | Together | None = None
    delays: Mapping[DialResult, float] = field(default_factory=dict)
    snooze: float = 600.0

    def allowed_from(self, at: float) -> float | None:
        """The first instant from `at` on at which a dial may be made; None when there is none."""
        return at if self.hours is None else self.hours.next_opening(at)

    def next_dial(
        self, result: DialResult, dials: int, now: float, *, deserted: bool = False
    ) -> float | None:
        """When to dial again after `dials` counted ones, the one just failed included; None: not again.

        `deserted`: who was reached had no agent by our fault, so that going away was no decision of theirs.
        """
        if not (REACTIONS[result].retry or deserted) or dials >= self.max_dials:
            return None
        return self.allowed_from(now + self.delays.get(result, self.delay))

    def after_snooze(self, now: float) -> float | None:
        """When to call a customer again who has just asked to be called later; None: not again."""
        return self.allowed_from(now + self.snooze)

    def after_fault(self, faults: int, now: float) -> float | None:
        """When to begin again after `faults` attempts (from 1) that never came to a dial; None: not again."""
        return self.allowed_from(now + FAULT_BACKOFF_S[min(faults, len(FAULT_BACKOFF_S)) - 1])


def counts_as_dial(result: DialResult) -> bool:
    """Whether a dial with this result uses up one of the allowed dials."""
    return REACTIONS[result].counts


def dial_result_of_sip(status: int) -> DialResult:
    """The dial result for the final SIP response to the INVITE (RFC 3261 21)."""
    if 200 <= status < 300:
        return DialResult.PERSON
    if status in _BY_SIP_STATUS:
        return _BY_SIP_STATUS[status]
    return DialResult.CREATE_CALL_ERROR if 500 <= status < 600 else DialResult.UNKNOWN
