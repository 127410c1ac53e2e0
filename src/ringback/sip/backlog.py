"""What waits in a datagram socket, as the kernel knows it (Linux; elsewhere little is known)."""

from __future__ import annotations

import fcntl
import math
import socket
import struct
import time

_SIOCGSTAMP = 0x8906
_SO_MEMINFO = 55
_WORDS = struct.Struct("9I")
_DROPS = 8
"""The place of the number of dropped datagrams in the answer to SO_MEMINFO."""
_TIMEVAL = struct.Struct("@ll")


def is_waiting(sock: socket.socket) -> bool:
    """True if there is something to be read."""
    try:
        sock.recv(1, socket.MSG_PEEK)
    except OSError:
        return False
    return True


def age_of_last(sock: socket.socket) -> float:
    """Seconds since the datagram that was read last had come in; infinite where the kernel does not tell."""
    try:
        answer = fcntl.ioctl(sock.fileno(), _SIOCGSTAMP, bytes(_TIMEVAL.size))
    except (OSError, ValueError):
        return math.inf
    seconds, micros = _TIMEVAL.unpack(answer)
    return max(0.0, time.time() - float(seconds) - float(micros) / 1e6)


def dropped_by_kernel(sock: socket.socket) -> int:
    """How many datagrams found no room since the socket was made; 0 where the kernel does not tell."""
    try:
        words = sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _WORDS.size)
    except OSError:
        return 0
    return int(_WORDS.unpack(words)[_DROPS]) if len(words) == _WORDS.size else 0
