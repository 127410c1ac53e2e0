"""Trunks without sockets: supervision by OPTIONS, limits of calls and of new calls."""

import pytest

from ringback.domain.configuration import Trunk
from ringback.services.sip_proxy.supervision import Health, Watch
from ringback.services.sip_proxy.trunk_calls import TrunkCalls


def told(watch: Watch, *statuses: int) -> list[Health]:
    found = []
    for status in statuses:
        watch.told(status, 0.0, local=status == 408)
        found.append(watch.health)
    return found


def test_rfc3261_11_any_word_is_life_and_two_silences_are_needed_to_be_out() -> None:
    watch = Watch(30.0)
    assert told(watch, 200, 408, 405, 408, 408, 503, 404) == [
        Health.IN,
        Health.DOUBTFUL,
        Health.IN,
        Health.DOUBTFUL,
        Health.OUT,
        Health.OUT,
        Health.IN,
    ]


def test_one_that_never_answered_is_out_at_once_and_a_doubtful_one_is_asked_again_soon() -> None:
    watch = Watch(30.0)
    assert told(watch, 408) == [Health.OUT]
    assert watch.due_at == 30.0
    assert told(watch, 200, 503) == [Health.IN, Health.DOUBTFUL]
    assert watch.due_at == 2.0


def test_no_more_calls_at_a_time_than_the_capacity_and_room_again_when_one_ends() -> None:
    calls, trunk = TrunkCalls(100.0), Trunk(id="c", capacity=2)
    assert [calls.begin("demo", trunk, str(n), 0.0) for n in (1, 2, 3)] == [0, 0, 5]
    assert calls.begin("demo", trunk, "2", 0.0) == 0  # the same call again
    assert calls.begin("other", trunk, "4", 0.0) == 0  # another tenant's
    calls.ended("1")
    calls.ended("1")
    assert calls.begin("demo", trunk, "5", 0.0) == 0
    assert (calls.of("demo", "c"), calls.rejected["demo", "c"]) == (2, 1)


def test_no_more_new_calls_a_second_than_the_rate() -> None:
    calls, trunk = TrunkCalls(100.0), Trunk(id="c", calls_per_second=2.0)
    assert [calls.begin("demo", trunk, str(n), 0.0) for n in (1, 2, 3)] == [0, 0, 1]
    assert calls.begin("demo", trunk, "4", 0.5) == 0


def test_a_call_that_fails_over_counts_for_the_trunk_that_took_it() -> None:
    calls = TrunkCalls(100.0)
    calls.begin("demo", Trunk(id="a"), "1", 0.0)
    calls.moved("demo", "b", "1")
    assert (calls.of("demo", "a"), calls.of("demo", "b")) == (0, 1)
    calls.ended("1")
    assert calls.of("demo", "b") == 0


@pytest.mark.parametrize(("now", "left"), [(99.0, 2), (101.0, 1)])
def test_a_call_whose_end_was_not_seen_is_forgotten_some_time(now: float, left: int) -> None:
    calls = TrunkCalls(100.0)
    calls.begin("demo", Trunk(id="a"), "1", 0.0)
    calls.begin("demo", Trunk(id="a"), "2", now)
    assert calls.of("demo", "a") == left
