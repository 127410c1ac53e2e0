"""Priority that grows in steps."""

from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.routing import Router
from ringback.domain.routing.growth import Growing, Growth
from ringback.domain.routing.messages import AgentReady, Reserve, Submit

FIVE = Growth(initial=10, since=1000.0, increment=5, interval=60.0, limit=22)


def test_it_grows_by_whole_steps_from_the_arrival_to_the_limit() -> None:
    seen = [FIVE.priority(1000.0 + seconds) for seconds in (-50, 0, 59, 60, 121, 180, 9999)]
    assert seen == [10, 10, 10, 15, 20, 22, 22]


def test_what_has_no_increment_or_begins_at_the_limit_never_grows() -> None:
    assert Growth(5, 0.0, 0, 60.0, 100).next_step(0.0) is None
    assert Growth(100, 0.0, 5, 60.0, 100).next_step(0.0) is None
    assert Growth(200, 0.0, 5, 60.0, 100).priority(1e9) == 200


@given(st.floats(0, 1e5), st.integers(1, 50), st.integers(1, 3600), st.integers(1, 500))
def test_the_next_step_is_the_first_moment_with_another_priority(
    now: float, increment: int, interval: int, limit: int
) -> None:
    growth = Growth(0, 100.0, increment, float(interval), limit)
    at = growth.next_step(now)
    if at is None:
        assert growth.priority(now) == limit
    else:
        assert at > now
        assert growth.priority(at + 0.001) > growth.priority(now)


def test_a_callback_whose_priority_has_grown_is_served_before_an_older_call() -> None:
    router, growing = Router(), Growing()
    router.handle(Submit("call", "q", ("?:sales>=1",), arrived=900.0, sequence=1, priority=12), 1000.0)
    router.handle(Submit("callback", "q", ("?:sales>=1",), arrived=1000.0, sequence=2, priority=10), 1000.0)
    growing.watch("callback", FIVE, 1000.0)
    assert growing.next_step() == 1060.0
    for grown in growing.due(1060.0, router.interactions.__contains__):
        router.handle(grown, 1060.0)
    found = router.handle(AgentReady("ann", 1, 1061.0, {"sales": 1}), 1061.0)
    assert [output.interaction for output in found if isinstance(output, Reserve)] == ["callback"]


def test_one_that_has_left_is_forgotten() -> None:
    growing = Growing()
    growing.watch("gone", FIVE, 1000.0)
    assert growing.due(1061.0, lambda _name: False) == []
    assert growing.next_step() is None and len(growing) == 0
