"""Links: what is signed opens, and nothing else does."""

from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringback.services.engagement.selfservice.limits import Limit
from ringback.services.engagement.selfservice.links import read_link, write_link

SECRET = b"s" * 32
calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@calm
@given(st.integers(0, 2**32 - 1), st.uuids(), st.integers(0, 2**40 - 1))
def test_a_link_says_what_was_signed(key: int, callback: UUID, end: int) -> None:
    claim = read_link(write_link(key, SECRET, callback, end))
    assert claim is not None
    assert (claim.key, claim.callback_id, claim.expires_at) == (key, callback, end)
    assert claim.signed_with(SECRET)
    assert not claim.signed_with(b"t" * 32)


@calm
@given(st.integers(0, 55), st.sampled_from("AZaz09-_"))
def test_a_link_with_one_letter_changed_does_not_open(at: int, letter: str) -> None:
    word = write_link(1, SECRET, uuid4(), 2_000_000_000)
    other = word[:at] + letter + word[at + 1 :]
    claim = read_link(other)
    assert other == word or claim is None or not claim.signed_with(SECRET)


@calm
@given(st.text(max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    claim = read_link(text)
    assert claim is None or not claim.signed_with(SECRET)


def test_a_link_has_no_letter_that_an_address_would_change() -> None:
    word = write_link(1, SECRET, uuid4(), 2_000_000_000)
    assert word.replace("-", "a").replace("_", "a").isalnum()
    assert len(word) == 56


def test_a_limit_lets_through_what_it_should_and_fills_up_again() -> None:
    limit = Limit(3)
    assert [limit.allows("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert limit.allows("b", 0.0)
    assert limit.allows("a", 20.0)
    assert not limit.allows("a", 20.0)
