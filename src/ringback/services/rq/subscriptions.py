"""Subscribers of the streams: each reads from its own cursor, so that a client that was away misses
nothing.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

import msgspec

from ringback.contracts.rq import RequestTold, end_of, requests_stream, results_stream
from ringback.domain.routing.messages import VOICE
from ringback.runtime.link import LinkSession
from ringback.runtime.streams import StreamEntry, parse_entries
from ringback.runtime.valkey import Valkey, ValkeyError, ValkeyUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_BATCH = 50
"""Entries sent in one turn of the loop: whoever asks meanwhile is answered between two portions."""
_BLOCK_MS = 1000
_RETRY_S = 0.2
_TASKS = "subscriptions"

Role = Literal["orchestration", "router", "interactions"]
"""`interactions`: the results of other media than voice."""


_encode = msgspec.json.encode


class _Media(msgspec.Struct):
    media: str = VOICE


class _Told(msgspec.Struct):
    method: str
    params: RequestTold
    jsonrpc: str = "2.0"


class Subscriptions:
    """Follows the streams for the sessions that asked for it."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.reads = 0
        self.sent = 0

    @property
    def active(self) -> int:
        """How many streams are being followed."""
        return self._active

    _active = 0

    async def add(self, session: LinkSession, tenant: str, role: Role, cursor: str) -> str:
        """Follow a stream for a session from behind `cursor` on (empty: from now); the cursor that was
        taken.
        """
        stream = requests_stream(tenant) if role == "router" else results_stream(tenant)
        start = cursor or await end_of(self._ctx.valkey.using("voice-6"), stream)
        running: dict[tuple[str, str], asyncio.Task[None]] = session.state.setdefault(_TASKS, {})
        before = running.pop((tenant, role), None)
        if before is not None:
            before.cancel()
        name = f"follow-{role}-{tenant}"
        running[tenant, role] = self._ctx.spawn(self._follow(session, stream, role, start), name)
        return start

    def drop(self, session: LinkSession) -> None:
        """The session has gone."""
        for task in session.state.pop(_TASKS, {}).values():
            task.cancel()

    async def _follow(self, session: LinkSession, stream: str, role: Role, cursor: str) -> None:
        self._active += 1
        valkey: Valkey | None = None
        try:
            while True:
                try:
                    valkey = valkey or await self._ctx.valkey.dedicated(f"{self._ctx.node}-rq-{role}")
                    cursor = await self._read(valkey, session, stream, role, cursor)
                except (ValkeyUnavailable, ValkeyError):
                    await asyncio.sleep(_RETRY_S)
        except ConnectionError:
            return
        finally:
            self._active -= 1
            if valkey is not None:
                with suppress(ValkeyUnavailable):
                    await asyncio.shield(self._ctx.valkey.release(valkey))

    async def _read(self, valkey: Valkey, session: LinkSession, stream: str, role: Role, cursor: str) -> str:
        read = ("XREAD", "COUNT", _BATCH, "BLOCK", _BLOCK_MS, "STREAMS", stream)
        reply = await valkey.call(*read, cursor)
        self._ctx.connections.count("voice-6", received=1)
        self.reads += 1
        for _, rows in reply or ():
            entries = parse_entries(stream, rows)
            lines = [line for entry in entries if (line := _line(entry, role))]
            session.send_lines(lines)
            self.sent += len(lines)
            cursor = entries[-1].id if entries else cursor
            await session.drain()
        return cursor


def _told(entry: StreamEntry) -> RequestTold:
    fields = entry.fields
    at = float(fields["at"]) if "at" in fields else None
    sequence = int(fields.get("sequence", b"0"))
    return RequestTold(entry.id, fields["type"].decode(), sequence, msgspec.Raw(fields["e"]), at)


def _line(entry: StreamEntry, role: Role) -> bytes:
    """The notification of a result as it is, of a request under `request` with its type, both with the cursor
    behind them; empty for what is not for this role. What was stored is JSON: it is passed on unread.
    """
    body = entry.fields["e"]
    if role == "router":
        return _encode(_Told("request", _told(entry)))
    if role == "interactions" and msgspec.json.decode(body, type=_Media).media == VOICE:
        return b""
    return b'{"jsonrpc":"2.0","method":"result","params":%b,"cursor":"%b"}}' % (body[:-1], entry.id.encode())
