"""All connections of an endpoint: accepted, made, reused by remote address (RFC 3261 18.1.1)."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from ringback.sip.connection import Remote, StreamConnection, StreamUser
from ringback.sip.transport import WEB

MAX_CONNECTIONS = 4096
CONNECT_S = 5.0
CLOSE_S = 1.0
"""So long the other side has to take what was sent, and over TLS to say that it has (RFC 8446 6.1)."""


@dataclass(frozen=True, slots=True)
class Tls:
    """What an endpoint needs for TLS: `server` to listen, `client` to connect and to check whom it met."""

    server: ssl.SSLContext | None = None
    client: ssl.SSLContext | None = None


class StreamPool:
    """All connections of an endpoint, its listeners, and the attempts to connect."""

    def __init__(self, user: StreamUser, tls: Tls) -> None:
        self.user = user
        self._tls = tls
        self._connections: set[StreamConnection] = set()
        self._by_remote: dict[Remote, StreamConnection] = {}
        self._connecting: dict[Remote, list[tuple[bytes, Callable[[], None]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._empty: asyncio.Event | None = None
        """Set when the last connection is gone; there while all are being closed."""
        self.source_for: Callable[[str], str] = lambda host: ""
        """The address from which a host is connected to; empty: the kernel chooses."""

    def __len__(self) -> int:
        """Open connections."""
        return len(self._connections)

    def is_connected(self, remote: Remote) -> bool:
        """True if there is an open connection to this address."""
        return self.open_to(remote) is not None

    def ping(self, remote: Remote) -> bool:
        """See `StreamConnection.ping`."""
        connection = self._by_remote.get(remote)
        return connection is not None and connection.ping()

    async def listen(self, transport: str, host: str, port: int) -> tuple[str, int]:
        """Accept connections of a transport; returns what was bound. Raises OSError, ValueError."""
        secure = self._tls.server if transport in ("tls", "wss") else None
        if transport in ("tls", "wss") and secure is None:
            raise ValueError(f"{transport} needs a certificate")
        server = await asyncio.get_running_loop().create_server(
            lambda: StreamConnection(self, transport),
            host,
            port,
            backlog=1024,
            ssl=secure,
            ssl_handshake_timeout=CONNECT_S if secure else None,
        )
        self._servers.append(server)
        name = server.sockets[0].getsockname()
        return name[0], name[1]

    def open_to(self, remote: Remote) -> StreamConnection | None:
        """The open connection to this address, if there is one."""
        connection = self._by_remote.get(remote)
        return connection if connection is not None and connection.is_open else None

    def send(self, remote: Remote, data: bytes, failed: Callable[[], None]) -> None:
        """Send on the connection to this address, opening one if needed; `failed` is called if that fails."""
        connection = self.open_to(remote)
        if connection is not None:
            if not connection.send(data):
                failed()
            return
        if remote[0] in WEB:
            # A browser cannot be called; it has to come (RFC 7118 5).
            asyncio.get_running_loop().call_soon(failed)
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
        await self._close_all()
        self._servers.clear()

    async def _close_all(self) -> None:
        """The loop may end after this: a connection that is still being closed would be left over."""
        self._empty = asyncio.Event()
        for connection in list(self._connections):
            connection.close()
        if self._connections:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), CLOSE_S)
        for connection in list(self._connections):
            connection.abort()

    def opened(self, connection: StreamConnection) -> None:
        """A connection is open."""
        if len(self._connections) >= MAX_CONNECTIONS:
            connection.close()
            return
        self._connections.add(connection)
        self._by_remote[connection.remote] = connection

    def closed(self, connection: StreamConnection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        for remote in (connection.remote, connection.asked):
            if self._by_remote.get(remote) is connection:
                del self._by_remote[remote]
        if self._empty is not None and not self._connections:
            self._empty.set()
        self.user.stream_lost(connection)

    async def _connect(self, remote: Remote) -> None:
        connection: StreamConnection | None = None
        try:
            async with asyncio.timeout(CONNECT_S):
                connection = await self._open(remote)
        except (OSError, ssl.CertificateError):
            connection = None
        finally:
            waiting = self._connecting.pop(remote, [])
        if connection is not None:
            connection.asked = remote
            self._by_remote[remote] = connection
        for data, failed in waiting:
            if connection is None or not connection.send(data):
                failed()

    async def _open(self, remote: Remote) -> StreamConnection:
        """Connect; over TLS only to a peer whose certificate names the domain asked for (RFC 5922 7)."""
        transport, host, port, domain = remote
        secure = self._tls.client if transport == "tls" else None
        if transport == "tls" and secure is None:
            raise OSError("TLS is not set up")
        named = (domain or host) if secure else ""

        def made() -> StreamConnection:
            connection = StreamConnection(self, transport)
            connection.expected = named if secure and secure.verify_mode is ssl.CERT_REQUIRED else ""
            return connection

        loop, source = asyncio.get_running_loop(), self.source_for(host)
        _, connection = await loop.create_connection(
            made,
            host,
            port,
            ssl=secure,
            server_hostname=named or None,
            local_addr=(source, 0) if source else None,
        )
        if not connection.is_open:
            raise OSError(f"no certificate of {named}")
        return connection
