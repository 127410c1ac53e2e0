"""A callback as the public API shows it."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from ringback.domain.callbacks import Reason, State
from ringback.services.engagement.records import Record


class CallbackId(msgspec.Struct, frozen=True, kw_only=True):
    """The id of a callback, in the body of a request or in an answer."""

    id: UUID


class CallbackView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One callback as the API shows it; position and wait (seconds) only while it is in the queue."""

    id: UUID
    desired_time: str
    callback_state: State
    phone_number: str
    callback_reason: Reason | None = None
    position_in_queue: int | None = None
    estimated_wait_time: int | None = None


def view(record: Record, position: int | None, ewt: int | None) -> CallbackView:
    """What the API shows of a callback, with its place in the queue and its wait where they are known."""
    progress = record.progress
    wanted = progress.arrived_at if record.desired_at is None else record.desired_at
    return CallbackView(
        id=record.id,
        desired_time=_iso(wanted),
        callback_state=progress.state,
        callback_reason=progress.reason,
        phone_number=record.number,
        position_in_queue=position,
        estimated_wait_time=ewt,
    )


def _iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
