import math
from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from ringback.domain.campaigns.pacing import SAMPLE, Floor, Pace, over_cap, to_dial
from ringback.domain.campaigns.predictive import (
    LEAST_DIALS,
    LEAST_TALKS,
    NOTHING_KNOWN,
    Known,
    Line,
    ahead,
    expected_nobody,
)
from ringback.domain.campaigns.simulation import World, live_through

CAP = 0.03
KNOWN = st.builds(
    lambda dials, share, answer_s, talks, handle_s: Known(
        dials, max(1, int(dials * share)), answer_s, talks, talks * handle_s
    ),
    st.integers(LEAST_DIALS, 5000),
    st.floats(0.01, 1.0),
    st.floats(1.0, 30.0),
    st.integers(LEAST_TALKS, 1000),
    st.floats(5.0, 1000.0),
)
LINES = st.builds(
    Line,
    st.integers(0, 200),
    st.integers(0, 400),
    st.integers(0, 200),
    st.integers(0, 5000),
    st.integers(0, 150),
)
A_THIRD = Known(dials=1000, answered=300, answer_s=12.0, talks=300, occupied_s=300 * 130.0)


@given(LINES)
def test_who_knows_too_little_dials_as_a_progressive_campaign(line: Line) -> None:
    few = (
        NOTHING_KNOWN,
        Known(LEAST_DIALS - 1, 20, 12.0, LEAST_TALKS, 3000.0),
        Known(LEAST_DIALS, 20, 12.0, LEAST_TALKS - 1, 3000.0),
        Known(LEAST_DIALS, 0, 0.0, LEAST_TALKS, 3000.0),
    )
    assert {ahead(CAP, SAMPLE, known, line) for known in few} == {line.free}


@settings(max_examples=60, deadline=None)
@given(KNOWN, LINES, st.floats(0.0, 1.0))
def test_more_than_agents_are_free_are_dialled_only_where_the_cap_is_expected_to_hold(
    known: Known, line: Line, cap: float
) -> None:
    ringing = ahead(cap, SAMPLE, known, line)
    assert ringing >= line.free
    if ringing > line.free:
        nobody = expected_nobody(known, line, ringing)
        answered = line.answered + ringing * known.answer_rate
        assert line.abandoned + nobody <= cap * max(answered, SAMPLE)


@given(KNOWN, LINES)
def test_who_has_used_the_share_up_dials_nobody_ahead(known: Known, line: Line) -> None:
    used = Line(line.free, line.ringing, line.talking, line.answered, SAMPLE + line.answered)
    assert ahead(CAP, SAMPLE, known, used) == line.free


@given(KNOWN, LINES, st.integers(0, 400))
def test_one_customer_more_is_never_expected_to_leave_fewer_without_an_agent(
    known: Known, line: Line, ringing: int
) -> None:
    one, other = (expected_nobody(known, line, n) for n in (ringing, ringing + 1))
    assert 0.0 <= one <= other + 1e-9


def test_agents_who_will_be_free_are_counted_on() -> None:
    alone = ahead(CAP, SAMPLE, A_THIRD, Line(5, 0, 0, 1000, 5))
    with_others = ahead(CAP, SAMPLE, A_THIRD, Line(5, 0, 40, 1000, 5))
    assert 5 < alone < with_others
    assert ahead(CAP, SAMPLE, A_THIRD, Line(0, 0, 40, 1000, 5)) > 0
    assert ahead(CAP, SAMPLE, A_THIRD, Line(0, 0, 0, 1000, 5)) == 0


def test_what_rings_already_counts() -> None:
    floor = Floor(ready=5, under_way=4, ringing=4, answered=1000, abandoned=5, talking=40, known=A_THIRD)
    wanted = to_dial(Pace("predictive", 1.0, CAP), floor)
    assert wanted == ahead(CAP, SAMPLE, A_THIRD, Line(5, 4, 40, 1000, 5)) - 4 > 1
    assert to_dial(Pace("predictive", 1.0, CAP), Floor(ready=3, under_way=1, ringing=1)) == 2


@pytest.mark.parametrize(("agents", "answer", "seeds"), [(6, 0.2, 6), (12, 0.5, 5), (25, 0.3, 3)])
def test_the_cap_holds_in_simulation_whatever_chance_does(agents: int, answer: float, seeds: int) -> None:
    world, pace = World(agents=agents, answer=answer), Pace("predictive", 1.0, CAP)
    outcomes = [live_through(world, pace, 1.0, Random(seed)) for seed in range(seeds)]
    answered = sum(each.answered for each in outcomes)
    abandoned = sum(each.abandoned for each in outcomes)
    assert abandoned <= CAP * answered
    for each in outcomes:
        error = 3.0 * math.sqrt(CAP * max(each.answered, SAMPLE))
        assert each.abandoned <= CAP * max(each.answered, SAMPLE) + error
        assert not each.paused


def test_agents_wait_less_than_with_progressive_dialling() -> None:
    world = World(agents=25, answer=0.3)
    idle = {
        mode: live_through(world, Pace(mode, 1.0, CAP), 1.0, Random(1)).idle_share
        for mode in ("progressive", "predictive")
    }
    assert idle["predictive"] < 0.75 * idle["progressive"]


def test_a_simulation_is_the_same_for_the_same_seed_and_ends_over_its_cap() -> None:
    world = World(agents=5, answer=0.5, hang_up=0.2)
    one, other = (live_through(world, Pace("predictive", 1.0, CAP), 0.5, Random(7)) for _ in range(2))
    assert one == other
    assert one.paused
    assert over_cap(Pace("predictive", 1.0, CAP), Floor(0, answered=one.answered, abandoned=one.abandoned))
