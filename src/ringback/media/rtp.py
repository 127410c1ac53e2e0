"""RTP packets, their order and their statistics (RFC 3550), without I/O."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_HEADER = struct.Struct("!BBHII")
_SEQUENCE_MODULUS = 1 << 16
_TIMESTAMP_MODULUS = 1 << 32
MAX_DROPOUT = 3000
"""A jump ahead of this many packets is a restarted source (RFC 3550 A.1)."""


class RtpError(ValueError):
    """The bytes are not an RTP packet: the sender's fault, the packet is to be dropped."""


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One RTP packet (RFC 3550 5.1); header extension, CSRC list and padding are removed on parsing."""

    payload_type: int
    sequence: int
    """16 bits, wraps."""
    timestamp: int
    """32 bits, in samples of the payload's clock, wraps."""
    ssrc: int
    payload: bytes
    marker: bool = False

    @classmethod
    def parse(cls, data: bytes) -> RtpPacket:
        """Read a datagram. Raises RtpError for anything that is not RTP version 2."""
        if len(data) < 12:
            raise RtpError("shorter than an RTP header")
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
        if first >> 6 != 2:
            raise RtpError("not RTP version 2")
        if 72 <= second & 0x7F <= 76:
            raise RtpError("RTCP, not RTP (RFC 5761 4)")
        payload = data[_payload_start(data, first) : _payload_end(data, first)]
        return cls(second & 0x7F, sequence, timestamp, ssrc, payload, bool(second & 0x80))

    def build(self) -> bytes:
        """The datagram."""
        second = self.payload_type | (0x80 if self.marker else 0)
        return _HEADER.pack(0x80, second, self.sequence, self.timestamp, self.ssrc) + self.payload


def _payload_start(data: bytes, first: int) -> int:
    start = 12 + 4 * (first & 0x0F)
    if first & 0x10:
        if len(data) < start + 4:
            raise RtpError("header extension cut off")
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if start > len(data):
        raise RtpError("header longer than the datagram")
    return start


def _payload_end(data: bytes, first: int) -> int:
    if not first & 0x20:
        return len(data)
    padding = data[-1]
    if padding == 0 or padding > len(data) - _payload_start(data, first):
        raise RtpError("padding longer than the payload")
    return len(data) - padding


def sequence_distance(later: int, earlier: int) -> int:
    """Signed distance between two 16-bit sequence numbers, -32768 to 32767."""
    return ((later - earlier + 0x8000) & 0xFFFF) - 0x8000


def timestamp_distance(later: int, earlier: int) -> int:
    """Signed distance between two 32-bit timestamps."""
    return ((later - earlier + 0x80000000) & 0xFFFFFFFF) - 0x80000000


class RtpSender:
    """Numbers outgoing packets: one more sequence number each, the timestamp as told (RFC 3550 5.1)."""

    __slots__ = ("packets", "sequence", "ssrc", "timestamp")

    def __init__(self, ssrc: int, sequence: int = 0, timestamp: int = 0) -> None:
        """Start values should be random; they come from the caller because this class is pure."""
        self.ssrc = ssrc & 0xFFFFFFFF
        self.sequence = sequence % _SEQUENCE_MODULUS
        self.timestamp = timestamp % _TIMESTAMP_MODULUS
        self.packets = 0

    def build(
        self, payload_type: int, payload: bytes, *, marker: bool = False, timestamp: int | None = None
    ) -> bytes:
        """The next datagram; *timestamp* only when it differs from the running one (RFC 4733 2.5.1.2)."""
        stamp = self.timestamp if timestamp is None else timestamp
        second = payload_type | 0x80 if marker else payload_type
        sequence = self.sequence
        self.sequence = (sequence + 1) & 0xFFFF
        self.packets += 1
        return _HEADER.pack(0x80, second, sequence, stamp, self.ssrc) + payload

    def frame(self, payload_type: int, payload: bytes, samples: int, marker: bool) -> bytes:
        """`build` and `advance` in one step, for the packet that every leg sends 50 times a second."""
        second = payload_type | 0x80 if marker else payload_type
        stamp, sequence = self.timestamp, self.sequence
        self.timestamp = (stamp + samples) & 0xFFFFFFFF
        self.sequence = (sequence + 1) & 0xFFFF
        self.packets += 1
        return _HEADER.pack(0x80, second, sequence, stamp, self.ssrc) + payload

    def advance(self, samples: int) -> None:
        """Move the running timestamp; also called when nothing is sent, so that pauses keep their length."""
        self.timestamp = (self.timestamp + samples) % _TIMESTAMP_MODULUS


