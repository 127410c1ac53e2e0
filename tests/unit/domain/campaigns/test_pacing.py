import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.campaigns.pacing import SAMPLE, Floor, Pace, over_cap, to_dial

COUNTS = st.integers(0, 200)
FLOORS = st.builds(Floor, COUNTS, COUNTS, COUNTS, st.integers(0, 5000), st.integers(0, 100))
RATIOS, CAPS = st.floats(1, 10), st.floats(0, 1)


@pytest.mark.parametrize(
    ("floor", "calls"),
    [
        (Floor(ready=0), 0),
        (Floor(ready=3), 3),
        (Floor(ready=3, under_way=1), 2),
        (Floor(ready=3, waiting=2), 1),
        (Floor(ready=1, waiting=5, under_way=4), 0),
    ],
)
def test_progressive_dials_one_customer_for_each_free_agent(floor: Floor, calls: int) -> None:
    assert to_dial(Pace(), floor) == calls


@given(FLOORS)
def test_progressive_never_has_more_calls_than_free_agents(floor: Floor) -> None:
    more = to_dial(Pace(), floor)
    assert more == 0 or more + floor.under_way <= floor.ready - floor.waiting


@given(FLOORS, RATIOS, CAPS)
def test_power_keeps_the_cap_even_if_everybody_answers_at_once(
    floor: Floor, ratio: float, cap: float
) -> None:
    more = to_dial(Pace("power", ratio, cap), floor)
    calls, free = floor.under_way + more, max(0, floor.ready - floor.waiting)
    assert more == 0 or calls <= free * ratio + 1e-6
    if more and calls > free:
        assert floor.abandoned + calls - free <= cap * (floor.answered + calls) + 1e-6


def test_power_begins_as_progressive_does_and_is_faster_when_it_has_served_many() -> None:
    power = Pace("power", 2.0, 0.03)
    assert to_dial(power, Floor(ready=10)) == 10
    assert to_dial(power, Floor(ready=10, answered=1000)) == 20
    assert to_dial(power, Floor(ready=10, answered=1000, abandoned=40)) == 10


@given(FLOORS)
def test_nothing_is_dialled_by_itself_in_preview(floor: Floor) -> None:
    assert to_dial(Pace("preview"), floor) == 0


def test_the_cap_is_measured_over_a_sample() -> None:
    pace = Pace(abandon_cap=0.03)
    assert not over_cap(pace, Floor(0, answered=3, abandoned=3))
    assert over_cap(pace, Floor(0, answered=4, abandoned=4))
    assert not over_cap(pace, Floor(0, answered=10 * SAMPLE, abandoned=30))
    assert over_cap(pace, Floor(0, answered=10 * SAMPLE, abandoned=31))
    assert over_cap(Pace(abandon_cap=0.0), Floor(0, answered=5, abandoned=1))
