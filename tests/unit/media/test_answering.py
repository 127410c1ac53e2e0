"""Answer detection, judged on synthesised audio: 200 people and 200 machines, faxes, tones, noise."""

import numpy as np
import pytest

from ringback.media.answering import AnswerDetector, BeepDetector, Verdict
from ringback.media.g711 import SAMPLE_RATE
from ringback.media.tone import sine

FRAME = 320


def pcm(samples: np.ndarray) -> bytes:
    return bytes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def silence(seconds: float, noise: float = 0.001, seed: int = 0) -> bytes:
    generator = np.random.default_rng(seed)
    return pcm(generator.normal(0, noise, round(seconds * SAMPLE_RATE)))


def voice(seconds: float, seed: int = 0) -> bytes:
    """Syllables: a buzz with moving pitch and formants, four to six a second, with noise for consonants."""
    generator = np.random.default_rng(seed)
    count = round(seconds * SAMPLE_RATE)
    time = np.arange(count) / SAMPLE_RATE
    pitch = generator.uniform(95, 220) * (1 + 0.12 * np.sin(2 * np.pi * generator.uniform(1, 3) * time))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    formants = generator.uniform([300, 900, 2200], [800, 1900, 2900])
    sound = np.zeros(count)
    for harmonic in range(1, 18):
        frequency = harmonic * pitch.mean()
        weight = sum(np.exp(-(((frequency - formant) / 250) ** 2)) for formant in formants) + 0.05
        sound += weight / harmonic**0.3 * np.sin(harmonic * phase + generator.uniform(0, 6))
    rate = generator.uniform(4, 6)
    envelope = 0.35 + 0.65 * np.abs(np.sin(np.pi * rate * time))
    sound = sound / np.abs(sound).max() * 0.25 * envelope
    return pcm(sound + generator.normal(0, 0.01, count))


def tones(*parts: tuple[float | tuple[float, ...], float]) -> bytes:
    audio = b""
    for frequencies, seconds in parts:
        if frequencies == 0:
            audio += silence(seconds)
        elif isinstance(frequencies, tuple):
            mixed = [np.frombuffer(sine(hz, seconds, -16.0), "<i2") for hz in frequencies]
            audio += bytes(np.sum(mixed, axis=0).astype("<i2").tobytes())
        else:
            audio += sine(frequencies, seconds, -13.0)
    return audio


def judged(audio: bytes) -> tuple[Verdict | None, float]:
    """The verdict, and the second at which it came; audio in packets of 20 ms."""
    detector = AnswerDetector()
    for at in range(0, len(audio), FRAME):
        verdict = detector.push(audio[at : at + FRAME])
        if verdict is not None:
            return verdict, (at + FRAME) / 2 / SAMPLE_RATE
    return None, len(audio) / 2 / SAMPLE_RATE


def test_a_person_says_hello_and_waits() -> None:
    wrong, latest = 0, 0.0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        hello = voice(generator.uniform(0.3, 1.7), seed)
        audio = silence(generator.uniform(0.1, 1.5)) + hello + silence(1.2, 0.002, seed)
        verdict, at = judged(audio)
        wrong += verdict is not Verdict.PERSON
        latest = max(latest, at)
    assert wrong <= 2
    assert latest < 4.6


def test_a_machine_speaks_on() -> None:
    wrong = 0
    for seed in range(200):
        generator = np.random.default_rng(1000 + seed)
        audio = silence(generator.uniform(0.1, 1.0))
        for part in range(4):
            audio += voice(generator.uniform(1.0, 2.0), 7 * seed + part) + silence(
                generator.uniform(0.1, 0.5)
            )
        wrong += judged(audio)[0] is not Verdict.ANSWERING_MACHINE
    assert wrong <= 2


@pytest.mark.parametrize("noise", [0.0, 0.001, 0.003])
def test_whoever_says_nothing_is_a_person(noise: float) -> None:
    verdict, at = judged(silence(4.0, noise))
    assert verdict is Verdict.PERSON and 2.9 < at < 3.3


@pytest.mark.parametrize(
    ("audio", "verdict"),
    [
        (tones((0, 0.4), (2100, 1.5)), Verdict.FAX),
        (tones((0, 0.4), (1100, 0.5), (0, 3.0)), Verdict.FAX),
        (tones((950, 0.33), (1400, 0.33), (1800, 0.33)), Verdict.ERROR_TONE),
        (tones((0, 0.2), (985, 0.38), (1429, 0.27), (1777, 0.38)), Verdict.ERROR_TONE),
        (tones(*[((480, 620), 0.5), (0, 0.5)] * 5), Verdict.BUSY),
        (tones(*[((480, 620), 0.25), (0, 0.25)] * 8), Verdict.ERROR_TONE),
        (tones(*[(425, 0.48), (0, 0.48)] * 5), Verdict.BUSY),
        (tones(*[(425, 0.24), (0, 0.24)] * 8), Verdict.ERROR_TONE),
    ],
)
def test_tones_of_the_network_and_of_faxes_are_known(audio: bytes, verdict: Verdict) -> None:
    assert judged(audio)[0] is verdict


def test_speech_is_never_taken_for_a_tone() -> None:
    verdicts = {judged(voice(6.0, seed))[0] for seed in range(100)}
    assert verdicts == {Verdict.ANSWERING_MACHINE}


def test_the_size_of_the_packets_makes_no_difference() -> None:
    audio = silence(0.5) + voice(0.8, 3) + silence(1.2)
    whole = AnswerDetector().push(audio)
    assert whole is judged(audio)[0] is Verdict.PERSON


def beep_at(audio: bytes) -> float | None:
    detector = BeepDetector()
    for at in range(0, len(audio), FRAME):
        if detector.push(audio[at : at + FRAME]):
            return (at + FRAME) / 2 / SAMPLE_RATE
    return None


@pytest.mark.parametrize("hz", [400, 770, 1000, 1400, 2000])
@pytest.mark.parametrize("seconds", [0.25, 0.4, 1.0])
def test_the_beep_is_heard_when_it_has_ended(hz: float, seconds: float) -> None:
    greeting = voice(2.0, round(hz)) + silence(0.3)
    at = beep_at(greeting + sine(hz, seconds, -14.0) + silence(1.0))
    assert at is not None and 0 <= at - (2.3 + seconds) < 0.3


def test_speech_alone_has_no_beep() -> None:
    heard = [beep_at(voice(4.0, seed) + silence(0.5) + voice(3.0, seed + 500)) for seed in range(100)]
    assert sum(at is not None for at in heard) <= 1
