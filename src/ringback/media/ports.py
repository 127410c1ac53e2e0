"""Which UDP ports RTP is sent from."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from itertools import chain


class NoPortError(OSError):
    """Every port of the range is taken."""


class PortRange:
    """Even UDP ports from *low* to *high* in turn; 0 and 0 let the system choose."""

    def __init__(self, low: int = 0, high: int = 0) -> None:
        """Raises ValueError when the range holds no even port."""
        self._ports = range(low + low % 2, high + 1, 2) if low else range(1)
        if not self._ports:
            raise ValueError("the port range holds no even port")
        self._next = 0

    def bind(self, host: str) -> socket.socket:
        """A bound non-blocking socket. Raises NoPortError when all ports are taken."""
        for port in self._candidates():
            sock = socket.socket(_family(host), socket.SOCK_DGRAM)
            try:
                sock.bind((host, port))
                sock.setblocking(False)
                return sock
            except OSError:
                sock.close()
        raise NoPortError(f"no free RTP port on {host}")

    def _candidates(self) -> Iterator[int]:
        start = self._next
        for index in chain(range(start, len(self._ports)), range(start)):
            self._next = (index + 1) % len(self._ports)
            yield self._ports[index]


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
