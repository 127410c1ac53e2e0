"""The UDP socket (RFC 3261 18)."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from collections.abc import Callable

from ringback.sip.backlog import age_of_last, dropped_by_kernel, is_waiting
from ringback.sip.transactions import Timers
from ringback.sip.transport import Source

MAX_DATAGRAM = 65_535
# Datagrams read in one turn of the loop: enough to be cheap, few enough to let others run.
_BATCH = 64
_MOST_SOURCES = 1024
_REPEATED_S = 2 * Timers().t1
"""What the kernel had no room for comes again after T1, and may find none again (RFC 3261 17.1.1.2)."""
_RECEIVE_BUFFER = 4 * 1024 * 1024


class UdpSocket:
    """One bound UDP socket, read in batches straight from the event loop's selector."""

    def __init__(self, sock: socket.socket, received: Callable[[bytes, Source], None]) -> None:
        self._sock = sock
        self._received = received
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray(MAX_DATAGRAM)
        self._out: list[tuple[bytes, tuple[str, int], Callable[[], None]]] = []
        self._sources: dict[tuple[str, int], Source] = {}
        """Who has sent something: mostly the same few."""
        self.host, self.port = sock.getsockname()[:2]
        self.dropped = 0
        """Datagrams that the kernel would not take; retransmission makes up for them."""
        self._behind_since: float | None = None
        self._overflown = 0
        self._loop.add_reader(sock.fileno(), self._readable)

    @classmethod
    def bind(cls, host: str, port: int, received: Callable[[bytes, Source], None]) -> UdpSocket:
        """Bind a socket. Raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            if family == socket.AF_INET6:
                # As TCP listens: the addresses of the older version would come in disguise.
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((host, port))
        except OSError:
            sock.close()
            raise
        return cls(sock, received)

    def send(self, data: bytes, host: str, port: int, failed: Callable[[], None]) -> None:
        """Send a datagram at the end of this turn; `failed` is called if it can never go there."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append((data, (host, port), failed))

    def _flush(self) -> None:
        """Send what has been gathered: who is woken by the first datagram is awake for the others."""
        out, self._out = self._out, []
        for data, address, failed in out:
            try:
                self._sock.sendto(data, address)
            except BlockingIOError:
                self.dropped += 1
            except OSError:
                failed()

    def behind(self, now: float) -> float:
        """Seconds that datagrams wait now to be read; 0: the socket was read empty. To be asked regularly.

        What the kernel had no room for since the last question waits until it is repeated.
        """
        wait = 0.0
        if self._behind_since is not None:
            if is_waiting(self._sock):
                wait = min(now - self._behind_since, age_of_last(self._sock))
            else:  # exactly as many had come as are read at once
                self._behind_since = None
        overflown, self._overflown = self._overflown, dropped_by_kernel(self._sock)
        return max(wait, _REPEATED_S) if self._overflown > overflown else wait

    @property
    def is_behind(self) -> bool:
        """True if it was not read empty when it was read last."""
        return self._behind_since is not None

    def age_of_last(self) -> float:
        """Seconds since what was read last had come in; 0 where the kernel does not tell."""
        age = age_of_last(self._sock)
        return age if age < math.inf else 0.0

    def read(self) -> None:
        """Read what is there now, a batch at most."""
        self._readable()

    def close(self) -> None:
        """Send what is left, stop reading and close."""
        self._flush()
        with contextlib.suppress(ValueError, OSError):
            self._loop.remove_reader(self._sock.fileno())
        self._sock.close()
        self._sources.clear()  # each holds this

    def _readable(self) -> None:
        for _ in range(_BATCH):
            try:
                size, address = self._sock.recvfrom_into(self._buffer)
            except (BlockingIOError, InterruptedError):
                self._behind_since = None
                return
            except OSError:
                # An ICMP error of an earlier send is no reason to stop reading.
                continue
            source = self._sources.get(address)
            if source is None:
                if len(self._sources) >= _MOST_SOURCES:
                    self._sources.clear()
                source = self._sources[address] = Source("udp", address[0], address[1], socket=self)
            self._received(bytes(memoryview(self._buffer)[:size]), source)
            if self._sock.fileno() < 0:
                return
        if self._behind_since is None:
            self._behind_since = self._loop.time()
