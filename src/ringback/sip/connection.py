"""One connection: TCP, TLS or WebSocket; framed and bounded (RFC 3261 18.3)."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from ringback.sip import identity
from ringback.sip.errors import SipParseError
from ringback.sip.framing import PING, PONG, Ping, StreamFramer, Torn
from ringback.sip.transport import WEB, Source
from ringback.sip.websocket import WebSocketFramer

# A peer that does not read is cut off before it fills the memory.
MAX_WRITE_BUFFER = 2 * 1024 * 1024
STALLED_S = 30.0
"""So soon a message that began must be whole, and who has connected must have said something."""
PONG_S = 10.0
GATHER_S = 0.001
"""A connection that has just written waits so long for more: a write costs as much as building a message."""

Remote = tuple[str, str, int, str]
"""Transport, host, port of the other side, and what its certificate must name where that is not the host."""


class StreamUser(Protocol):
    """What a connection tells its owner."""

    def stream_received(self, data: bytes, source: Source) -> None:
        """One whole message."""

    def stream_lost(self, connection: StreamConnection) -> None:
        """The connection is gone."""

    def stream_garbage(self, source: Source, torn: Torn | None) -> None:
        """The stream could not be cut into messages; the connection is closed once this has been answered."""


class Pool(Protocol):
    """Who owns connections."""

    @property
    def user(self) -> StreamUser:
        """Who gets what comes."""

    def opened(self, connection: StreamConnection) -> None:
        """A connection is open."""

    def closed(self, connection: StreamConnection) -> None:
        """A connection is gone."""


class StreamConnection(asyncio.Protocol):
    """One connection, accepted or made by us."""

    def __init__(self, pool: Pool, transport: str, *, accepted: bool = False) -> None:
        self._pool = pool
        self._accepted = accepted
        self._name = transport
        self._framer: StreamFramer | WebSocketFramer = (
            WebSocketFramer() if transport in WEB else StreamFramer()
        )
        self._transport: asyncio.Transport | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._heard = 0
        self._life: asyncio.TimerHandle | None = None
        self._pong: asyncio.TimerHandle | None = None
        self._out: list[bytes] = []
        self._written_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._source = Source(transport, "", 0)
        self.remote: Remote = (transport, "", 0, "")
        self.expected = ""
        """What the certificate of the other side must name; nothing where it has come to us."""
        self.asked: Remote = self.remote
        """What we connected to: over TLS by the name that the certificate must bear."""

    @property
    def is_open(self) -> bool:
        """True if something can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def names(self) -> list[tuple[str, int]]:
        """Host and port of the other side, and what we connected to where that was a name."""
        here, asked = self.remote[1:3], self.asked[1:3]
        return [here] if asked in (here, ("", 0)) else [here, asked]

    @property
    def certificate(self) -> identity.Peer:
        """What the other side has shown and an authority vouches for; empty if that is nothing."""
        secured = self._transport.get_extra_info("ssl_object") if self._transport is not None else None
        return (secured.getpeercert() or {}) if secured is not None else {}

    def send(self, data: bytes) -> bool:
        """Queue a message; False if the connection is closed or its peer does not read."""
        return self._queue(self._framer.wrap(data))

    def _queue(self, data: bytes) -> bool:
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if transport.get_write_buffer_size() > MAX_WRITE_BUFFER:
            transport.abort()
            return False
        if not self._out:
            if self._loop.time() - self._written_at < GATHER_S:
                self._loop.call_later(GATHER_S, self._flush)
            else:
                self._loop.call_soon(self._flush)
        self._out.append(data)
        return True

    def _flush(self) -> None:
        """Write what has been gathered: one system call for many messages."""
        out, self._out = self._out, []
        if self._transport is not None and out:
            self._transport.write(b"".join(out))
            self._written_at = self._loop.time()

    def close(self) -> None:
        """Close after what is queued has been sent."""
        if self._transport is not None:
            self._flush()
            self._transport.close()

    def abort(self) -> None:
        """Close at once: what is queued is lost."""
        if self._transport is not None:
            self._transport.abort()

    def expect_life(self, every_s: float) -> None:
        """The other side has promised to say something, if only a line break, every so many seconds.

        Once it does not, the connection is closed (RFC 5626 4.4).
        """
        if self._life is not None:
            self._life.cancel()
        self._life = self._loop.call_later(every_s, self._look_for_life, self._heard, every_s)

    def _look_for_life(self, heard: int, every_s: float) -> None:
        if self._heard != heard:
            self.expect_life(every_s)
        elif self._transport is not None:
            self._transport.abort()

    def ping(self) -> bool:
        """Ask whether the other side is there; False if the connection is closed.

        It is closed unless something comes within ten seconds (RFC 5626 3.5.1, 4.4.1).
        """
        if self._pong is not None:
            self._pong.cancel()
        self._pong = self._loop.call_later(PONG_S, self._look_for_pong, self._heard)
        return self._queue(PING)

    def _look_for_pong(self, heard: int) -> None:
        if self._heard == heard and self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection is open, and its TLS handshake done."""
        self._transport = cast(asyncio.Transport, transport)
        if self.expected and not _is(transport, self.expected):
            self._transport.abort()
            return
        host, port = transport.get_extra_info("peername")[:2]
        self.remote = (self._name, host, port, "")
        self._source = Source(self._name, host, port, connection=self)
        self._pool.opened(self)
        if self._accepted and not self._transport.is_closing():
            self._stall = self._loop.call_later(STALLED_S, self.close)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes arrived."""
        self._heard += 1
        source = self._source
        try:
            items = self._framer.feed(data)
        except SipParseError:
            items = []
        for item in items:
            if isinstance(item, Ping):
                self.send(PONG)
            else:
                self._pool.user.stream_received(item, source)
        if answer := self._framer.answer():
            self._queue(answer)
        if self._framer.broken:
            self._pool.user.stream_garbage(source, self._framer.torn)
            self.close()
        else:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the connection is gone."""
        self._cancel_stall()
        for timer in (self._life, self._pong):
            if timer is not None:
                timer.cancel()
        self._transport = None
        self._source = Source(*self.remote[:3])  # a connection that holds itself is left to the collector
        self._pool.closed(self)

    def _watch(self) -> None:
        if not self._framer.pending:
            self._cancel_stall()
        elif self._stall is None:
            self._stall = asyncio.get_running_loop().call_later(STALLED_S, self.close)

    def _cancel_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None


def _is(transport: asyncio.BaseTransport, domain: str) -> bool:
    secured = transport.get_extra_info("ssl_object")
    return secured is not None and identity.names(secured.getpeercert() or {}, domain)
