"""Who or what has answered a call, told from the audio: a person, an answering machine, a fax, a tone.

Pure: linear audio in, at most one verdict out. The audio is judged in blocks of 50 ms, each of which is
silence, a known signalling tone (Goertzel measure), or voice. Rules, in this order:

- A fax answers with 2100 Hz (CED, ITU-T T.30 4.1.2) or calls with 1100 Hz (CNG, T.30 4.1.1).
- Special information tones (ITU-T E.180 6.4), three rising tones, begin the network's announcements.
- Busy and congestion tone (E.180 5): 425 Hz, or 480 with 620 Hz, in an even rhythm.
- A person says a word or two and waits: voice shorter than `greeting_s`, then a pause of `pause_s`.
- A machine speaks on: voice of `greeting_s` without such a pause.
- Whoever says nothing for `silent_s` is a person: hanging up on people is the worse mistake.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import numpy as np

from ringback.media.g711 import SAMPLE_RATE
from ringback.media.tone import Samples, samples_of

BLOCK_S = 0.05
_BLOCK = round(BLOCK_S * SAMPLE_RATE)
_LEAST_POWER = 10 ** (-42 / 10) / 2
"""Mean square below which a block is silence: -42 dB below a full-scale sine."""
_ABOVE_FLOOR = 10 ** (9 / 10)
_TONE_SHARE = 0.75
_PART_SHARE = 0.2

TONES: dict[str, tuple[float, ...]] = {
    "ced": (2100.0,),
    "cng": (1100.0,),
    "sit1": (950.0,),
    "sit2": (1400.0,),
    "sit3": (1777.0,),
    "busy": (425.0,),
    "busy-us": (480.0, 620.0),
}
"""Signalling tones by their frequencies in Hz; the special ones come a little higher or lower."""
_SPREAD = {
    "sit1": (914.0, 950.0, 985.0),
    "sit2": (1371.0, 1400.0, 1429.0),
    "sit3": (1777.0, 1800.0),
}
_LEAST_BLOCKS = {"ced": 12, "cng": 8}
_SIT = ("sit1", "sit2", "sit3")
_RHYTHM = (3, 14)
"""Blocks that a beat or a pause of busy and congestion tone lasts: 150 to 700 ms."""
_CONGESTION = 7
"""Beats shorter than so many blocks are congestion: the network's fault, not a busy phone."""
_BEATS = 3


class Verdict(Enum):
    """Who or what has answered."""

    PERSON = "PERSON"
    ANSWERING_MACHINE = "ANSWERING_MACHINE"
    FAX = "FAX"
    ERROR_TONE = "ERROR_TONE"
    BUSY = "BUSY"


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """Seconds: of voice that make a machine, of the pause that ends a greeting, of silence from the start."""

    greeting_s: float = 2.4
    pause_s: float = 0.8
    silent_s: float = 3.0
    least_voice_s: float = 0.1


class AnswerDetector:
    """Judges one answered call from its first audio on."""

    def __init__(self, rules: AnswerRules | None = None) -> None:
        self._rules = rules or AnswerRules()
        self._samples = np.zeros(0)
        self._floor = _LEAST_POWER
        self._runs: list[tuple[str, int]] = []
        """What was heard, with the number of blocks: silence, voice, or the name of a tone."""
        self._voice = 0
        self._pause = 0

    def push(self, pcm: bytes) -> Verdict | None:
        """Take audio in, without gaps; the verdict when there is one."""
        self._samples = np.concatenate((self._samples, samples_of(pcm)))
        while len(self._samples) >= _BLOCK:
            block, self._samples = self._samples[:_BLOCK], self._samples[_BLOCK:]
            verdict = self._judge(self._kind(block))
            if verdict is not None:
                return verdict
        return None

    def _kind(self, block: Samples) -> str:
        power = float(block @ block) / _BLOCK
        if power < max(_LEAST_POWER, min(self._floor, 1e-3) * _ABOVE_FLOOR):
            # The noise of the line rises and falls slowly.
            self._floor += 0.1 * (power - self._floor)
            return "silence"
        return tone_in(block) or "voice"

    def _judge(self, kind: str) -> Verdict | None:
        if self._runs and self._runs[-1][0] == kind:
            self._runs[-1] = (kind, self._runs[-1][1] + 1)
        else:
            self._runs.append((kind, 1))
        return self._tone() or self._words(kind)

    def _tone(self) -> Verdict | None:
        kind, blocks = self._runs[-1]
        if blocks >= _LEAST_BLOCKS.get(kind, math.inf):
            return Verdict.FAX
        runs = _without_edges(self._runs)
        if _ends_with_sit(runs):
            return Verdict.ERROR_TONE
        beat = _rhythm(runs)
        if beat is None:
            return None
        return Verdict.ERROR_TONE if beat < _CONGESTION else Verdict.BUSY

    def _words(self, kind: str) -> Verdict | None:
        rules = self._rules
        if kind == "voice":
            self._voice += 1 + (self._pause if self._voice else 0)
            self._pause = 0
        else:
            self._pause += 1
            # Between tones the change from one to the next sounds like a word, and is none.
            self._voice = self._voice if kind == "silence" else 0
        spoken = self._voice * BLOCK_S >= rules.least_voice_s
        if self._voice * BLOCK_S >= rules.greeting_s:
            return Verdict.ANSWERING_MACHINE
        if spoken and kind == "silence" and self._pause * BLOCK_S >= rules.pause_s:
            return Verdict.PERSON
        only_silence = len(self._runs) == 1 and kind == "silence"
        return Verdict.PERSON if only_silence and self._pause * BLOCK_S >= rules.silent_s else None


