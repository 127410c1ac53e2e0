import pytest

from ringback.media import prompts
from ringback.media.g711 import ulaw_to_pcm
from ringback.media.mixer import mix
from ringback.media.tone import ToneSource, detect_tone, level, purity, sine, which_tone

CANDIDATES = [400, 440, 480, 1000]


@pytest.mark.parametrize("decibels", [0, -12, -30])
def test_the_level_of_a_tone_is_measured(decibels):
    audio = sine(440, 0.2, decibels)
    assert detect_tone(audio, 440) == pytest.approx(decibels, abs=0.2)
    assert level(audio) == pytest.approx(decibels, abs=0.2)


def test_a_tone_is_not_heard_at_another_frequency():
    assert detect_tone(sine(440, 0.2, -12), 1000) < -60


@pytest.mark.parametrize("hz", CANDIDATES)
def test_the_candidate_that_sounds_is_named(hz):
    assert which_tone(sine(hz, 0.1), CANDIDATES) == hz


@pytest.mark.parametrize(
    "audio",
    [bytes(1600), b"", sine(700, 0.1), sine(440, 0.1, -60), mix([sine(hz, 0.1) for hz in (600, 700, 440)])],
    ids=["silence", "nothing", "another tone", "too quiet", "one of three"],
)
def test_no_candidate_is_named_when_none_rules(audio):
    assert which_tone(audio, CANDIDATES) is None


def test_a_tone_source_has_no_click_where_it_repeats():
    source = ToneSource(440)
    frames = [source.next_frame() for _ in range(60)]
    audio = ulaw_to_pcm(b"".join(frames[45:55]))
    assert detect_tone(audio, 440) == pytest.approx(level(audio), abs=0.1)


@pytest.mark.parametrize("hz", [97, 440, 1003.7, 3000])
def test_one_steady_tone_is_pure_wherever_it_lies(hz):
    assert purity(sine(hz, 0.5)) > 0.99


@pytest.mark.parametrize("name", ["welcome", "callback-offer", "music"])
def test_speech_and_music_are_not_pure(name):
    audio = ulaw_to_pcm(prompts.load(name))
    assert purity(audio[:8000]) < 0.9
    assert purity(audio[8000:16000]) < 0.9


def test_two_tones_and_silence_are_not_pure():
    assert purity(mix([sine(440, 0.5), sine(700, 0.5)])) == pytest.approx(0.5, abs=0.05)
    assert purity(bytes(8000)) == purity(b"") == 0.0
