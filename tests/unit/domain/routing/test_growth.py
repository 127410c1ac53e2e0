"""Priority that grows in steps, or evenly: one rule for both."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.routing import Router
from ringback.domain.routing.growth import NONE, Growth, even
from ringback.domain.routing.messages import (
    AgentReady,
    Cancel,
    ClockStepped,
    Grown,
    Output,
    Reprioritize,
    Reserve,
    Submit,
)

FIVE = Growth(5, 60.0, 22)
SALES = ("?:sales>=1",)


def test_it_grows_by_whole_steps_of_waiting_to_the_limit() -> None:
    seen = [FIVE.priority(10, seconds) for seconds in (-50, 0, 59, 60, 121, 180, 9999)]
    assert seen == [10, 10, 10, 15, 20, 22, 22]


def test_what_has_no_increment_or_begins_at_the_limit_never_grows() -> None:
    assert Growth(0, 60.0, 100).next_step(5, 0.0) is None
    assert Growth(5, 60.0, 100).next_step(100, 0.0) is None
    assert Growth(5, 60.0, 100).priority(200, 1e9) == 200
    assert NONE.next_step(5, 0.0) is None


@pytest.mark.parametrize(
    ("asked", "rate"), [(0.0, 0.0), (0.0004, 0.0), (0.12345, 0.12), (5000.0, 1000.0), (-1.0, 0.0)]
)
def test_even_growth_has_one_of_few_rates(asked: float, rate: float) -> None:
    assert even(asked).rate == rate
    assert even(asked).next_step(0, 0.0) is None


@given(st.floats(0, 1e5), st.integers(1, 50), st.integers(1, 3600), st.integers(1, 500))
def test_the_next_step_is_the_first_moment_with_another_priority(
    waited: float, points: int, interval: int, limit: int
) -> None:
    growth = Growth(points, float(interval), limit)
    at = growth.next_step(0, waited)
    if at is None:
        assert growth.priority(0, waited) == limit
    else:
        assert at > waited
        assert growth.priority(0, at + 0.001) > growth.priority(0, waited)


def waiting() -> Router:
    router = Router()
    router.handle(Submit("call", "q", SALES, arrived=900.0, sequence=1, priority=12), 1000.0)
    grows = Submit("callback", "q", SALES, arrived=1000.0, sequence=2, priority=10, growth=FIVE)
    router.handle(grows, 1000.0)
    return router


def served(found: list[Output]) -> list[str]:
    return [output.interaction for output in found if isinstance(output, Reserve)]


def test_a_callback_whose_priority_has_grown_is_served_before_an_older_call() -> None:
    router = waiting()
    assert (router.position("callback"), router.next_timer()) == (2, 1060.0)
    assert router.handle_timer(1060.0) == [Grown("callback", 15)]
    assert router.position("callback") == 1
    found = router.explain("callback")
    assert found is not None and found.priority == 15
    assert served(router.handle(AgentReady("ann", 1, 1061.0, {"sales": 1}), 1061.0)) == ["callback"]


def test_a_router_made_anew_finds_the_priority_that_it_has_grown_to() -> None:
    router = Router()
    router.handle(Submit("late", "q", SALES, 1000.0, 2, 10, growth=FIVE, submitted=1000.0), 1130.0)
    assert router.interactions["late"].priority == 20
    assert router.next_timer() == 1180.0


def test_a_priority_given_by_hand_is_another_beginning_of_the_same_growth() -> None:
    router = waiting()
    router.handle_timer(1060.0)
    router.handle(Reprioritize("callback", 3), 1061.0)
    assert (router.interactions["callback"].priority, router.position("callback")) == (8, 2)
    assert router.handle_timer(1120.0) == [Grown("callback", 13)]
    router.handle(Reprioritize("callback", 3, NONE), 1121.0)
    assert router.next_timer() is None


def test_one_who_is_reserved_grows_and_comes_back_to_the_place_that_is_its_own_then() -> None:
    router = waiting()
    router.handle(Cancel("call"), 1000.0)
    reserved = router.handle(AgentReady("ann", 1, 1001.0, {"sales": 1}), 1001.0)[0]
    assert isinstance(reserved, Reserve)
    router.handle(Submit("other", "q", SALES, 990.0, 3, 12), 1002.0)
    router.handle_timer(1061.0)  # the lease has ended, and a step of the growth
    assert [router.position(name) for name in ("callback", "other")] == [1, 2]


def test_one_that_has_left_is_forgotten_and_a_clock_that_was_set_does_not_age_anybody() -> None:
    router = waiting()
    router.handle(ClockStepped(3600.0), 4600.0)
    assert router.handle_timer(4600.0) == []
    assert router.next_timer() == 4660.0
    router.handle(Cancel("callback"), 4601.0)
    assert router.next_timer() is None
