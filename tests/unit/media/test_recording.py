import pytest

from ringback.media.recording import Recorder, read_wav, write_wav
from ringback.media.tone import detect_tone, sine


def test_a_wav_file_gives_back_its_audio():
    audio = sine(500, 0.3)
    data = write_wav(audio)
    assert data[:4] == b"RIFF"
    assert read_wav(data) == audio


@pytest.mark.parametrize("data", [b"", b"RIFF1234WAVE", b"hello, world"])
def test_what_is_not_a_wav_file_is_refused(data):
    with pytest.raises(ValueError, match="WAV"):
        read_wav(data)


def test_lost_packets_become_silence_of_their_length():
    recorder = Recorder()
    recorder.add(sine(500, 0.1), 0xFFFFFF00)
    recorder.add(sine(500, 0.1), (0xFFFFFF00 + 800 + 400) & 0xFFFFFFFF)
    audio = read_wav(recorder.wav())
    assert recorder.seconds == pytest.approx(0.25)
    assert audio[1600:2400] == bytes(800)
    assert detect_tone(audio[2400:], 500) > -13


def test_a_source_that_restarts_leaves_no_hour_of_silence():
    recorder = Recorder()
    recorder.add(bytes(320), 0)
    recorder.add(bytes(320), 5_000_000)
    recorder.add(bytes(320), 100)
    assert recorder.seconds == pytest.approx(0.06)


def test_a_recording_stops_at_its_longest_length():
    recorder = Recorder(max_seconds=0.05)
    recorder.add(bytes(320), 0)
    assert not recorder.full
    recorder.add(bytes(320), 1000)
    assert recorder.full
    assert recorder.seconds == pytest.approx(0.05)
