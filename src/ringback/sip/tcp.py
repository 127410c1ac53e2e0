"""TCP connections: framed, bounded, reused by remote address (RFC 3261 18.1.1, 18.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from ringback.sip.errors import SipParseError
from ringback.sip.framing import PONG, Ping, StreamFramer
from ringback.sip.transport import Source

# A peer that does not read is cut off before it fills the memory.
MAX_WRITE_BUFFER = 2 * 1024 * 1024
MAX_CONNECTIONS = 4096
STALLED_S = 30.0
"""A message that began must be whole after this many seconds."""
CONNECT_S = 5.0


class TcpUser(Protocol):
    """What a connection tells its owner."""

    def tcp_received(self, data: bytes, source: Source) -> None:
        """One whole message."""

    def tcp_lost(self, connection: TcpConnection) -> None:
        """The connection is gone."""

    def tcp_garbage(self, source: Source) -> None:
        """The stream could not be cut into messages; the connection is being closed."""


class TcpConnection(asyncio.Protocol):
    """One connection, accepted or made by us."""

    def __init__(self, pool: TcpPool) -> None:
        self._pool = pool
        self._framer = StreamFramer()
        self._transport: asyncio.Transport | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._out: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self._source = Source("tcp", "", 0)
        self.remote: tuple[str, int] = ("", 0)
        self.local: tuple[str, int] = ("", 0)

    @property
    def is_open(self) -> bool:
        """True if something can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, data: bytes) -> bool:
        """Queue bytes; False if the connection is closed or its peer does not read."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if transport.get_write_buffer_size() > MAX_WRITE_BUFFER:
            transport.abort()
            return False
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(data)
        return True

    def _flush(self) -> None:
        """Write what one turn of the loop has gathered: one system call for many messages."""
        out, self._out = self._out, []
        if self._transport is not None and out:
            self._transport.write(b"".join(out))

    def close(self) -> None:
        """Close after what is queued has been sent."""
        if self._transport is not None:
            self._flush()
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection is open."""
        self._transport = cast(asyncio.Transport, transport)
        self.remote = transport.get_extra_info("peername")[:2]
        self.local = transport.get_extra_info("sockname")[:2]
        self._source = Source("tcp", *self.remote, connection=self)
        self._pool.opened(self)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes arrived."""
        source = self._source
        try:
            items = self._framer.feed(data)
        except SipParseError:
            items = []
        for item in items:
            if isinstance(item, Ping):
                self.send(PONG)
            else:
                self._pool.user.tcp_received(item, source)
        if self._framer.broken:
            self._pool.user.tcp_garbage(source)
            self.close()
        else:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the connection is gone."""
        self._cancel_stall()
        self._transport = None
        self._source = Source("tcp", *self.remote)  # a connection that holds itself is left to the collector
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


class TcpPool:
    """All connections of an endpoint, its listeners, and the attempts to connect."""

    def __init__(self, user: TcpUser) -> None:
        self.user = user
        self._connections: set[TcpConnection] = set()
        self._by_remote: dict[tuple[str, int], TcpConnection] = {}
        self._connecting: dict[tuple[str, int], list[tuple[bytes, Callable[[], None]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []

    def __len__(self) -> int:
        """Open connections."""
        return len(self._connections)

    def is_connected(self, host: str, port: int) -> bool:
        """True if there is an open connection to this address."""
        connection = self._by_remote.get((host, port))
        return connection is not None and connection.is_open

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Accept connections; returns the address that was bound. Raises OSError."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: TcpConnection(self), host, port, backlog=1024)
        self._servers.append(server)
        name = server.sockets[0].getsockname()
        return name[0], name[1]

    def send(self, host: str, port: int, data: bytes, failed: Callable[[], None]) -> None:
        """Send on the connection to this address, opening one if needed; `failed` is called if that fails."""
        remote = (host, port)
        connection = self._by_remote.get(remote)
        if connection is not None and connection.is_open:
            if not connection.send(data):
                failed()
            return
        waiting = self._connecting.get(remote)
        if waiting is not None:
            waiting.append((data, failed))
            return
        self._connecting[remote] = [(data, failed)]
        task = asyncio.get_running_loop().create_task(self._connect(remote))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop listening, close every connection, forget what was not sent."""
        for server in self._servers:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in list(self._connections):
            connection.close()
        self._servers.clear()

    def opened(self, connection: TcpConnection) -> None:
        """A connection is open."""
        if len(self._connections) >= MAX_CONNECTIONS:
            connection.close()
            return
        self._connections.add(connection)
        self._by_remote[connection.remote] = connection

    def closed(self, connection: TcpConnection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        if self._by_remote.get(connection.remote) is connection:
            del self._by_remote[connection.remote]
        self.user.tcp_lost(connection)

    async def _connect(self, remote: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        connection: TcpConnection | None = None
        try:
            async with asyncio.timeout(CONNECT_S):
                _, connection = await loop.create_connection(lambda: TcpConnection(self), *remote)
        except OSError:
            connection = None
        finally:
            waiting = self._connecting.pop(remote, [])
        for data, failed in waiting:
            if connection is None or not connection.send(data):
                failed()