class ReceptionStatistics:
    """What came from one source, what was lost or late, and its jitter (RFC 3550 6.4.1, A.1, A.3, A.8)."""

    __slots__ = (
        "_base",
        "_cycles",
        "_highest",
        "_last_transit",
        "clock_rate",
        "jitter_samples",
        "octets",
        "received",
        "reordered",
        "ssrc",
    )

    def __init__(self, clock_rate: int = 8000) -> None:
        self.clock_rate = clock_rate
        self.ssrc: int | None = None
        self.received = 0
        self.octets = 0
        self.reordered = 0
        self.jitter_samples = 0.0
        self._base = self._highest = self._cycles = 0
        self._last_transit: float | None = None

    def update(self, packet: RtpPacket, now: float) -> None:
        """Count a packet that arrived at *now* (seconds). A new SSRC or a great jump starts over."""
        jump = 0 if self.ssrc is None else sequence_distance(packet.sequence, self._highest)
        if self.ssrc != packet.ssrc or abs(jump) > MAX_DROPOUT:
            self._restart(packet)
        elif jump > 0:
            if packet.sequence < self._highest:
                self._cycles += _SEQUENCE_MODULUS
            self._highest = packet.sequence
        else:
            self.reordered += 1
        self.received += 1
        self.octets += len(packet.payload)
        self._update_jitter(packet, now)

    def _restart(self, packet: RtpPacket) -> None:
        self.ssrc = packet.ssrc
        self._base = self._highest = packet.sequence
        self._cycles = 0
        self.received = self.octets = self.reordered = 0
        self.jitter_samples = 0.0
        self._last_transit = None

    def _update_jitter(self, packet: RtpPacket, now: float) -> None:
        transit = now * self.clock_rate - packet.timestamp
        if self._last_transit is not None:
            difference = abs(transit - self._last_transit)
            if difference < self.clock_rate * 10:  # a jump of the timestamp is not jitter
                self.jitter_samples += (difference - self.jitter_samples) / 16
        self._last_transit = transit

    @property
    def expected(self) -> int:
        """Packets that the source sent, judged by its sequence numbers."""
        return 0 if self.ssrc is None else self._cycles + self._highest - self._base + 1

    @property
    def lost(self) -> int:
        """Packets expected and not received; duplicates never make it negative."""
        return max(0, self.expected - self.received)

    @property
    def jitter_ms(self) -> float:
        """Interarrival jitter in milliseconds."""
        return self.jitter_samples * 1000 / self.clock_rate


class ReorderBuffer:
    """Puts packets of one source back in order, waiting for at most *depth* later packets.

    A packet in order leaves at once. One that is early waits until the gap closes or *depth* packets
    wait, then the missing ones are given up. Late packets and duplicates are dropped.
    """

    __slots__ = ("_next", "_ssrc", "_waiting", "depth", "dropped")

    def __init__(self, depth: int = 4) -> None:
        self.depth = depth
        self.dropped = 0
        self._ssrc: int | None = None
        self._next = 0
        self._waiting: dict[int, RtpPacket] = {}

    def push(self, packet: RtpPacket) -> list[RtpPacket]:
        """Take a packet in; returns those that are now in order."""
        distance = sequence_distance(packet.sequence, self._next)
        if packet.ssrc != self._ssrc or abs(distance) > MAX_DROPOUT:
            self._ssrc = packet.ssrc
            self._waiting.clear()
            self._next = packet.sequence
        elif distance < 0 or packet.sequence in self._waiting:
            self.dropped += 1
            return []
        self._waiting[packet.sequence] = packet
        ready = self._run()
        if len(self._waiting) >= self.depth:
            self._next = min(self._waiting, key=lambda number: sequence_distance(number, self._next))
            ready += self._run()
        return ready

    def _run(self) -> list[RtpPacket]:
        ready = []
        while (packet := self._waiting.pop(self._next, None)) is not None:
            ready.append(packet)
            self._next = (self._next + 1) % _SEQUENCE_MODULUS
        return ready
