"""All sockets of an endpoint: where it listens, what it calls itself, how bytes leave."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable

from ringback.sip.connection import Remote, StreamUser
from ringback.sip.opening import resolve_and_send
from ringback.sip.stream import StreamPool, Tls
from ringback.sip.transport import Destination, Source, is_address
from ringback.sip.udp import UdpSocket

_ANY = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound

Failed = Callable[[], None]


class Sockets:
    """UDP sockets and connections; `received` gets datagrams, `user` what connections have to say."""

    def __init__(
        self,
        received: Callable[[bytes, Source], None],
        user: StreamUser,
        advertised_host: str | None,
        tls: Tls,
    ) -> None:
        self._received = received
        self._advertised = advertised_host
        self.streams = StreamPool(user, tls)
        self.streams.source_for = self._source_for
        self._udp: list[UdpSocket] = []
        self._listening: dict[tuple[str, bool], tuple[str, int]] = {}
        """What is bound first for a transport and a version of IP (true: 6)."""
        self._local_hosts: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def bind_udp(self, host: str, port: int) -> tuple[str, int]:
        """Bind a UDP socket; returns the address that was bound. Raises OSError."""
        sock = UdpSocket.bind(host, port, self._received)
        self._udp.append(sock)
        self.listens("udp", (sock.host, sock.port))
        return sock.host, sock.port

    def listens(self, transport: str, bound: tuple[str, int]) -> None:
        """We can be reached there; what is bound first for a transport stands in Via and Contact."""
        self._listening.setdefault((transport, ":" in bound[0]), bound)

    def stop(self) -> list[asyncio.Task[None]]:
        """Send nothing any more; gives what is under way."""
        self._closed = True
        return list(self._tasks)

    def close_udp(self) -> None:
        """Close the UDP sockets."""
        for sock in self._udp:
            sock.close()

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self.streams)

    def behind(self, now: float) -> float:
        """Seconds that datagrams may have waited to be read (loop time)."""
        return max((sock.behind(now) for sock in self._udp), default=0.0)

    @property
    def is_behind(self) -> bool:
        """True if datagrams wait to be read."""
        return any(sock.is_behind for sock in self._udp)

    def read(self) -> None:
        """Read the datagrams that are there now, a batch of each socket at most."""
        for sock in self._udp:
            sock.read()

    def is_connected(self, destination: Destination) -> bool:
        """True if there is an open connection to a destination."""
        return self.streams.is_connected(_remote(destination, destination.host))

    def ping(self, destination: Destination) -> bool:
        """Ask whether the other side of a connection is there; False if there is none."""
        return self.streams.ping(_remote(destination, destination.host))

    def local_address(self, transport: str, toward: str) -> tuple[str, int]:
        """What this side says in Via and Contact for a transport, when it talks to host `toward`."""
        known = self._listening
        version = ":" in toward
        found = known.get((transport, version)) or known.get((transport, not version))
        host, port = found or next(iter(known.values()), ("127.0.0.1", 5060))
        if self._advertised and (
            (":" in self._advertised) == (":" in host) or not is_address(self._advertised)
        ):
            return self._advertised, port
        return (self._host_toward(toward) if host in _ANY else host), port

    def send(self, data: bytes, destination: Destination, failed: Failed) -> None:
        """Send bytes; `failed` is called, now or later, if they cannot go there."""
        if self._closed:
            return
        if type(destination) is Source:
            # On the way on which something came, as long as there is one.
            if destination.socket is not None:
                destination.socket.send(data, destination.host, destination.port, failed)
                return
            if destination.connection is not None and destination.connection.send(data):
                return
        elif destination.transport != "udp":
            connection = self.streams.open_to(_remote(destination, destination.host))
            if connection is not None:
                if not connection.send(data):
                    failed()
                return
        host = "127.0.0.1" if destination.host == "localhost" else destination.host
        if destination.transport == "udp" and not is_address(host):
            # A connection keeps its name: by that it is found again, and told of when it is lost.
            task = asyncio.get_running_loop().create_task(resolve_and_send(self, data, destination, failed))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        try:
            self._transmit(data, destination, host, failed)
        except OSError:
            asyncio.get_running_loop().call_soon(failed)

    def _transmit(self, data: bytes, destination: Destination, host: str, failed: Failed) -> None:
        if destination.transport == "udp":
            sock = next((item for item in self._udp if (":" in item.host) == (":" in host)), None)
            if sock is None:
                raise OSError("no UDP socket for this address")
            sock.send(data, host, destination.port, failed)
        else:
            self.streams.send(_remote(destination, host), data, failed)

    def _source_for(self, host: str) -> str:
        """Where we listen, if a connection can begin there: what the other side sees is what Via says."""
        found = next((known for (_, six), (known, _) in self._listening.items() if six == (":" in host)), "")
        if not found or found in _ANY or not is_address(host) or _is_local(found) != _is_local(host):
            return ""
        return found

    def _host_toward(self, toward: str) -> str:
        """The local address from which the kernel would talk to a host."""
        if not toward or not is_address(toward):
            return "127.0.0.1"
        if toward not in self._local_hosts:
            family = socket.AF_INET6 if ":" in toward else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((toward, 9))
                self._local_hosts[toward] = probe.getsockname()[0]
        return self._local_hosts[toward]


def _is_local(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback


def _remote(destination: Destination, host: str) -> Remote:
    return destination.transport, host, destination.port, destination.identity
