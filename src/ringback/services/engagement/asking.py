"""What a client may say when it asks to be called back, and what of it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta, field

from ringback.services.engagement.records import Details, PushTarget, identifiers

_OFFER_TYPES = frozenset({"ASAP", "SCHEDULED", "COMBINED_SCHEDULED_AND_ASAP"})
_TIMINGS = frozenset({"OFF-HOURS", "ON-HOURS"})
Text = Annotated[str, Meta(max_length=4096)]


class CreateCallback(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`POST /engagement/v3/callbacks/create`; fields that are not known are ignored."""

    service_name: Annotated[str, Meta(min_length=1, max_length=255)]
    phone_number: Annotated[str, Meta(max_length=256)]
    desired_time: Text | None = None
    cb_offer_type: Text | None = None
    language: Text | None = None
    captcha_token: Annotated[str, Meta(max_length=16_384)] | None = None
    push_targets: Annotated[list[PushTarget], Meta(max_length=10)] | None = None
    inbound_vq: Text | None = field(default=None, name="inboundVQ")
    offer_threshold: float | None = None
    channel: Text | None = None
    offer_timing: Text | None = None
    cb_origination_ixn_id: Text | None = None
    survey_rp: Text | None = field(default=None, name="surveyRP")
    priority: Annotated[float, Meta(ge=-1_000_000, le=1_000_000)] | None = None
    route_point: Text | None = None
    user_data: dict[str, Any] | None = None
    always_check_capacity: bool = False
    timezone: Annotated[str, Meta(max_length=64)] | None = None
    options: dict[str, Annotated[str, Meta(max_length=256)]] | None = None


class KeptCallback(CreateCallback, frozen=True, kw_only=True, rename="camel"):
    """What the platform's own services may ask for beside: this agent alone may have it for so long."""

    agent: str = ""
    agent_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """Of a caller who has waited in line: since when, and when the line is free; seconds of the epoch."""

    arrived_at: float
    not_before: float


def details_of(asked: CreateCallback, desired: float | None) -> Details:
    """What is kept beside the callback itself: user data, offer, language, channel."""
    default = Details()
    offer_type = asked.cb_offer_type
    # A published client sends a sentence here unless it is told otherwise: it means the default.
    if offer_type not in _OFFER_TYPES:
        offer_type = "ASAP" if desired is None else "SCHEDULED"
    kept = asked if isinstance(asked, KeptCallback) else None
    return Details(
        user_data=identifiers(asked.user_data),
        route_point=asked.route_point or "",
        offer_type=offer_type,
        offer_timing=asked.offer_timing if asked.offer_timing in _TIMINGS else default.offer_timing,
        offer_threshold=asked.offer_threshold,
        language=asked.language or default.language,
        channel=asked.channel or "",
        inbound_vq=asked.inbound_vq or "",
        origination_ixn_id=asked.cb_origination_ixn_id or default.origination_ixn_id,
        survey_rp=asked.survey_rp or "",
        push_targets=asked.push_targets or [],
        timezone=asked.timezone or "",
        options=asked.options or {},
        agent=kept.agent if kept else "",
        agent_s=kept.agent_s if kept else 0.0,
    )
