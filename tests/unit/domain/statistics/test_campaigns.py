"""Figures of campaigns: what comes twice counts once, and what is over leaves nothing behind."""

from collections.abc import Sequence

import hypothesis.strategies as st
from hypothesis import given

from ringback.domain.statistics import Asked, Dialled, DialOver, Floor, Input, Subject, Watch, Window

SPRING = Subject("campaign", "spring")
NOW = 1.8e9 + 3600


def figure(watch: Watch, name: str, window: str = "growing") -> object:
    return watch.read(Asked(SPRING, name, Window.read(window)), NOW)


def fed(*inputs: Input) -> Watch:
    watch = Watch(Floor(), lambda campaign, name: {"records": 7.0, "idle": 2.0}.get(name))
    for each in inputs:
        watch.floor.handle(each, NOW)
    return watch


def test_dials_are_counted_by_what_became_of_them() -> None:
    watch = fed(
        *(Dialled("spring", dial) for dial in "abcde"),
        DialOver("spring", "a", "connected", 2.0),
        DialOver("spring", "b", "connected", 4.0),
        DialOver("spring", "c", "abandoned"),
        DialOver("spring", "d", "missed"),
        Dialled("autumn", "x"),
    )
    assert figure(watch, "TotalDialled") == 5
    assert figure(watch, "TotalConnected", "sliding:600") == 2
    assert figure(watch, "TotalDialsAbandoned") == 1
    assert figure(watch, "TotalNotReached") == 1
    assert figure(watch, "DialsAbandonedPercent") == 33.33
    assert figure(watch, "AverageCustomerWaitTime") == 3.0
    assert figure(watch, "CurrNumberDialling") == 1
    assert (figure(watch, "CurrNumberRecordsLeft"), figure(watch, "CurrNumberAgentsIdle")) == (7.0, 2.0)
    assert set(watch.floor.subjects()) == {SPRING, Subject("campaign", "autumn")}


def test_a_campaign_of_which_nothing_is_known_has_no_share() -> None:
    watch = Watch(Floor())
    assert (figure(watch, "TotalDialled"), figure(watch, "DialsAbandonedPercent")) == (0, None)
    assert figure(watch, "CurrNumberRecordsLeft") is None


DIALS = st.sampled_from("abcdef")
EVENTS = st.lists(
    st.one_of(
        st.builds(Dialled, st.just("spring"), DIALS),
        st.builds(DialOver, st.just("spring"), DIALS, st.sampled_from(("connected", "abandoned", "missed"))),
    ),
    max_size=40,
)


@given(EVENTS)
def test_whatever_comes_twice_or_late_counts_once(events: Sequence[Input]) -> None:
    watch = fed(*events)
    over = {each.dial for each in events if isinstance(each, DialOver)}
    ended = [figure(watch, name) for name in ("TotalConnected", "TotalDialsAbandoned", "TotalNotReached")]
    assert sum(number for number in ended if isinstance(number, int)) == len(over)
    begun = {each.dial for each in events if isinstance(each, Dialled)}
    assert figure(watch, "CurrNumberDialling") == len(begun - over)
