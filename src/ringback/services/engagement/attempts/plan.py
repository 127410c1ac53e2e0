"""What the session of an attempt is told: how to dial, and what goes to the call with it."""

from __future__ import annotations

from typing import Any

import msgspec

from ringback.contracts.callbacks import DialPlan
from ringback.domain.callbacks import CallbackSettings
from ringback.services.engagement.records import Record

SERVICE_ID = "_CB_SERVICE_ID"
"""User data by which a report finds the callback of a call."""
_APPLICATIONS = {"CUSTOMER": "callback", "AGENT": "callback-agent-first"}
_SCHEDULED = "callback-scheduled"


def application(settings: CallbackSettings, *, scheduled: bool = False) -> str:
    """The shipped application that dials as the settings say; `scheduled`: a time was promised."""
    first = settings.userterminated_first_connect_party
    if settings.call_direction == "USERORIGINATED":
        return "callback-originated"
    return _SCHEDULED if scheduled and first == "CUSTOMER" else _APPLICATIONS[first]


def dial_plan(settings: CallbackSettings, record: Record) -> DialPlan:
    """How this callback is dialled now."""
    return DialPlan(
        first=settings.userterminated_first_connect_party,
        number=dialled_number(settings, record.number),
        preview=settings.agent_preview,
        preview_timeout=settings.agent_preview_timeout,
        allow_reject=settings.agent_preview_allow_reject,
        max_rejects=settings.agent_preview_max_rejects,
        reject_pause=settings.agent_reject_retry_timeout,
        display_name=settings.call_display_name,
        detect=settings.cpd_timeguard if settings.cpd_enable else 0,
        machine=settings.treatment_call_failure_answering_machine,
        message=settings.answering_machine_message,
        reserve=settings.agent_reserve_timeout,
        max_queue_wait=settings.max_queue_wait,
        snooze=settings.hold_enabled,
        increment=settings.urs_vq_priority_increment,
        interval=settings.urs_vq_priority_increment_interval,
        limit=settings.urs_vq_priority_limit,
        dials=record.progress.dials,
        attached=attached(settings, record),
        preferred_agent=record.details.agent,
        preferred_timeout=record.details.agent_s,
        customer_calls=(
            settings.pushed_callback_expiry_time if settings.call_direction == "USERORIGINATED" else 0
        ),
    )


def dialled_number(settings: CallbackSettings, number: str) -> str:
    """The number with the prefix that an outside line wants; behind a prefix there is no `+`."""
    prefix = settings.prefix_dial_out
    return prefix + number.removeprefix("+") if prefix else number


def attached(settings: CallbackSettings, record: Record) -> dict[str, Any]:
    """The user data of the call: the customer's in the form that the settings name, and the callback's id."""
    data, identity = record.details.user_data, {SERVICE_ID: str(record.id)}
    if settings.attach_udata == "single_json":
        return {"GMS_UserData": msgspec.json.encode(data).decode(), **identity} if data else identity
    if settings.attach_udata == "gms_storage_id":
        return {"GMS_StorageId": str(record.id), **identity}
    return {**data, **identity}
