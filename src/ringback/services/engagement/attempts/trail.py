"""The trail of every attempt: what happened, stored in the transaction in which it happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from ringback.contracts.callbacks import CallbackStep
from ringback.domain.callbacks import Event, Happening, HappeningKind, State
from ringback.domain.callbacks.history import goes_on, kind_of_event
from ringback.runtime.sql import load_queries
from ringback.services.engagement.records import Record
from ringback.services.engagement.store import Session, moment

QUERIES = load_queries("ringback.services.engagement.attempts")


async def note(
    session: Session, before: Record, after: Record, event: Event, step: CallbackStep | None
) -> None:
    """Store what an event has done, and what is to be reported of it."""
    kind = kind_of_event(event, before.progress, after.progress)
    if kind is HappeningKind.WAITING and before.progress.step:
        # Only the first place that is known is of interest afterwards.
        kind = HappeningKind.POSITION if step and step.position and not before.position else None
    if kind is not None:
        await session.connection.execute(QUERIES["note_step"], *_row(before, after, kind, step))
    if kind is HappeningKind.WAITING and before.progress.attempt == 1:
        await _tell(session, after, "start")
    if after.progress.state is State.COMPLETED:
        await _tell(session, after, "end")


async def read(session: Session, callbacks: Sequence[UUID]) -> dict[str, list[Happening]]:
    """What happened to callbacks, by their ids, in order."""
    found: dict[str, list[Happening]] = {str(callback): [] for callback in callbacks}
    for row in await session.connection.fetch(QUERIES["steps_of"], list(callbacks)):
        found[str(row["callback_id"])].append(happening(row))
    return found


def happening(row: Any) -> Happening:
    """A row of the trail."""
    return Happening(
        callback=str(row["callback_id"]),
        line=row["line"],
        number=row["number"],
        attempt=row["attempt"],
        kind=HappeningKind(row["kind"]),
        at=row["at"].timestamp(),
        arrived_at=row["arrived_at"].timestamp(),
        lives=row["lives"],
        agent=row["agent_id"],
        result=row["result"],
        reason=row["reason"],
        position=row["position"],
        ewt=row["ewt"],
    )


def _row(before: Record, after: Record, kind: HappeningKind, step: CallbackStep | None) -> tuple[Any, ...]:
    progress = after.progress
    reason = progress.reason.value if progress.reason else ""
    lives = goes_on(before.progress, progress)
    failed = kind is HappeningKind.FAILED and progress.last_result is not None
    return (
        after.id,
        after.tenant,
        _line(after),
        after.number,
        before.progress.attempt,
        kind.value,
        moment(step.time if step else after.updated_at),
        # An attempt that ended stood where it stood, also if the callback was moved to another place.
        moment((progress if lives else before.progress).arrived_at),
        lives,
        step.agent_id if step else "",
        progress.last_result.value if failed and progress.last_result else "",
        (step.reason if step else "") or reason,
        after.position,
        after.ewt,
    )


def _line(record: Record) -> str:
    """Equals have service and priority in common; one with options of its own may have another target, and
    one that is kept for an agent lets others pass.
    """
    return (
        ""
        if record.details.options or record.details.agent
        else f"{record.tenant} {record.service} {record.priority}"
    )


async def _tell(session: Session, record: Record, what: str) -> None:
    await session.connection.execute(
        QUERIES["tell_report"], record.id, record.progress.attempt, what, moment(record.updated_at)
    )
