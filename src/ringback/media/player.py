"""Playing: audio sources that give one mu-law frame every 20 ms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ringback.media import prompts
from ringback.media.g711 import FRAME_SAMPLES

_SILENCE = b"\xff"


class AudioSource(Protocol):
    """Whatever a session can send."""

    def next_frame(self) -> bytes | None:
        """The next 20 ms (160 bytes of mu-law), or None when the source has ended."""
        ...


class Player:
    """Plays pieces of mu-law audio one after the other, once or for ever."""

    __slots__ = ("_at", "_audio", "_loop")

    def __init__(self, pieces: Sequence[bytes], *, loop: bool = False, start: int = 0) -> None:
        """*start* (frames) lets listeners come into the music at different places."""
        audio = b"".join(pieces)
        self._audio = audio + _SILENCE * (-len(audio) % FRAME_SAMPLES)
        self._loop = loop and bool(audio)
        self._at = start * FRAME_SAMPLES % len(self._audio) if audio else 0

    @classmethod
    def of(cls, names: Sequence[str], *, locale: str = prompts.DEFAULT_LOCALE, loop: bool = False) -> Player:
        """Play prompts by name. Raises UnknownPromptError."""
        pieces = [prompts.load(name, locale) for name in names]
        return cls(pieces, loop=loop)

    @classmethod
    def music(cls) -> Player:
        """The music on hold, without end."""
        return cls.of([prompts.MUSIC], loop=True)

    def next_frame(self) -> bytes | None:
        """The next 20 ms of mu-law, or None after the end."""
        at = self._at
        if at >= len(self._audio):
            return None
        self._at = at + FRAME_SAMPLES
        if self._loop and self._at >= len(self._audio):
            self._at = 0
        return self._audio[at : at + FRAME_SAMPLES]

    @property
    def seconds_left(self) -> float:
        """Audio that is still to be played; endless when it loops."""
        return float("inf") if self._loop else (len(self._audio) - self._at) / 8000
