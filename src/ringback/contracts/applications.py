"""What orchestration and the designer say to each other, and what media asks about a call."""

from __future__ import annotations

from typing import Any, Literal
from zlib import crc32

import msgspec


class FetchRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An application asks for something outside: the designer carries it out when the host is allowed."""

    url: str
    method: str = "GET"
    headers: dict[str, str] = {}
    body: str = ""
    timeout_s: float = 5.0


class FetchReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came back; `status` is that of the outside."""

    status: int
    content_type: str = ""
    body: str = ""
    etag: str = ""
    fresh_s: int = 0
    """Seconds for which the answer may be kept (`Cache-Control: max-age`)."""


class CallData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What orchestration knows of a call, for the voice platform (11200)."""

    tenant: str
    conn_id: str
    session_id: str
    kind: str
    """inbound or callback."""
    route_point: str = ""
    ani: str = ""
    dnis: str = ""
    states: list[str] = []
    """Active states of the application."""
    user_data: dict[str, Any] = {}


def application_path(tenant: str, name: str) -> str:
    """The path of an application at the designer."""
    return f"/apps/{tenant}/{name}.scxml"


StepKind = Literal["event", "action", "timer", "states"]


class SessionStep(msgspec.Struct, frozen=True, kw_only=True):
    """What a session took in (event, timer), asked for (action), or where it came to rest (states)."""

    time: float
    """Seconds since the epoch."""
    kind: StepKind
    name: str


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A live session in a list."""

    session: str
    tenant: str
    kind: str
    node: str
    application: str
    route_point: str
    started: float
    """Seconds since the epoch."""
    states: list[str]
    pending: list[str]
    """Actions that are not done yet."""


class SessionTrace(msgspec.Struct, frozen=True, kw_only=True):
    """A live session looked into; no user data, no numbers of people."""

    row: SessionRow
    steps: list[SessionStep]
    data: dict[str, str]
    """Each variable of the application with the shape of its value: kinds and names, no content."""
    timers: dict[str, float]
    """Delayed events and when they are due, seconds since the epoch."""


class ApplicationVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a tenant's application; it never changes."""

    version: int
    """From 1."""
    published: bool
    """Whether new sessions run it."""
    created_at: float
    """Seconds since the epoch."""
    etag: str


class ApplicationVersions(msgspec.Struct, frozen=True, kw_only=True):
    """All versions of a tenant's application, the oldest first, and whether there is a draft."""

    name: str
    draft: bool
    versions: list[ApplicationVersion]


class RollBack(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Serve an earlier version; without a number the one before that which is served."""

    version: int | None = None


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What part of an application's new sessions runs another version than the published one.

    An interaction stays on its side: the side is told by its name (see `shared`).
    """

    percent: int
    """1 to 100."""
    version: int | None = None
    """None: the draft."""


HEADER_SHARE = "X-Ringback-Share"
"""With a served application, while it is shared: `VERSION PERCENT`; version 0 is the draft."""


def shared(application: str, interaction: str, percent: int) -> bool:
    """Whether this interaction is on the side of the other version."""
    return crc32(f"{application} {interaction}".encode()) % 100 < percent
