"""Callbacks that agents have promised, in PostgreSQL until engagement has them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from ringback.contracts.campaigns import CampaignEvent
from ringback.services.tenant.campaigns.store import Session


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """A callback that an agent has promised. `event`: what is told when it is booked or refused."""

    attempt: UUID
    service: str
    number: str
    call_at: float
    data: dict[str, Any]
    event: CampaignEvent


async def promise(session: Session, its: Promise) -> None:
    """Write down a callback that is to be booked; once for each attempt."""
    data, event = (msgspec.json.encode(each).decode() for each in (its.data, its.event))
    await session.execute("promise", its.attempt, its.service, its.number, its.call_at, data, event)


async def promises(session: Session, now: float) -> list[Promise]:
    """Callbacks that are to be booked now."""
    return [
        Promise(
            attempt=row["attempt"],
            service=row["service"],
            number=row["number"],
            call_at=row["call_at"],
            data=msgspec.json.decode(row["data"]),
            event=msgspec.json.decode(row["event"], type=CampaignEvent),
        )
        for row in await session.fetch("promises", now)
    ]


async def later(session: Session, attempt: UUID, try_at: float) -> None:
    """Engagement was not there."""
    await session.execute("promise_later", attempt, try_at)


async def kept(session: Session, attempt: UUID) -> bool:
    """It is booked, or refused; False when another node was quicker."""
    return bool(await session.execute("promise_kept", attempt))
