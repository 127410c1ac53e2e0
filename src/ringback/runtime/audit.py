"""The audit log: who changed what, written in the transaction of the change, and never changed itself.

One table of the platform's database (`audit.entries`); a trigger refuses to change or remove what is there.
Numbers, user data and secrets are left out or masked by whoever writes: people read `before` and `after`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from ringback.runtime.sql import load_queries

_QUERIES = load_queries("ringback.runtime", "audit.sql")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change.

    who: the user, or what acted. source: from where. action: as `callback.cancel`. subject: what was changed.
    before, after: what was there and what is there now; None: nothing.
    """

    tenant: str
    who: str
    source: str = ""
    action: str
    subject: str
    before: object = None
    after: object = None


async def record(connection: Any, change: Change, now: float) -> None:
    """Write an entry on the connection of the transaction in which the change is made."""
    await connection.execute(
        _QUERIES["insert_entry"],
        change.tenant,
        datetime.fromtimestamp(now, UTC),
        change.who,
        change.source,
        change.action,
        change.subject,
        _json(change.before),
        _json(change.after),
    )


def _json(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
