"""Tones: making them, and hearing them by the Goertzel measure (a DFT at one frequency)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ringback.media.g711 import FRAME_SAMPLES, SAMPLE_RATE, pcm_to_ulaw

Samples = npt.NDArray[np.float64]
SILENCE_DBFS = -96.0
"""The level of digital silence."""
_LEAST_SPECTRUM = 160


def sine(hz: float, seconds: float, level_dbfs: float = -12.0) -> bytes:
    """A sine as pcm, *level_dbfs* below a full-scale sine."""
    return _sine_samples(hz, 0, round(seconds * SAMPLE_RATE), level_dbfs)


def _sine_samples(hz: float, first: int, count: int, level_dbfs: float) -> bytes:
    amplitude = 32767 * 10 ** (level_dbfs / 20)
    phase = 2 * np.pi * hz * np.arange(first, first + count) / SAMPLE_RATE
    return (amplitude * np.sin(phase)).round().astype("<i2").tobytes()


class ToneSource:
    """An endless tone of mu-law frames; an audio source for `RtpSession`."""

    __slots__ = ("_frames", "_index")

    def __init__(self, hz: float, level_dbfs: float = -12.0) -> None:
        """*hz* is rounded to a whole number, so that one second of audio repeats without a click."""
        audio = pcm_to_ulaw(sine(round(hz), 1.0, level_dbfs))
        self._frames = [audio[at : at + FRAME_SAMPLES] for at in range(0, len(audio), FRAME_SAMPLES)]
        self._index = 0

    def next_frame(self) -> bytes | None:
        """The next 20 ms of mu-law; never None."""
        frame = self._frames[self._index]
        self._index = (self._index + 1) % len(self._frames)
        return frame


def samples_of(pcm: bytes) -> Samples:
    """Linear audio as floats from -1.0 to 1.0."""
    return np.frombuffer(pcm, "<i2").astype(np.float64) / 32768.0


@lru_cache(maxsize=256)
def _probe(hz: float, count: int) -> tuple[Samples, Samples]:
    """Hann-windowed cosine and sine of *count* samples: narrow enough to tell 40 Hz apart in 100 ms."""
    window = np.hanning(count + 2)[1:-1]
    phase = 2 * np.pi * hz * np.arange(count) / SAMPLE_RATE
    scale = 2 / window.sum()
    return window * np.cos(phase) * scale, window * np.sin(phase) * scale


def _amplitude(samples: Samples, hz: float) -> float:
    cosine, sinus = _probe(float(hz), len(samples))
    return math.hypot(float(samples @ cosine), float(samples @ sinus))


def detect_tone(pcm: bytes, expected_hz: float) -> float:
    """The level of *expected_hz* in the audio, in dB below a full-scale sine (0 down to -96)."""
    samples = samples_of(pcm)
    return _decibels(_amplitude(samples, expected_hz)) if len(samples) else SILENCE_DBFS


def level(pcm: bytes) -> float:
    """The whole level of the audio in dBFS: 0 is a full-scale sine, -96 is silence."""
    samples = samples_of(pcm)
    return _decibels(math.sqrt(2 * float(np.mean(samples**2)))) if len(samples) else SILENCE_DBFS


def _decibels(amplitude: float) -> float:
    return max(SILENCE_DBFS, 20 * math.log10(amplitude)) if amplitude > 0 else SILENCE_DBFS


def which_tone(
    pcm: bytes, candidates_hz: Iterable[float], *, least_dbfs: float = -45.0, share: float = 0.5
) -> float | None:
    """The candidate that rules the audio, or None: loud enough, and at least *share* of all energy.

    Use 100 ms of audio or more: candidates that are 40 Hz apart are then told from each other.
    """
    whole = level(pcm)
    if whole < least_dbfs:
        return None
    best_level, best_hz = max((detect_tone(pcm, hz), hz) for hz in candidates_hz)
    return best_hz if best_level >= whole + 10 * math.log10(share) else None


def purity(pcm: bytes) -> float:
    """The share of all energy that lies in one narrow band, whichever it is: near 1.0 for one steady tone.

    Speech and music stay well below over half a second. Silence gives 0.0.
    """
    samples = samples_of(pcm)
    if len(samples) < _LEAST_SPECTRUM:
        return 0.0
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    whole = float(power.sum())
    peak = int(power.argmax())
    return float(power[max(0, peak - 2) : peak + 3].sum()) / whole if whole > 0 else 0.0
