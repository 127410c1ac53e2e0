import pytest

from ringback.media import prompts
from ringback.media.player import Player


def frames(player, most=2000):
    taken = []
    while len(taken) < most and (frame := player.next_frame()) is not None:
        taken.append(frame)
    return taken


def test_pieces_are_played_one_after_the_other_and_the_last_frame_is_filled_with_silence():
    assert frames(Player([b"a" * 160, b"b" * 200])) == [b"a" * 160, b"b" * 160, b"b" * 40 + b"\xff" * 120]


def test_nothing_to_play_ends_at_once_even_in_a_loop():
    assert frames(Player([], loop=True)) == []


def test_a_loop_goes_on_without_end_from_where_it_was_told():
    player = Player([b"a" * 160 + b"b" * 160], loop=True, start=3)
    assert [player.next_frame()[:1] for _ in range(4)] == [b"b", b"a", b"b", b"a"]
    assert player.seconds_left == float("inf")


def test_prompts_are_played_by_name():
    player = Player.of(["welcome", "goodbye"])
    length = prompts.duration("welcome") + prompts.duration("goodbye")
    assert player.seconds_left == pytest.approx(length)
    assert b"".join(frames(player)) == prompts.load("welcome") + prompts.load("goodbye")


def test_an_unknown_prompt_is_an_error_before_anything_is_played():
    with pytest.raises(prompts.UnknownPromptError):
        Player.of(["welcome", "nope"])
