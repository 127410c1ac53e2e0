"""Recording: what a leg said, as a WAV file (RIFF, PCM 16 bits, 8 kHz, mono)."""

from __future__ import annotations

import io
import wave

from ringback.media.g711 import SAMPLE_RATE
from ringback.media.rtp import timestamp_distance

_MAX_GAP_SAMPLES = SAMPLE_RATE * 10
"""A longer jump of the timestamp is a new source, not a pause."""


def write_wav(pcm: bytes) -> bytes:
    """The WAV file that holds *pcm*."""
    target = io.BytesIO()
    with wave.open(target, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(pcm)
    return target.getvalue()


def read_wav(data: bytes) -> bytes:
    """The pcm of a WAV file as `write_wav` makes it. Raises ValueError for any other kind."""
    try:
        with wave.open(io.BytesIO(data)) as source:
            if (source.getnchannels(), source.getsampwidth(), source.getframerate()) != (1, 2, SAMPLE_RATE):
                raise ValueError("not 16-bit mono at 8 kHz")
            return bytes(source.readframes(source.getnframes()))
    except (wave.Error, EOFError) as error:
        raise ValueError(f"not a WAV file: {error}") from error


class Recorder:
    """Collects the audio of one source; lost packets and pauses become silence of their length."""

    __slots__ = ("_audio", "_limit", "_next")

    def __init__(self, max_seconds: float = 300.0) -> None:
        """Audio beyond *max_seconds* is not kept."""
        self._limit = round(max_seconds * SAMPLE_RATE) * 2
        self._audio = bytearray()
        self._next: int | None = None

    def add(self, pcm: bytes, timestamp: int) -> None:
        """Add a frame that stands at *timestamp* (RTP, samples) in the recording."""
        gap = 0 if self._next is None else timestamp_distance(timestamp, self._next)
        if 0 < gap <= _MAX_GAP_SAMPLES:
            self._audio += bytes(min(2 * gap, max(0, self._limit - len(self._audio))))
        self._audio += pcm[: max(0, self._limit - len(self._audio))]
        self._next = (timestamp + len(pcm) // 2) & 0xFFFFFFFF

    @property
    def full(self) -> bool:
        """Whether the longest length is reached."""
        return len(self._audio) >= self._limit

    @property
    def seconds(self) -> float:
        """Length so far."""
        return len(self._audio) / 2 / SAMPLE_RATE

    def wav(self) -> bytes:
        """The recording so far as a WAV file."""
        return write_wav(bytes(self._audio))
