"""Capacity rules."""

import pytest

from ringback.domain.capacity import CapacityError, parse_capacity


@pytest.mark.parametrize(
    ("rule", "load", "media", "allowed"),
    [
        ("", {}, "voice", True),
        ("", {"voice": 1}, "voice", False),
        ("", {}, "chat", False),
        ("voice:1, chat:3 unless voice>=1", {"chat": 2}, "chat", True),
        ("voice:1, chat:3 unless voice>=1", {"chat": 3}, "chat", False),
        ("voice:1, chat:3 unless voice>=1", {"voice": 1}, "chat", False),
        ("voice:1, chat:3 unless voice>=1", {"chat": 3}, "voice", True),
        ("email:5 unless voice>=1 and chat>2 or chat>4", {"voice": 1, "chat": 2}, "email", True),
        ("email:5 unless voice>=1 and chat>2 or chat>4", {"voice": 1, "chat": 3}, "email", False),
        ("email:5 unless voice>=1 and chat>2 or chat>4", {"chat": 5}, "email", False),
        ("*:2", {"chat": 1}, "email", True),
        ("*:2", {"chat": 1, "voice": 1}, "email", False),
        ("*:3, voice:1", {"voice": 1}, "voice", False),
    ],
)
def test_a_rule_says_whether_one_more_is_allowed(
    rule: str, load: dict[str, int], media: str, allowed: bool
) -> None:
    assert parse_capacity(rule).allows(media, load) is allowed


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        ("voice", "'voice' is not `medium:number"),
        ("voice:1, voice:2", "'voice' is named twice"),
        ("voice:1 unless chat", "'chat' is not `medium>=number`"),
        ("chat:1000", "1000 is more than 100"),
        ("x" * 2000, "longer than"),
    ],
)
def test_a_rule_that_cannot_be_read_says_why(rule: str, word: str) -> None:
    with pytest.raises(CapacityError, match=word):
        parse_capacity(rule)
