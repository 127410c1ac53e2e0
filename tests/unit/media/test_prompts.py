import pytest

from ringback.media import prompts
from ringback.media.g711 import ulaw_to_pcm
from ringback.media.tone import level, which_tone

NEEDED = {
    *("welcome", "please-hold", "all-agents-busy", "expected-wait", "minute", "minutes", "goodbye"),
    *("less-than-one-minute", "you-are-number", "in-the-queue", "callback-offer", "callback-confirmed"),
    *(
        "closed",
        "no-agents",
        "voicemail-greeting",
        "beep",
        "number-not-available",
        "music",
        "ringback",
        "busy",
    ),
}


def test_every_prompt_that_the_platform_speaks_is_there():
    assert prompts.available() >= NEEDED


@pytest.mark.parametrize("name", sorted(prompts.available()))
def test_a_prompt_holds_real_sound_in_whole_frames(name):
    audio = prompts.load(name)
    assert len(audio) % 160 == 0
    assert prompts.duration(name) > 0.25
    assert -30 < level(ulaw_to_pcm(audio)) < -3


def test_speech_is_not_one_tone_and_the_beep_is():
    tones = range(100, 2000, 50)
    assert which_tone(ulaw_to_pcm(prompts.load("beep")), tones) == 1000
    assert which_tone(ulaw_to_pcm(prompts.load("welcome")), tones) is None


def test_the_music_is_long_and_never_falls_silent():
    audio = ulaw_to_pcm(prompts.load(prompts.MUSIC))
    assert prompts.duration(prompts.MUSIC) == 16.0
    assert all(level(audio[at : at + 8000]) > -40 for at in range(0, len(audio), 8000))


def test_the_set_stays_small():
    assert sum(len(prompts.load(name)) for name in prompts.available()) < 1_200_000


@pytest.mark.parametrize("value", range(100))
def test_every_number_from_0_to_99_can_be_said(value):
    names = prompts.number(value)
    assert sum(int(name.removeprefix("number-")) for name in names) == value
    assert all(prompts.load(name) for name in names)


@pytest.mark.parametrize("value", [-1, 100])
def test_other_numbers_are_refused(value):
    with pytest.raises(ValueError, match="0 to 99"):
        prompts.number(value)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "expected-wait less-than-one-minute"),
        (59.9, "expected-wait less-than-one-minute"),
        (60, "expected-wait number-1 minute"),
        (61, "expected-wait number-2 minutes"),
        (25 * 60, "expected-wait number-20 number-5 minutes"),
        (6000, "expected-wait more-than number-90 number-9 minutes"),
    ],
)
def test_a_wait_is_said_in_whole_minutes_rounded_up(seconds, said):
    assert prompts.expected_wait(seconds) == said.split()


def test_a_place_in_the_queue_is_said():
    assert prompts.position(42) == ["you-are-number", "number-40", "number-2", "in-the-queue"]
    assert prompts.position(0) == prompts.position(100) == []


@pytest.mark.parametrize(("name", "locale"), [("nope", "en-US"), ("welcome", "xx-XX"), ("g711", "../..")])
def test_an_unknown_prompt_or_locale_is_an_error(name, locale):
    with pytest.raises(prompts.UnknownPromptError):
        prompts.load(name, locale)
