"""Events that go into a session and outputs that come out of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import parse_qsl

from msgspec.structs import asdict

from .records import Fixed

Json = Any
"""A value that JSON can carry; XML travels as `{"$xml": text}`."""

SCXML_PROCESSOR = "http://www.w3.org/TR/scxml/#SCXMLEventProcessor"
HTTP_PROCESSOR = "http://www.w3.org/TR/scxml/#BasicHTTPEventProcessor"

EventType = Literal["platform", "internal", "external"]


class Event(Fixed, frozen=True):
    """An event as the application sees it in `_event` (SCXML 5.10.1)."""

    name: str
    type: EventType = "external"
    data: Json = None
    sendid: str | None = None
    origin: str | None = None
    origintype: str | None = None
    invokeid: str | None = None
    raw: str | None = None

    def to_json(self) -> dict[str, Json]:
        """The fields that are set."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, fields: Mapping[str, Json]) -> Event:
        """The inverse of `to_json`."""
        return cls(**fields)


def event_from_http(method: str, content_type: str, body: str, path: str = "") -> Event:
    """The event that a request to a session's HTTP location makes (SCXML C.2.1).

    The name is the form field `_scxmleventname`, else `HTTP.<METHOD>`.
    """
    is_form = content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded"
    fields: dict[str, Json] = dict(parse_qsl(body, keep_blank_values=True)) if is_form else {}
    name = fields.pop("_scxmleventname", None) or f"HTTP.{method.upper()}"
    raw = f"{method.upper()} {path or '/'}\r\nContent-Type: {content_type}\r\n\r\n{body}"
    data: Json = fields if is_form else body
    return Event(name, data=data, origintype=HTTP_PROCESSOR, raw=raw)


class Log(Fixed, frozen=True):
    """`<log>` was executed (SCXML 4.7)."""

    session: str
    label: str
    value: Json


class HttpPost(Fixed, frozen=True):
    """`<send>` with the basic HTTP event processor: the shell posts it (SCXML C.2).

    When that fails, feed `error.communication` with this `sendid` to the session.
    """

    session: str
    sendid: str
    url: str
    content_type: str
    body: str


class Fetch(Fixed, frozen=True):
    """`<invoke src>`: the shell fetches the document and calls `Interpreter.fetched`."""

    session: str
    invokeid: str
    url: str


class Action(Fixed, frozen=True):
    """An element of a foreign namespace was executed and asks the shell to do something.

    `number` counts the actions of the whole tree and survives a restore, so that
    `f"{session}:{number}"` names one action for ever.
    """

    session: str
    number: int
    namespace: str
    name: str
    payload: Mapping[str, Json]


class Ended(Fixed, frozen=True):
    """The root session is over. `error` is None when it came to its final state."""

    session: str
    final: str | None
    data: Json = None
    error: str | None = None


Output = Log | HttpPost | Fetch | Action | Ended
