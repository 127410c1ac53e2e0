"""Listening, connecting and closing: the coroutines of sockets, apart from what runs with each message."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import TYPE_CHECKING

from ringback.sip.connection import Remote, StreamConnection
from ringback.sip.handlers import Handlers
from ringback.sip.transport import Destination, is_address

if TYPE_CHECKING:
    from ringback.sip.sockets import Failed, Sockets
    from ringback.sip.stream import StreamPool

CONNECT_S = 5.0
CLOSE_S = 1.0
"""So long the other side has to take what was sent, and over TLS to say that it has (RFC 8446 6.1)."""


async def listen_udp(sockets: Sockets, host: str, port: int) -> tuple[str, int]:
    """Bind a UDP socket; returns the address that was bound. Raises OSError."""
    return sockets.bind_udp(host, port)


async def listen(sockets: Sockets, transport: str, host: str, port: int) -> tuple[str, int]:
    """Listen for connections; returns the address that was bound. Raises OSError, ValueError."""
    pool = sockets.streams
    secure = pool.tls.server if transport in ("tls", "wss") else None
    if transport in ("tls", "wss") and secure is None:
        raise ValueError(f"{transport} needs a certificate")
    server = await asyncio.get_running_loop().create_server(
        lambda: StreamConnection(pool, transport, accepted=True),
        host,
        port,
        backlog=1024,
        ssl=secure,
        ssl_handshake_timeout=CONNECT_S if secure else None,
    )
    pool.servers.append(server)
    name = server.sockets[0].getsockname()
    bound = name[0], name[1]
    sockets.listens(transport, bound)
    return bound


async def close(sockets: Sockets, handlers: Handlers) -> None:
    """Close everything."""
    await handlers.close()
    tasks = sockets.stop()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await _close_streams(sockets.streams)
    sockets.close_udp()


async def _close_streams(pool: StreamPool) -> None:
    for server in pool.servers:
        server.close()
    tasks = list(pool.tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # The loop may end after this: a connection that is still being closed would be left over.
    gone = pool.close_connections()
    if gone is not None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(gone.wait(), CLOSE_S)
        pool.abort_connections()


async def resolve_and_send(sockets: Sockets, data: bytes, destination: Destination, failed: Failed) -> None:
    """Ask for the address of a host, and send a datagram."""
    try:
        host = await _address_of(destination.host, destination.port, socket.SOCK_DGRAM)
    except OSError:
        failed()
        return
    sockets.send(data, Destination(destination.transport, host, destination.port), failed)


async def _address_of(host: str, port: int, kind: socket.SocketKind) -> str:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=kind)
    return str(found[0][4][0])


async def connect(pool: StreamPool, remote: Remote) -> None:
    """Connect to where something waits to be sent, and tell the pool what came of it."""
    connection: StreamConnection | None = None
    try:
        async with asyncio.timeout(CONNECT_S):
            connection = await _open(pool, remote)
    except (OSError, ssl.CertificateError):
        connection = None
    finally:
        waiting = pool.waiting_for(remote)
    pool.connected(remote, connection, waiting)


async def _open(pool: StreamPool, remote: Remote) -> StreamConnection:
    """Connect; over TLS only to a peer whose certificate names the domain asked for (RFC 5922 7)."""
    transport, host, port, domain = remote
    secure = pool.tls.client if transport == "tls" else None
    if transport == "tls" and secure is None:
        raise OSError("TLS is not set up")
    named = (domain or host) if secure else ""
    if not secure and not is_address(host):  # TLS holds the name itself against the certificate
        host = await _address_of(host, port, socket.SOCK_STREAM)

    def made() -> StreamConnection:
        connection = StreamConnection(pool, transport)
        connection.expected = named if secure and secure.verify_mode is ssl.CERT_REQUIRED else ""
        return connection

    source = pool.source_for(host)
    _, connection = await asyncio.get_running_loop().create_connection(
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
