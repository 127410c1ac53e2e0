"""Callbacks of a simulated day: the platform's own life cycle, with customers by chance."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from ringback.domain.callbacks import (
    Accepted,
    AgentReserved,
    AttemptFailed,
    Connected,
    Dialling,
    DialResult,
    Due,
    Event,
    Progress,
    Reason,
    RetryPolicy,
    State,
    advance,
    booked,
)

from .scenario import CallbackPolicy
from .tally import HOUR


@dataclass(slots=True)
class Booking:
    """A callback that a caller has taken; times are seconds of the day."""

    progress: Progress
    plan: CallbackPolicy
    retry: RetryPolicy
    chance: Random

    @property
    def due_at(self) -> float | None:
        """When its next attempt begins; None: one is under way, or none will be."""
        return self.progress.due_at

    @property
    def expired(self) -> bool:
        """Whether it was given up because the day was over."""
        return self.progress.reason is Reason.FAIL_TIMEOUT_TTL

    @property
    def over(self) -> bool:
        """Whether nothing will follow."""
        return self.progress.state is State.COMPLETED

    def begin(self, now: float) -> None:
        """Its time has come: an attempt is in line."""
        self._advance(Due(), now)

    def dial(self, now: float) -> bool:
        """An agent is reserved and the customer is dialled; whether the customer answers."""
        self._advance(AgentReserved(*self._step()), now)
        self._advance(Dialling(*self._step()), now)
        reached = self.chance.random() < self.plan.reached
        if reached:
            self._advance(Connected(*self._step()), now)
        return reached

    def fail(self, now: float) -> None:
        """The customer has not answered."""
        self._advance(AttemptFailed(*self._step(), DialResult.NO_ANSWER), now)

    def _step(self) -> tuple[int, int]:
        return self.progress.attempt, self.progress.step + 1

    def _advance(self, event: Event, now: float) -> None:
        outcome = advance(self.progress, event, self.retry, now)
        assert isinstance(outcome, Accepted)
        self.progress = outcome.progress


def book(plan: CallbackPolicy, now: float, closing: float, source: str) -> Booking:
    """At once with the place in line, or for a later time of the day. `source` seeds the chance."""
    chance = Random(source)  # noqa: S311 - chance, not secrets
    desired = now + chance.uniform(*plan.ahead) * HOUR if chance.random() < plan.scheduled else None
    if desired is not None and desired >= closing:
        desired = None
    begins = now if desired is None else desired
    progress = booked(now, desired_at=desired, ttl=closing - begins).progress
    return Booking(progress, plan, RetryPolicy(plan.max_dials, plan.retry_after), chance)
