"""The pace at which what is overdue begins."""

from hypothesis import given
from hypothesis import strategies as st

from ringback.services.engagement.scheduler import Pace


def test_half_a_second_may_begin_at_once_and_then_the_rate() -> None:
    pace = Pace(100)
    assert pace.allowed(1000.0) == 50
    pace.spend(50)
    assert pace.allowed(1000.0) == 0
    assert pace.allowed(1000.1) == 10
    assert pace.allowed(5000.0) == 50, "what was not used is not saved up"


def test_the_slowest_pace_still_starts_something() -> None:
    pace = Pace(0)
    assert pace.allowed(0.0) == 1
    pace.spend(1)
    assert pace.allowed(9.0) == 0
    assert pace.allowed(10.1) == 1


@given(
    rate=st.floats(1, 1000),
    steps=st.lists(st.tuples(st.floats(0, 3), st.floats(0, 1)), max_size=40),
)
def test_it_is_never_passed_over_any_time(rate: float, steps: list[tuple[float, float]]) -> None:
    pace, now, begun = Pace(rate), 100.0, 0
    for pause, share in steps:
        now += pause
        number = int(pace.allowed(now) * share)
        pace.spend(number)
        begun += number
    assert begun <= max(1.0, rate / 2) + rate * (now - 100.0) + 1e-6
