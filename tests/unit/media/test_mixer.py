import struct

import pytest

from ringback.media.mixer import mix, mix_minus


def pcm(*samples):
    return struct.pack(f"<{len(samples)}h", *samples)


def test_frames_are_added():
    assert mix([pcm(1, -2), pcm(10, 20), pcm(100, 200)]) == pcm(111, 218)


def test_a_sum_beyond_sixteen_bits_is_limited_not_wrapped():
    assert mix([pcm(30000, -30000)] * 2) == pcm(32767, -32768)


def test_nobody_hears_himself():
    assert mix_minus([pcm(1), pcm(10), pcm(100)]) == [pcm(110), pcm(101), pcm(11)]


def test_a_lonely_leg_hears_silence():
    assert mix_minus([pcm(5, 5)]) == [pcm(0, 0)]


def test_no_legs_make_no_sound():
    assert mix([]) == b""
    assert mix_minus([]) == []


def test_frames_of_different_length_are_refused():
    with pytest.raises(ValueError, match="one length"):
        mix([pcm(1), pcm(1, 2)])
