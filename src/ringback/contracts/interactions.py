"""Interactions of other media than voice: a foreign interaction server carries them, we route them.

It submits to rq (`SubmitRequest` with `kind` interaction and a `media`) and subscribes there in the role
`interactions`. What becomes of an interaction at the agent it writes to `{t}:events:interactions`: any event
keeps the agent's place for it, `EventInteractionEnded` gives it back.
"""

from __future__ import annotations

import msgspec

from ringback.contracts.names import tlib

ENDED = "EventInteractionEnded"


class InteractionEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=tlib):
    """Something that happened to an interaction."""

    id: str
    """EventInteractionAccepted, EventInteractionUpdated, EventInteractionEnded."""
    time: float
    """Seconds since the epoch."""
    tenant: str
    interaction_id: str
    media_type: str
    agent_id: str = ""
    reservation_id: str = ""
    """That of the RouteResult."""
    reason: str = ""


class InteractionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The reply to RequestInteractionStatus: `waiting`, `reserved`, `unknown`, or how it left the router."""

    interaction_id: str
    state: str
    queue: str = ""
    position: int = 0
    agent_id: str = ""
    media_type: str = ""


def interactions_stream(tenant: str) -> str:
    """The events of interactions."""
    return f"{{{tenant}}}:events:interactions"
