"""What a scripted phone hears: tones, speech or music, silence, digits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ringback.media.session import AudioReceived, DigitReceived, MediaEvent
from ringback.media.tone import detect_tone, level, purity, which_tone

_FRAMES_PER_SECOND = 50
_CHECK_EVERY = 5
AUDIBLE_DBFS = -45.0
_PURE = 0.9


class NotHeardError(AssertionError):
    """What should have been heard was not, in the time given; the text says what was heard instead."""


@dataclass(eq=False, slots=True)
class _Listener:
    frames: int
    judge: Callable[[bytes], bool]
    heard: asyncio.Future[bytes]


class Ear:
    """Keeps the last second of audio and lets a script wait for what it wants to hear.

    Audio is decoded only while somebody listens. A wait hears what comes after it has begun.
    """

    def __init__(self) -> None:
        self.digits = ""
        """All digits heard so far."""
        self._frames: deque[AudioReceived] = deque(maxlen=_FRAMES_PER_SECOND)
        self._listeners: list[_Listener] = []
        self._count = 0
        self._digit_came = asyncio.Event()

    def hear(self, event: MediaEvent) -> None:
        """Take an event of the RTP port."""
        if isinstance(event, DigitReceived):
            self.digits += event.digit
            self._digit_came.set()
        elif isinstance(event, AudioReceived):
            self._frames.append(event)
            self._count += 1
            if self._listeners and self._count % _CHECK_EVERY == 0:
                self._judge()

    def _judge(self) -> None:
        for listener in self._listeners:
            if len(self._frames) >= listener.frames and not listener.heard.done():
                pcm = self._last(listener.frames)
                if listener.judge(pcm):
                    listener.heard.set_result(pcm)

    def _last(self, frames: int) -> bytes:
        return b"".join(frame.pcm for frame in list(self._frames)[-frames:])

    async def tone(self, hz: float, timeout: float) -> float:
        """Wait for 0.2 s of a tone; returns its level in dBFS. Raises NotHeardError."""
        pcm = await self._listen(0.2, lambda audio: which_tone(audio, [hz]) == hz, timeout, f"{hz} Hz")
        return detect_tone(pcm, hz)

    async def speech_or_music(self, timeout: float) -> float:
        """Wait for 0.5 s of sound that is not one steady tone; returns its level. Raises NotHeardError."""

        def rich(audio: bytes) -> bool:
            return level(audio) > AUDIBLE_DBFS and purity(audio) < _PURE

        return level(await self._listen(0.5, rich, timeout, "speech or music"))

    async def silence(self, timeout: float) -> None:
        """Wait for 0.8 s with nothing audible: longer than a pause in speech. Raises NotHeardError."""
        await self._listen(0.8, lambda audio: level(audio) < AUDIBLE_DBFS, timeout, "silence")

    async def wait_digits(self, count: int, timeout: float) -> str:
        """Wait until *count* digits have come in all; returns them. Raises NotHeardError."""
        try:
            async with asyncio.timeout(timeout):
                while len(self.digits) < count:
                    self._digit_came.clear()
                    await self._digit_came.wait()
        except TimeoutError:
            raise NotHeardError(f"{count} digits not heard in {timeout} s, only {self.digits!r}") from None
        return self.digits

    async def _listen(
        self, seconds: float, judge: Callable[[bytes], bool], timeout: float, what: str
    ) -> bytes:
        heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        listener = _Listener(round(seconds * _FRAMES_PER_SECOND), judge, heard)
        self._frames.clear()
        before = self._count
        self._listeners.append(listener)
        try:
            return await asyncio.wait_for(heard, timeout)
        except TimeoutError:
            raise NotHeardError(self._instead(what, timeout, before)) from None
        finally:
            self._listeners.remove(listener)

    def _instead(self, what: str, timeout: float, before: int) -> str:
        packets = self._count - before
        if not packets:
            return f"{what} not heard in {timeout} s: no audio came at all"
        loudness = level(self._last(len(self._frames)))
        return f"{what} not heard in {timeout} s: {packets} packets came, the last at {loudness:.0f} dBFS"
