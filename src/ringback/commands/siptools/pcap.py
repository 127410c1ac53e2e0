"""Traced messages as a capture file that Wireshark reads: raw IP, each message in a UDP datagram. Pure.

The framing is made up (a message over TCP or TLS stands in one datagram, readable); the addresses are those
that were seen.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable

from ringback.commands.siptools.ladder import Arrow
from ringback.contracts.sip_trace import TracedMessage

_GLOBAL = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 101)  # 101: the packets begin with IP
_UDP = 17
_MOST = 65_000


def capture(arrows: Iterable[Arrow]) -> bytes:
    """The whole file."""
    return _GLOBAL + b"".join(_packet(arrow.time, arrow.message) for arrow in arrows)


def _packet(time: float, seen: TracedMessage) -> bytes:
    ends = (seen.local, seen.peer) if seen.direction == "out" else (seen.peer, seen.local)
    data = _ip(*ends, seen.data[:_MOST])
    whole = int(time)
    return struct.pack("<IIII", whole, int((time - whole) * 1e6), len(data), len(data)) + data


def _ip(sender: tuple[str, int], receiver: tuple[str, int], payload: bytes) -> bytes:
    source, target = _address(sender[0]), _address(receiver[0])
    if source.version != target.version:
        target = ipaddress.ip_address("0.0.0.0" if source.version == 4 else "::")  # noqa: S104 - an address to show
    length = 8 + len(payload)
    ports = struct.pack("!HHH", sender[1], receiver[1], length)
    if source.version == 6:
        ends = source.packed + target.packed
        # Over IPv6 the checksum may not be left out, and is never sent as nothing (RFC 8200 8.1).
        check = _checksum(ends + struct.pack("!II", length, _UDP) + ports + payload) or 0xFFFF
        udp = ports + struct.pack("!H", check) + payload
        return struct.pack("!IHBB", 6 << 28, length, _UDP, 64) + ends + udp
    udp = ports + b"\0\0" + payload
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, _UDP, 0) + source.packed + target.packed
    return head[:10] + struct.pack("!H", _checksum(head)) + head[12:] + udp


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    even = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(even) // 2}H", even))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return ipaddress.ip_address("0.0.0.0")  # noqa: S104 - a name that cannot stand in a packet
