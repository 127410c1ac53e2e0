"""DTMF digits: as RTP events (RFC 4733), and heard in the audio (ITU-T Q.23, Q.24)."""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass

import numpy as np

from ringback.media.g711 import FRAME_SAMPLES, SAMPLE_RATE
from ringback.media.rtp import RtpPacket, timestamp_distance
from ringback.media.tone import Samples, samples_of, sine

DIGITS = "0123456789*#ABCD"
"""The digits in the order of their event codes (RFC 4733 3.2)."""
TELEPHONE_EVENT = 101
"""The dynamic payload type that nearly everybody uses for telephone-event."""
_EVENT = struct.Struct("!BBH")
_END_REPEATS = 3


@dataclass(frozen=True, slots=True)
class TelephoneEvent:
    """The payload of one telephone-event packet (RFC 4733 2.3)."""

    event: int
    end: bool
    volume: int
    """dB below 0 dBm0."""
    duration: int
    """Samples since the event began."""

    @classmethod
    def parse(cls, payload: bytes) -> TelephoneEvent:
        """Read a payload. Raises ValueError when it is too short."""
        if len(payload) < 4:
            raise ValueError("telephone-event payload shorter than four bytes")
        event, flags, duration = _EVENT.unpack_from(payload)
        return cls(event, bool(flags & 0x80), flags & 0x3F, duration)

    def build(self) -> bytes:
        """The payload."""
        return _EVENT.pack(self.event, (0x80 if self.end else 0) | self.volume, self.duration)


@dataclass(frozen=True, slots=True)
class EventPacket:
    """A telephone-event to send now."""

    payload: bytes
    marker: bool
    offset: int
    """Samples between the beginning of the event, which is its timestamp, and now."""


class DtmfSender:
    """Turns digits into telephone-event payloads, one every 20 ms: the tone, three ends, a pause."""

    __slots__ = ("_elapsed", "_frames", "_pause", "_volume", "pending")

    def __init__(self, tone_ms: int = 100, pause_ms: int = 60, volume: int = 10) -> None:
        self._frames = tone_ms // 20
        self._pause = pause_ms // 20
        self._volume = volume
        self.pending: deque[int] = deque()
        """Codes of the digits that wait to be sent, or are being sent."""
        self._elapsed = 0

    def send(self, digits: str) -> None:
        """Queue digits. Raises ValueError for one that is not DTMF; nothing is queued then."""
        codes = [DIGITS.find(digit) for digit in digits.upper()]
        if -1 in codes:
            raise ValueError(f"not DTMF digits: {digits!r}")
        self.pending.extend(codes)

    def next_packet(self) -> EventPacket | None:
        """The packet of this 20 ms, or None in the pause between digits and when there is nothing."""
        if not self.pending:
            return None
        index, self._elapsed = self._elapsed, self._elapsed + 1
        if index >= self._frames + _END_REPEATS:
            if index + 1 >= self._frames + _END_REPEATS + self._pause:
                self.pending.popleft()
                self._elapsed = 0
            return None
        duration = min(index + 1, self._frames) * FRAME_SAMPLES
        event = TelephoneEvent(self.pending[0], index >= self._frames, self._volume, duration)
        return EventPacket(event.build(), index == 0, index * FRAME_SAMPLES)


class DtmfReceiver:
    """Reports each digit once, at the first packet of its event that arrives, however many are lost."""

    __slots__ = ("_last", "_ssrc")

    def __init__(self) -> None:
        self._last: int | None = None
        self._ssrc: int | None = None

    def receive(self, packet: RtpPacket) -> str | None:
        """The digit that begins with this packet, or None. Raises ValueError for a broken payload."""
        event = TelephoneEvent.parse(packet.payload)
        known = self._last is not None and self._ssrc == packet.ssrc
        if known and timestamp_distance(packet.timestamp, self._last or 0) <= 0:
            return None
        self._last, self._ssrc = packet.timestamp, packet.ssrc
        return DIGITS[event.event] if event.event < len(DIGITS) else None


_ROWS = (697.0, 770.0, 852.0, 941.0)
_COLUMNS = (1209.0, 1336.0, 1477.0, 1633.0)
_KEYPAD = ("123A", "456B", "789C", "*0#D")
_BLOCK = 205
"""Samples of one Goertzel block: the eight frequencies then fall near whole bins (25.6 ms)."""
_ANGLES = 2 * np.pi * np.outer(_ROWS + _COLUMNS, np.arange(_BLOCK)) / SAMPLE_RATE
_COSINES, _SINES = np.cos(_ANGLES), np.sin(_ANGLES)
_LEAST_ENERGY = 1e-5
_TWIST = 6.3
"""Largest power ratio of the two tones: 8 dB (Q.24)."""


def digit_tone(digit: str, seconds: float = 0.1, level_dbfs: float = -13.0) -> bytes:
    """The in-band tone of a digit, as pcm. Raises ValueError when it is not a DTMF digit."""
    for row, keys in zip(_ROWS, _KEYPAD, strict=True):
        if (column := keys.find(digit.upper())) >= 0 and len(digit) == 1:
            low = np.frombuffer(sine(row, seconds, level_dbfs), "<i2")
            high = np.frombuffer(sine(_COLUMNS[column], seconds, level_dbfs), "<i2")
            return bytes((low + high).tobytes())
    raise ValueError(f"not a DTMF digit: {digit!r}")


class InbandDtmfDetector:
    """Hears DTMF in the audio: a digit counts when two blocks in a row agree, and again after a pause."""

    __slots__ = ("_candidate", "_reported", "_samples")

    def __init__(self) -> None:
        self._samples = np.zeros(0)
        self._candidate: str | None = None
        self._reported: str | None = None

    def push(self, pcm: bytes) -> list[str]:
        """Take audio in; returns the digits that were recognised in it."""
        self._samples = np.concatenate((self._samples, samples_of(pcm)))
        digits = []
        while len(self._samples) >= _BLOCK:
            heard = _digit_of(self._samples[:_BLOCK])
            self._samples = self._samples[_BLOCK:]
            if heard == self._candidate:
                if heard is not None and heard != self._reported:
                    digits.append(heard)
                self._reported = heard
            self._candidate = heard
        return digits


def _digit_of(block: Samples) -> str | None:
    """The digit in one block: a row and a column rule it, in balance, and hold most of its energy."""
    energy = float(block @ block)
    if energy / _BLOCK < _LEAST_ENERGY:
        return None
    power = (_COSINES @ block) ** 2 + (_SINES @ block) ** 2
    row, column = int(power[:4].argmax()), int(power[4:].argmax())
    low, high = float(power[row]), float(power[4 + column])
    if low > high * _TWIST or high > low * _TWIST:
        return None
    if 2 * (low + high) / _BLOCK < 0.7 * energy:
        return None
    return _KEYPAD[row][column]
