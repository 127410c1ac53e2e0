"""Peers that do not take what is sent to them: the kernel gives them up, where it can."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import suppress

UNREAD_S = 30.0
"""What a peer takes nothing of for so long is given up, with its connection."""
_BYTES_ACKED = 120
"""Where it stands in Linux's `struct tcp_info`: 8 bytes."""


def give_up_when_unread(transport: asyncio.BaseTransport) -> None:
    """End the connection when nothing of what waits was taken for UNREAD_S, also while it is closing.

    Where the system does not know that, nothing happens.
    """
    sock = transport.get_extra_info("socket")
    if sock is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD_S * 1000))


def taken(transport: asyncio.BaseTransport) -> int | None:
    """Bytes that the other end has acknowledged so far, as Linux tells it; elsewhere None."""
    sock = transport.get_extra_info("socket")
    if sock is None or not sys.platform.startswith("linux"):
        return None
    with suppress(OSError):
        told = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED + 8)
        if len(told) == _BYTES_ACKED + 8:
            return int.from_bytes(told[_BYTES_ACKED:], sys.byteorder)
    return None
