import pytest

from ringback.media import g711
from ringback.media.tone import detect_tone, sine


@pytest.mark.parametrize("codec", [g711.PCMU, g711.PCMA], ids=lambda codec: codec.name)
def test_a_tone_survives_a_round_trip_within_half_a_decibel(codec):
    heard = codec.decode(codec.encode(sine(440, 0.2, -12)))
    assert detect_tone(heard, 440) == pytest.approx(-12, abs=0.5)


@pytest.mark.parametrize("codec", [g711.PCMU, g711.PCMA], ids=lambda codec: codec.name)
def test_silence_decodes_to_nearly_nothing(codec):
    samples = memoryview(codec.decode(codec.silence)).cast("h")
    assert len(samples) == 160
    assert max(abs(sample) for sample in samples) <= 8


def test_known_values_of_the_recommendation():
    assert g711.pcm_to_ulaw(b"\x00\x00") == b"\xff"
    assert g711.pcm_to_alaw(b"\x00\x00") == b"\xd5"
    assert g711.ulaw_to_pcm(b"\x00") == (-32124).to_bytes(2, "little", signed=True)


def test_translating_ulaw_to_alaw_equals_decoding_and_encoding():
    ulaw = g711.pcm_to_ulaw(sine(1000, 0.02))
    assert g711.PCMA.from_ulaw(ulaw) == g711.pcm_to_alaw(g711.ulaw_to_pcm(ulaw))
    assert g711.PCMU.from_ulaw(ulaw) is ulaw


def test_half_a_sample_is_refused():
    with pytest.raises(ValueError, match="whole"):
        g711.pcm_to_ulaw(b"\x00")
