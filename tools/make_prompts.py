"""Make the announcements and the music on hold that the package ships (development time only).

Needs, outside the project's own environment because the speech engine is GPL:

    python3 -m venv /tmp/prompts && /tmp/prompts/bin/pip install numpy espeakng-loader
    /tmp/prompts/bin/python tools/make_prompts.py src/ringback/media/prompts/en-US

Writes one headerless 8 kHz mu-law file for each prompt. The audio that an engine speaks is not covered by
the engine's licence. The music is our own: four chords, broken, with a slow tune above them.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import espeakng_loader
import numpy as np

RATE = 8000
UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
TEENS = (
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
)
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
NUMBER_WORDS = {
    **dict(enumerate(UNITS)),
    **dict(enumerate(TEENS, 11)),
    **{20 + 10 * n: word for n, word in enumerate(TENS)},
}
SENTENCES = {
    "welcome": "Welcome. Thank you for calling.",
    "please-hold": "Please hold. Your call is important to us.",
    "all-agents-busy": "All our agents are busy. Please hold, and the next agent will help you.",
    "expected-wait": "Your expected waiting time is",
    "minute": "minute.",
    "minutes": "minutes.",
    "less-than-one-minute": "less than one minute.",
    "more-than": "more than",
    "you-are-number": "You are number",
    "in-the-queue": "in the queue.",
    "callback-offer": "To keep your place and be called back, press one. To stay on the line, press two.",
    "callback-confirmed": "Thank you. You keep your place in line, and we will call you back.",
    "callback-greeting": "Hello. This is the callback that you asked for. Please hold for the next agent.",
    "callback-choice": "Hello. This is the callback that you asked for. To be called later, press two. "
    "Or hold for the next agent.",
    "callback-later": "Thank you. We will call you again later. Goodbye.",
    "callback-message": "Hello. You have asked us to call you back, and nobody has answered. "
    "We will try again.",
    "callback-agent": "A callback. Please hold while we call the customer.",
    "callback-waiting": "A callback is waiting for you. To wait on the line at its place, press one. "
    "To keep it and hang up, press two. To cancel it, press three.",
    "callback-kept": "Your callback stays as it is. We will call you.",
    "callback-cancelled": "Your callback is cancelled.",
    "enter-code": "Please enter your access code.",
    "code-unknown": "Sorry, this code is not known.",
    "press-one-to-connect": "Press one to be connected now.",
    "closed": "We are closed at the moment. Please call again during our office hours.",
    "closed-choice": "To leave a message, press one. To be called back when we are open, press two.",
    "enter-number": "Please enter the number at which we may call you, and press the hash key.",
    "number-right": "If this is right, press one. To enter it again, press two.",
    "no-agents": "No agent is available at the moment. Please call again later.",
    "number-not-available": "The number that you have dialled is not available.",
    "voicemail-greeting": "Nobody can take your call. Please leave a message after the tone.",
    "message-saved": "Your message has been saved.",
    "invalid-choice": "Sorry, that is not a valid choice.",
    "goodbye": "Goodbye.",
    **{f"number-{value}": word for value, word in NUMBER_WORDS.items()},
}


class Espeak:
    """The few calls of libespeak-ng that turn a sentence into samples."""

    CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)

    def __init__(self, voice: bytes, words_per_minute: int) -> None:
        self.library = ctypes.CDLL(espeakng_loader.get_library_path())
        self.rate = self.library.espeak_Initialize(2, 0, espeakng_loader.get_data_path().encode(), 0)
        self.chunks: list[np.ndarray] = []
        self.callback = self.CALLBACK(self._take)  # kept: the library holds only its address
        self.library.espeak_SetSynthCallback(self.callback)
        if self.library.espeak_SetVoiceByName(voice):
            raise SystemExit(f"the speech engine has no voice {voice.decode()}")
        self.library.espeak_SetParameter(1, words_per_minute, 0)

    def _take(self, samples: object, count: int, _events: object) -> int:
        if samples and count:
            self.chunks.append(np.ctypeslib.as_array(samples, (count,)).astype(float))
        return 0

    def say(self, text: str) -> np.ndarray:
        self.chunks = []
        raw = text.encode()
        self.library.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, 1, None, None)
        self.library.espeak_Synchronize()
        return np.concatenate(self.chunks)


def to_telephone(samples: np.ndarray, rate: int) -> np.ndarray:
    """Cut to 200-3400 Hz and resample to 8 kHz in the frequency domain, trim silence, set the level."""
    spectrum = np.fft.rfft(samples)
    frequency = np.fft.rfftfreq(len(samples), 1 / rate)
    spectrum[(frequency < 200) | (frequency > 3400)] = 0
    count = round(len(samples) * RATE / rate)
    narrow = np.zeros(count // 2 + 1, complex)
    kept = min(len(narrow), len(spectrum))
    narrow[:kept] = spectrum[:kept]
    return set_level(trim(np.fft.irfft(narrow, count)))


def trim(samples: np.ndarray) -> np.ndarray:
    """Leave 40 ms before and 80 ms after what can be heard."""
    heard = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    return samples[max(0, heard[0] - RATE // 25) : heard[-1] + RATE * 2 // 25]


def set_level(samples: np.ndarray, peak: float = 20000.0) -> np.ndarray:
    return samples * (peak / np.abs(samples).max())


def to_ulaw(samples: np.ndarray) -> bytes:
    """ITU-T G.711 mu-law, padded to whole 20 ms frames."""
    pcm = np.clip(np.round(samples), -32635, 32635).astype(int)
    magnitude = np.abs(pcm) + 132
    exponent = np.floor(np.log2(magnitude)).astype(int) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    code = ~(np.where(pcm < 0, 0x80, 0) | (exponent << 4) | mantissa) & 0xFF
    audio = code.astype(np.uint8).tobytes()
    return audio + b"\xff" * (-len(audio) % 160)


def note(hz: float, seconds: float, level: float, *, triangle: bool) -> np.ndarray:
    """A soft plucked note: triangle or sine, fast attack, slow decay."""
    time = np.arange(round(seconds * RATE)) / RATE
    wave = np.sin(2 * np.pi * hz * time)
    if triangle:  # the first three partials of a triangle: no aliasing at 8 kHz
        wave = wave - np.sin(6 * np.pi * hz * time) / 9 + np.sin(10 * np.pi * hz * time) / 25
    attack = np.minimum(time / 0.02, 1.0)
    release = np.minimum((seconds - time) / 0.1, 1.0)
    return level * wave * attack * release * np.exp(-1.6 * time / seconds)


def add_round(target: np.ndarray, samples: np.ndarray, start: float) -> None:
    """Add a note; what runs over the end goes on at the beginning, so that the loop has no seam."""
    index = (round(start * RATE) + np.arange(len(samples))) % len(target)
    target[index] += samples


def music() -> np.ndarray:
    """Sixteen seconds: C, A minor, F, G twice over; arpeggios below, a tune above."""
    chords = [(48, 52, 55, 59), (45, 52, 55, 60), (41, 48, 52, 57), (43, 50, 53, 59)] * 2
    tune = [76, 79, 74, 72, 69, 72, 74, 71, 76, 77, 79, 76, 72, 74, 71, 67]
    loop = np.zeros(16 * RATE)
    for bar, chord in enumerate(chords):
        for step, which in enumerate((0, 1, 2, 3, 2, 1, 2, 3)):
            add_round(loop, note(midi(chord[which] + 12), 0.9, 0.5, triangle=True), 2 * bar + step / 4)
        for half in (0, 1):
            add_round(loop, note(midi(tune[2 * bar + half]), 1.4, 0.6, triangle=False), 2 * bar + half)
    return set_level(loop, 12000.0)


def midi(number: int) -> float:
    return 440.0 * 2 ** ((number - 69) / 12)


def beep() -> np.ndarray:
    time = np.arange(RATE * 2 // 5) / RATE
    edge = np.minimum(np.minimum(time, 0.4 - time) / 0.01, 1.0)
    return 10000 * np.sin(2 * np.pi * 1000 * time) * edge


def cadence(low_hz: float, high_hz: float, on: float, off: float) -> np.ndarray:
    """A call-progress tone: two sines for *on* seconds, silence for *off* (North American plan)."""
    time = np.arange(round(on * RATE)) / RATE
    edge = np.minimum(np.minimum(time, on - time) / 0.01, 1.0)
    both = 4000 * edge * (np.sin(2 * np.pi * low_hz * time) + np.sin(2 * np.pi * high_hz * time))
    return np.concatenate((both, np.zeros(round(off * RATE))))


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    engine = Espeak(b"en-us", 150)
    for name, text in SENTENCES.items():
        (folder / f"{name}.ulaw").write_bytes(to_ulaw(to_telephone(engine.say(text), engine.rate)))
    (folder / "music.ulaw").write_bytes(to_ulaw(music()))
    (folder / "beep.ulaw").write_bytes(to_ulaw(beep()))
    (folder / "ringback.ulaw").write_bytes(to_ulaw(cadence(440, 480, 2, 4)))
    (folder / "busy.ulaw").write_bytes(to_ulaw(cadence(480, 620, 0.5, 0.5)))


if __name__ == "__main__":
    main()
