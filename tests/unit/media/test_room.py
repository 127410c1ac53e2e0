"""A conference room: everybody hears all the others and never himself."""

from ringback.media.g711 import ulaw_to_pcm
from ringback.media.room import Room
from ringback.media.tone import level, sine, which_tone


def tone(hz: float, frames: int = 5) -> bytes:
    return sine(hz, frames * 0.02)


def heard(seat, frames: int = 5) -> bytes:
    return b"".join(ulaw_to_pcm(seat.next_frame()) for _ in range(frames))


def test_each_hears_the_others_and_not_himself() -> None:
    room = Room()
    one, two, three = (room.enter() for _ in range(3))
    one.speak(tone(440))
    two.speak(tone(880))
    assert which_tone(heard(one), [440, 880]) == 880
    assert which_tone(heard(two), [440, 880]) == 440
    assert level(heard(three)) > -40


def test_silence_without_speakers_and_after_one_has_left() -> None:
    room = Room()
    one, two = room.enter(), room.enter()
    assert set(one.next_frame()) == {0xFF}
    two.speak(tone(440))
    two.leave()
    two.leave()
    assert set(one.next_frame()) == {0xFF}
    assert len(room) == 1


def test_what_nobody_pulls_does_not_grow_and_odd_packets_are_cut_into_frames() -> None:
    room = Room()
    one, two = room.enter(), room.enter()
    for _ in range(100):
        two.speak(tone(440, 1) + tone(440, 1)[:160])
    frames = [one.next_frame() for _ in range(10)]
    assert [set(frame) == {0xFF} for frame in frames] == [False] * 5 + [True] * 5
