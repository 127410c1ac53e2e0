"""Wrong codes: counted by caller and by group, and neither is looked at for a while after too many."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from ringback.runtime.sql import load_queries
from ringback.services.engagement.callins.models import Group
from ringback.services.engagement.store import Session

_QUERIES = load_queries("ringback.services.engagement.callins")
_ALL = ""
_LONGEST_LOCK_S = 86_400.0


def caller_key(number: str) -> str:
    """What a caller is counted by; callers without a number are counted as one."""
    return hashlib.sha256(f"caller {number}".encode()).hexdigest()[:32]


async def one_at_a_time(session: Session, tenant: str, caller: str) -> None:
    """Let codes of one caller, on however many calls, be looked at one after another."""
    await session.connection.execute(_QUERIES["lock_guesses"], f"{tenant} {caller}")


async def is_locked(session: Session, tenant: str, groups: list[str], caller: str, now: float) -> bool:
    """Whether codes of this caller, or of anybody, are not looked at now."""
    asked = (tenant, groups, [_ALL, caller], _moment(now))
    return await session.connection.fetchval(_QUERIES["is_locked"], *asked) is not None


async def note_wrong(
    session: Session, tenant: str, groups: dict[str, Group], caller: str, now: float
) -> None:
    """Count one wrong code against its caller and against the groups that it was not of."""
    for name in sorted(groups):
        group = groups[name]
        for key, most in ((_ALL, group.wrong_in_all), (caller, group.wrong_by_caller)):
            row = (tenant, name, key, _moment(now), most, float(group.lock_s))
            await session.connection.execute(_QUERIES["note_wrong"], *row)


async def forgive(session: Session, tenant: str, groups: list[str], caller: str) -> None:
    """Forget the wrong codes of a caller who has given the right one."""
    await session.connection.execute(_QUERIES["forgive"], tenant, groups, caller)


async def tidy(session: Session, now: float) -> None:
    """Forget counts that no lock can rest on any more."""
    await session.connection.execute(_QUERIES["forget_wrong"], _moment(now - 2 * _LONGEST_LOCK_S))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
