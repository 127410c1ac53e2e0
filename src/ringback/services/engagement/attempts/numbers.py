"""One number is dialled for one callback at a time."""

from __future__ import annotations

from ringback.runtime.sql import load_queries
from ringback.services.engagement.records import Record
from ringback.services.engagement.store import Session

QUERIES = load_queries("ringback.services.engagement.attempts")


async def is_taken(session: Session, record: Record) -> bool:
    """Whether this callback's number is being dialled, or talked to, for another one.

    The answer holds until the transaction ends: nobody else is answered about this number before that.
    """
    await session.connection.execute(QUERIES["lock_number"], record.tenant, record.number)
    taken: bool = await session.connection.fetchval(
        QUERIES["number_taken"], record.tenant, record.number, record.id
    )
    return taken
