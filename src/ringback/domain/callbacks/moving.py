"""A callback that the customer, or somebody for the customer, moves to another time.

The one thing that changes a place in line: it becomes that of the new time. A callback that is moved to now
stands where it stood, or at this moment when its time was still to come.
"""

from __future__ import annotations

from dataclasses import replace

from ringback.domain.callbacks.lifecycle import Accepted, CallbackRefusedError, Progress, StopAttempt, booked
from ringback.domain.callbacks.names import Reason, State

MOVABLE = frozenset({State.SCHEDULED, State.QUEUED})
"""Nobody is being called yet."""


def moved(
    progress: Progress,
    now: float,
    *,
    desired_at: float | None,
    ttl: float,
    lead: float = 0.0,
    opens_at: float | None = None,
) -> Accepted:
    """The callback at its new time (None: now); arguments as `booked` has them. Attempts and dials count on.

    Raises CallbackRefusedError once an agent or the customer is being reached.
    """
    if progress.state not in MOVABLE:
        over = progress.state is State.COMPLETED
        slug = "callback-completed" if over else "callback-wrong-state"
        raise CallbackRefusedError(slug, f"it is {progress.state.value} and cannot be moved")
    place = min(progress.arrived_at, now) if desired_at is None else None
    anew = booked(now, desired_at=desired_at, ttl=ttl, lead=lead, opens_at=opens_at, arrived_at=place)
    due_at = now if anew.progress.due_at is None else anew.progress.due_at
    kept = replace(
        progress,
        state=State.SCHEDULED,
        arrived_at=anew.progress.arrived_at,
        expires_at=anew.progress.expires_at,
        due_at=due_at,
    )
    stop = (StopAttempt(progress.attempt, Reason.CANCELLED),) if progress.live else ()
    return Accepted(kept, stop)
