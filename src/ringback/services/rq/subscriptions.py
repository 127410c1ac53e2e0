"""Subscribers of the streams: each is told from its own cursor on, so that a client that was away misses
nothing.

What this node has appended it tells without reading it again: a subscriber who has been told everything up to
the entry that stood before is told the new ones as soon as Valkey has them. Whoever has not, reads the stream
until that is so; and all look once a second whether another node has appended something.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from ringback.contracts.rq import requests_stream, results_stream
from ringback.domain.routing.messages import VOICE
from ringback.runtime.link import LinkSession
from ringback.runtime.streams import StreamEntry, end_of, parse_entries
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_BATCH = 50
"""Entries sent in one turn of the loop: whoever asks meanwhile is answered between two portions."""
_LOOK_S = 1.0
_RETRY_S = 0.2
_TASKS = "subscriptions"

Role = Literal["orchestration", "router", "interactions"]
"""`interactions`: the results of other media than voice."""


_REQUEST = (
    b'{"jsonrpc":"2.0","method":"request","params":{"cursor":"%b","type":"%b","sequence":%b,"tenant":%b%b,'
    b'"request":%b}}'
)
_RESULT = b'{"jsonrpc":"2.0","method":"result","params":%b,"cursor":"%b"}}'

Appended = tuple[bytes, dict[str, bytes]]
"""An entry that this node has appended: its id and its fields."""


class _Media(msgspec.Struct):
    media: str = VOICE


class _Follower:
    """One session that follows one stream. `cursor`: the last entry that it was told. `up_to_date`: nothing
    stood behind that when it was last looked.
    """

    def __init__(self, session: LinkSession, tenant: str, role: Role, cursor: str) -> None:
        self.session = session
        self.role = role
        self.stream = requests_stream(tenant) if role == "router" else results_stream(tenant)
        self.cursor = cursor
        self.up_to_date = False
        self._tenant = msgspec.json.encode(tenant)
        self._news = asyncio.Event()

    def tell(self, entries: Sequence[StreamEntry]) -> int:
        """Send entries that follow the last one; how many are for this role."""
        lines = [line for entry in entries if (line := _line(entry, self.role, self._tenant))]
        self.session.send_lines(lines)
        self.cursor = entries[-1].id
        return len(lines)

    def follows(self, before: str) -> bool:
        """Whether what comes behind that entry can be told now."""
        return self.up_to_date and self.cursor == before and not self.session.lags

    def look(self) -> None:
        """There is something that has to be read."""
        self.up_to_date = False
        self._news.set()

    async def news(self) -> None:
        """Return when there is something to read, or it is time to look."""
        try:
            async with asyncio.timeout(_LOOK_S):
                await self._news.wait()
        except TimeoutError:
            pass
        self.up_to_date = False
        self._news.clear()


class Subscriptions:
    """Follows the streams for the sessions that asked for it."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._valkey = ctx.valkey.using("voice-6")
        self._followers: set[_Follower] = set()
        self.reads = 0
        self.sent = 0

    @property
    def active(self) -> int:
        """How many streams are being followed."""
        return len(self._followers)

    async def add(self, session: LinkSession, tenant: str, role: Role, cursor: str) -> str:
        """Follow a stream for a session from behind `cursor` on (empty: from now); the cursor that was
        taken.
        """
        follower = _Follower(session, tenant, role, cursor)
        if not cursor:
            follower.cursor = await end_of(self._valkey, follower.stream)
        running: dict[tuple[str, str], asyncio.Task[None]] = session.state.setdefault(_TASKS, {})
        before = running.pop((tenant, role), None)
        if before is not None:
            before.cancel()
        running[tenant, role] = self._ctx.spawn(self._follow(follower), f"follow-{role}-{tenant}")
        return follower.cursor

    def drop(self, session: LinkSession) -> None:
        """The session has gone."""
        for task in session.state.pop(_TASKS, {}).values():
            task.cancel()

    def appended(self, stream: str, before: bytes, appended: Sequence[Appended]) -> None:
        """This node has appended entries to a stream, of which `before` was the last entry until then."""
        if not appended:
            return
        entries = [StreamEntry(stream, entry.decode(), fields) for entry, fields in appended]
        last = before.decode()
        for follower in self._followers:
            if follower.stream != stream:
                continue
            if follower.follows(last):
                self.sent += follower.tell(entries)
            else:
                follower.look()

    def look(self, stream: str) -> None:
        """Something was appended to a stream that has to be read."""
        for follower in self._followers:
            if follower.stream == stream:
                follower.look()

    async def _follow(self, follower: _Follower) -> None:
        self._followers.add(follower)
        try:
            while True:
                try:
                    await self._catch_up(follower)
                    await follower.news()
                except (ValkeyUnavailable, ValkeyError):
                    await asyncio.sleep(_RETRY_S)
        except ConnectionError:
            return
        finally:
            self._followers.discard(follower)

    async def _catch_up(self, follower: _Follower) -> None:
        """Tell what stands behind the cursor, until nothing does."""
        while not follower.up_to_date:
            read = ("XREAD", "COUNT", _BATCH, "STREAMS", follower.stream, follower.cursor)
            reply = await self._valkey.call(*read)
            self.reads += 1
            entries = parse_entries(follower.stream, reply[0][1]) if reply else []
            if entries:
                self.sent += follower.tell(entries)
                await follower.session.drain()
            follower.up_to_date = len(entries) < _BATCH


def _line(entry: StreamEntry, role: Role, tenant: bytes) -> bytes:
    """The notification of a result as it is, of a request under `request` with its type, both with the cursor
    beside them; empty for what is not for this role. What was stored is JSON: it is passed on unread.
    """
    fields, cursor = entry.fields, entry.id.encode()
    body = fields["e"]
    if role == "router":
        at = b',"at":%b' % fields["at"] if "at" in fields else b""
        return _REQUEST % (cursor, fields["type"], fields.get("sequence", b"0"), tenant, at, body)
    if role == "interactions" and msgspec.json.decode(body, type=_Media).media == VOICE:
        return b""
    return _RESULT % (body[:-1], cursor)