def _without_edges(runs: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """The last runs, without the single blocks in which a tone begins or ends."""
    found: list[tuple[str, int]] = []
    for kind, blocks in runs[-16:]:
        if kind == "voice" and blocks == 1:
            continue
        if found and found[-1][0] == kind:
            found[-1] = (kind, found[-1][1] + blocks)
        else:
            found.append((kind, blocks))
    return found


def _ends_with_sit(runs: Sequence[tuple[str, int]]) -> bool:
    """Three rising tones, each of 150 ms or more."""
    heard = [kind for kind, blocks in runs[-8:] if kind in _SIT and blocks >= 3]
    return heard[-3:] == list(_SIT)


def _rhythm(runs: Sequence[tuple[str, int]]) -> int | None:
    """Blocks of a beat when an even rhythm of one tone and silence has just been completed."""
    least, most = _RHYTHM
    tones = [run for run in runs[-2 * _BEATS :] if run[0].startswith("busy")]
    if not runs or runs[-1][0] != "silence" or runs[-1][1] < least or len(tones) < _BEATS:
        return None
    rhythm = runs[-2 * _BEATS : -1]
    alternate = all((kind == "silence") == (at % 2 == 1) for at, (kind, _) in enumerate(rhythm))
    even = all(least <= blocks <= most for _, blocks in rhythm)
    return tones[-1][1] if alternate and even and len({kind for kind, _ in tones}) == 1 else None


@lru_cache(maxsize=64)
def _probe(hz: float) -> tuple[Samples, Samples]:
    window = np.hanning(_BLOCK + 2)[1:-1]
    phase = 2 * np.pi * hz * np.arange(_BLOCK) / SAMPLE_RATE
    scale = 2 / window.sum()
    return window * np.cos(phase) * scale, window * np.sin(phase) * scale


def _power(block: Samples, hz: float) -> float:
    """The mean square of one frequency in a block."""
    cosine, sine = _probe(hz)
    return (float(block @ cosine) ** 2 + float(block @ sine) ** 2) / 2


def tone_in(block: Samples) -> str | None:
    """The signalling tone that rules a block; None when none does."""
    whole = float(block @ block) / _BLOCK
    for name, frequencies in TONES.items():
        if name in _SPREAD:
            parts = [max(_power(block, hz) for hz in _SPREAD[name])]
        else:
            parts = [_power(block, hz) for hz in frequencies]
        if sum(parts) >= _TONE_SHARE * whole and min(parts) >= _PART_SHARE * whole:
            return name
    return None


_BEEP_HZ = (350.0, 2300.0)
_BEEP_BLOCKS = 4
_BEEP_SHARE = 0.85
_BEEP_DRIFT_HZ = 25.0


class BeepDetector:
    """Hears the end of the one steady tone after which an answering machine records."""

    def __init__(self) -> None:
        self._samples = np.zeros(0)
        self._pitches: list[float] = []

    def push(self, pcm: bytes) -> bool:
        """Take audio in; True when a beep has just ended."""
        self._samples = np.concatenate((self._samples, samples_of(pcm)))
        while len(self._samples) >= _BLOCK:
            block, self._samples = self._samples[:_BLOCK], self._samples[_BLOCK:]
            if self._ended(block):
                return True
        return False

    def _ended(self, block: Samples) -> bool:
        pitch = _pitch(block)
        steady = pitch is not None and (not self._pitches or abs(pitch - self._pitches[-1]) <= _BEEP_DRIFT_HZ)
        if pitch is not None and steady:
            self._pitches.append(pitch)
            return False
        quiet = float(block @ block) / _BLOCK < _LEAST_POWER * 10
        long_enough = len(self._pitches) >= _BEEP_BLOCKS
        if long_enough and not quiet and pitch is None and len(self._pitches) < 2 * _BEEP_BLOCKS:
            # The block in which the tone ends is no longer pure: the next one decides.
            self._pitches += [self._pitches[-1]] * (2 * _BEEP_BLOCKS)
            return False
        self._pitches = [] if pitch is None else [pitch]
        return long_enough and quiet


def _pitch(block: Samples) -> float | None:
    """The frequency of a block that is one pure tone, in Hz."""
    if float(block @ block) / _BLOCK < _LEAST_POWER:
        return None
    power = np.abs(np.fft.rfft(block * np.hanning(_BLOCK))) ** 2
    peak, whole = int(power.argmax()), float(power.sum())
    hz = peak * SAMPLE_RATE / _BLOCK
    pure = float(power[max(0, peak - 2) : peak + 3].sum()) >= _BEEP_SHARE * whole
    return hz if pure and _BEEP_HZ[0] <= hz <= _BEEP_HZ[1] else None
