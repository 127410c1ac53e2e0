"""The callback as the service holds it: its request, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from ringback.domain.callbacks import Progress


class PushTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A device of the customer: the name of a push channel, and the device's registration token there."""

    channel: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00]+$")]
    target: Annotated[str, Meta(min_length=1, max_length=4096, pattern=r"^[^\x00]+$")]


class Details(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the request carried beside number, service and time; handed to the session, or only reported."""

    user_data: dict[str, Any] = {}
    route_point: str = ""
    offer_type: str = ""
    offer_timing: str = "<unspecified>"
    offer_threshold: float | None = None
    language: str = "en-US"
    push_targets: list[PushTarget] = []
    channel: str = ""
    inbound_vq: str = ""
    origination_ixn_id: str = "<unspecified>"
    survey_rp: str = ""
    timezone: str = ""
    options: dict[str, str] = {}
    agent: str = ""
    """This agent alone may have it for `agent_s` seconds from its time on."""
    agent_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Record:
    """One callback. Times are seconds since the epoch; `ewt` is seconds, -1 unknown."""

    id: UUID
    tenant: str
    service: str
    number: str
    created_at: float
    updated_at: float
    desired_at: float | None
    priority: int
    details: Details
    progress: Progress
    agent_id: str = ""
    conn_id: str = ""
    position: int | None = None
    ewt: float | None = None

    def after(self, progress: Progress, now: float) -> Record:
        """The record with its progress changed at `now`."""
        return replace(self, progress=progress, updated_at=now)


def identifiers(user_data: dict[str, Any] | None) -> dict[str, Any]:
    """The user data whose keys are JavaScript identifiers; others are ignored, as published."""
    return {key: value for key, value in (user_data or {}).items() if key.replace("$", "_").isidentifier()}
