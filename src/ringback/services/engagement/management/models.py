"""What the management API answers and takes about callbacks. Times are ISO 8601 in UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from ringback.domain.callbacks import DialResult, Reason, State
from ringback.domain.numbers import masked
from ringback.domain.quiet import zones_of_number
from ringback.services.engagement.asking import CreateCallback
from ringback.services.engagement.records import Record
from ringback.services.engagement.store import moment

MOST_IDS = 1_000
Text = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00]+$")]
Texts = Annotated[list[Text], Meta(min_length=1, max_length=1_000)]


class CallbackRow(msgspec.Struct, frozen=True, kw_only=True):
    """One callback in a list. number: masked unless the user may see numbers of this service.

    desired: when it is wanted, or was asked for. due: when the scheduler takes it, while SCHEDULED.
    customer_zone: IANA name of the customer's time zone, as the request told it, else that of the number's
    country if it has only one; empty: not known.
    """

    id: UUID
    service: str
    state: State
    reason: Reason | None
    number: str
    desired: datetime
    created: datetime
    updated: datetime
    due: datetime | None
    offer_type: str
    channel: str
    priority: int
    attempt: int
    dials: int
    last_result: DialResult | None
    customer_zone: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Up to 250 callbacks. next: cursor of the following page. total: of all that fit, at most 10000."""

    items: list[CallbackRow]
    next: str | None
    total: int
    capped: bool


class HistoryStep(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a callback. result: how the attempt's dial ended, at the step that ended it."""

    at: datetime
    state: State
    reason: Reason | None
    attempt: int
    dialled: bool
    result: DialResult | None
    agent: str
    due: datetime | None


class CallbackWhole(msgspec.Struct, frozen=True, kw_only=True):
    """One callback with all that is known. user_data: empty unless the user may see numbers here."""

    callback: CallbackRow
    position: int | None
    ewt: int | None
    expires: datetime
    agent: str
    language: str
    timezone: str
    offer_timing: str
    inbound_queue: str
    origination: str
    user_data: dict[str, Any]
    history: list[HistoryStep]


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """The callback that is there now."""

    id: UUID


class Recreate(msgspec.Struct, frozen=True, kw_only=True):
    """desired_time: ISO 8601, as of a create; absent: as soon as possible."""

    desired_time: Annotated[str, Meta(max_length=64)] | None = None


class Filter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which callbacks; what is absent is not asked about.

    desired_range, updated_range: today, next_24_hours, next_7_days, next_2_weeks, last_24_hours, last_7_days,
    last_14_days, or days from today as `-2..2`; days are those of `timezone`. number: the whole number; only
    callbacks whose numbers the user may see are found by it.
    """

    id: UUID | None = None
    states: Annotated[list[State], Meta(min_length=1)] | None = None
    reasons: Annotated[list[Reason], Meta(min_length=1)] | None = None
    services: Texts | None = None
    number: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00]+$")] | None = None
    offer_types: Texts | None = None
    desired_from: datetime | None = None
    desired_to: datetime | None = None
    desired_range: Annotated[str, Meta(max_length=32)] | None = None
    updated_from: datetime | None = None
    updated_to: datetime | None = None
    updated_range: Annotated[str, Meta(max_length=32)] | None = None
    timezone: Annotated[str, Meta(max_length=64)] = "UTC"


class Cancellation(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel by `ids` or by `filter`, of which at most 1000 at a time. dry_run: only count them."""

    ids: Annotated[list[UUID], Meta(min_length=1, max_length=MOST_IDS)] | None = None
    filter: Filter | None = None
    dry_run: bool = False


class Cancelled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one: `cancelled`, or the slug of why not."""

    id: UUID
    result: str


class Cancellations(msgspec.Struct, frozen=True, kw_only=True):
    """matched: how many could be cancelled when it was asked, at most 10000. Ask again while any are left."""

    matched: int
    cancelled: int
    results: list[Cancelled]


def row_of(record: Record, *, number: bool) -> CallbackRow:
    """The callback as a list shows it; `number`: whole, else masked."""
    progress = record.progress
    return CallbackRow(
        id=record.id,
        service=record.service,
        state=progress.state,
        reason=progress.reason,
        number=record.number if number else masked(record.number),
        desired=moment(progress.arrived_at if record.desired_at is None else record.desired_at),
        created=moment(record.created_at),
        updated=moment(record.updated_at),
        due=None if progress.due_at is None else moment(progress.due_at),
        offer_type=record.details.offer_type,
        channel=record.details.channel,
        priority=record.priority,
        attempt=progress.attempt,
        dials=progress.dials,
        last_result=progress.last_result,
        customer_zone=_zone(record),
    )


def _zone(record: Record) -> str:
    if record.details.timezone:
        return record.details.timezone
    zones = zones_of_number(record.number)
    return zones[0].key if len(zones) == 1 else ""


def again(record: Record, desired_time: str | None) -> CreateCallback:
    """The request that books the same once more."""
    details = record.details
    return CreateCallback(
        service_name=record.service,
        phone_number=record.number,
        desired_time=desired_time,
        cb_offer_type=None if desired_time else details.offer_type,
        language=details.language,
        push_targets=details.push_targets or None,
        inbound_vq=details.inbound_vq or None,
        offer_threshold=details.offer_threshold,
        channel=details.channel or None,
        offer_timing=details.offer_timing,
        cb_origination_ixn_id=details.origination_ixn_id,
        survey_rp=details.survey_rp or None,
        priority=record.priority,
        route_point=details.route_point or None,
        user_data=details.user_data,
        timezone=details.timezone or None,
    )
