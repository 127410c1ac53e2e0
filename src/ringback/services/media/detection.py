"""Listening as a treatment: who or what has answered, and the beep of an answering machine."""

from __future__ import annotations

from ringback.contracts.treatment import Detect
from ringback.media.answering import AnswerDetector, BeepDetector
from ringback.media.g711 import SAMPLE_RATE
from ringback.media.session import AudioReceived
from ringback.services.media.treatments import SILENCE, Action, End, Treatment

_LONGEST_GAP = 2 * SAMPLE_RATE
"""Samples of silence that a gap in the timestamps stands for, at most."""


class DetectTreatment(Treatment):
    """Silent until it knows, or until its time is over: whoever is not recognised is a person."""

    def __init__(self, command: Detect, now: float) -> None:
        super().__init__(command.reference)
        self._deadline = now + command.timeout_s
        self._answer = AnswerDetector() if command.what == "answer" else None
        self._beep = BeepDetector()
        self._next: int | None = None

    def begin(self, now: float) -> list[Action]:
        return [SILENCE]

    def audio(self, audio: AudioReceived) -> list[Action]:
        pcm = self._without_gap(audio)
        if self._answer is not None:
            verdict = self._answer.push(pcm)
            return [] if verdict is None else [End("finished", heard=verdict.value)]
        return [End("finished", heard="BEEP")] if self._beep.push(pcm) else []

    def _without_gap(self, audio: AudioReceived) -> bytes:
        """The audio, with silence where the far end has sent nothing (RFC 3551 4.1)."""
        pcm = audio.pcm
        gap = 0 if self._next is None else (audio.timestamp - self._next) & 0xFFFFFFFF
        self._next = (audio.timestamp + len(pcm) // 2) & 0xFFFFFFFF
        if gap > 0x7FFFFFFF:
            return b""
        return bytes(2 * min(gap, _LONGEST_GAP)) + pcm

    @property
    def timer(self) -> float | None:
        return self._deadline

    def handle_timer(self, now: float) -> list[Action]:
        return [End("timeout", heard="PERSON" if self._answer is not None else "")]
