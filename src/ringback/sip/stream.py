"""All connections of an endpoint: accepted, made, reused by remote address (RFC 3261 18.1.1)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from ringback.sip.connection import Remote, StreamConnection, StreamUser
from ringback.sip.opening import connect
from ringback.sip.transport import WEB

MAX_CONNECTIONS = 4096
Unsent = tuple[bytes, Callable[[], None]]


@dataclass(frozen=True, slots=True)
class Tls:
    """What an endpoint needs for TLS: `server` to listen, `client` to connect and to check whom it met."""

    server: ssl.SSLContext | None = None
    client: ssl.SSLContext | None = None


class StreamPool:
    """All connections of an endpoint, its listeners, and the attempts to connect."""

    def __init__(self, user: StreamUser, tls: Tls) -> None:
        self.user = user
        self.tls = tls
        self._connections: set[StreamConnection] = set()
        self._by_remote: dict[Remote, StreamConnection] = {}
        self._connecting: dict[Remote, list[Unsent]] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.servers: list[asyncio.Server] = []
        self.all_gone: asyncio.Event | None = None
        """Set when the last connection is gone; there while all are being closed."""
        self._by_host: dict[str, int] = {}
        """How many there are to one host."""
        self.most = MAX_CONNECTIONS
        self.most_of: Callable[[str], int] = lambda host: MAX_CONNECTIONS
        """How many there may be in all, and to one host."""
        self.refused = 0
        """Connections that were closed because there were too many."""
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
        task = asyncio.get_running_loop().create_task(connect(self, remote))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def close_connections(self) -> asyncio.Event | None:
        """Close every connection and listen no more; what is set when all are gone, if any are there."""
        self.all_gone = asyncio.Event() if self._connections else None
        for connection in list(self._connections):
            connection.close()
        self.servers.clear()
        return self.all_gone

    def abort_connections(self) -> None:
        """Close what is still there; what was not sent is forgotten."""
        for connection in list(self._connections):
            connection.abort()

    def opened(self, connection: StreamConnection) -> None:
        """A connection is open."""
        host = connection.remote[1]
        of_host = self._by_host.get(host, 0)
        if len(self._connections) >= self.most or of_host >= self.most_of(host):
            self.refused += 1
            connection.close()
            return
        self._by_host[host] = of_host + 1
        self._connections.add(connection)
        self._by_remote[connection.remote] = connection

    def closed(self, connection: StreamConnection) -> None:
        """A connection is gone."""
        if connection in self._connections:
            self._connections.discard(connection)
            self._one_less(connection.remote[1])
        for remote in (connection.remote, connection.asked):
            if self._by_remote.get(remote) is connection:
                del self._by_remote[remote]
        if self.all_gone is not None and not self._connections:
            self.all_gone.set()
        self.user.stream_lost(connection)

    def _one_less(self, host: str) -> None:
        left = self._by_host[host] - 1
        if left:
            self._by_host[host] = left
        else:
            del self._by_host[host]

    def waiting_for(self, remote: Remote) -> list[Unsent]:
        """What waited for a connection, which is there now or will never be."""
        return self._connecting.pop(remote, [])

    def connected(self, remote: Remote, connection: StreamConnection | None, waiting: list[Unsent]) -> None:
        """An attempt to connect has come to something, or to nothing."""
        if connection is not None:
            connection.asked = remote
            self._by_remote[remote] = connection
        for data, failed in waiting:
            if connection is None or not connection.send(data):
                failed()
