"""What agents have entered, in PostgreSQL, and the callbacks they promised, until engagement has them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from ringback.contracts.campaigns import CampaignEvent
from ringback.services.tenant.campaigns.store import Attempt, Session


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """A callback that an agent has promised, who alone may have it for `agent_s` seconds from its time on.
    `event`: what is told when it is booked or refused.
    """

    attempt: UUID
    service: str
    number: str
    call_at: float
    data: dict[str, Any]
    event: CampaignEvent
    agent_s: float = 0.0


async def promise(session: Session, its: Promise) -> None:
    """Write down a callback that is to be booked; once for each attempt."""
    data, event = (msgspec.json.encode(each).decode() for each in (its.data, its.event))
    await session.execute(
        "promise", its.attempt, its.service, its.number, its.call_at, data, event, its.agent_s
    )


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
            agent_s=row["agent_s"],
        )
        for row in await session.fetch("promises", now)
    ]


async def later(session: Session, attempt: UUID, try_at: float) -> None:
    """Engagement was not there."""
    await session.execute("promise_later", attempt, try_at)


async def kept(session: Session, attempt: UUID) -> bool:
    """It is booked, or refused; False when another node was quicker."""
    return bool(await session.execute("promise_kept", attempt))


async def enter(session: Session, attempt: Attempt) -> None:
    """Keep what an agent says a talk has come to."""
    its = attempt.entered
    await session.execute("enter_outcome", attempt.id, its.name, its.by, its.at)
    await session.execute("note_outcome", attempt.list, attempt.key, its.name)


async def reopen(session: Session, list_: str, key: str, due_at: float) -> None:
    """A record that was done is to be dialled once more."""
    await session.execute("reopen_record", list_, key, due_at)
