"""Who guesses is answered more and more slowly; who does not, is not."""

from hypothesis import given
from hypothesis import strategies as st

from ringback.services.engagement.limits import Refusals


def test_up_to_the_tolerance_nobody_waits_and_after_it_ever_longer_to_a_limit() -> None:
    refusals = Refusals(50)
    delays = [refusals.delay("127.0.0.1", 100.0) for _ in range(200)]
    assert set(delays[:50]) == {0.0}
    assert delays[50:] == sorted(delays[50:])
    assert delays[50] > 0
    assert delays[-1] == 2.0
    assert refusals.delay("127.0.0.2", 100.0) == 0.0


def test_ten_quiet_seconds_forgive_what_is_tolerated() -> None:
    refusals = Refusals(50)
    for _ in range(60):
        refusals.delay("127.0.0.1", 100.0)
    assert refusals.delay("127.0.0.1", 110.0) == 0.0


@given(st.lists(st.floats(0.3, 10.0), max_size=300))
def test_who_is_refused_slower_than_tolerated_never_waits(gaps: list[float]) -> None:
    refusals, now = Refusals(50), 0.0
    for gap in gaps:
        now += gap
        assert refusals.delay("127.0.0.1", now) == 0.0


def test_no_tolerance_is_no_limit() -> None:
    refusals = Refusals(0)
    assert {refusals.delay("127.0.0.1", 1.0) for _ in range(1000)} == {0.0}
