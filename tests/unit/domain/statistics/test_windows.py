"""Windows against a naive recount of everything that has happened."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.domain.statistics.windows import DAY, STEP, Level, Totals, Window, step_of

MIDNIGHT = 10 * DAY
windows = st.sampled_from(
    [
        Window("sliding", 5),
        Window("sliding", 60),
        Window("sliding", 3600),
        Window("growing", 900),
        Window.read("growing"),
    ]
)
gaps = st.lists(st.one_of(st.floats(0.0, 20.0), st.floats(0.0, 900.0)), min_size=1, max_size=80)


def beginning(window: Window, now: float) -> float:
    """The window's first moment, said another way than in the code."""
    if window.kind == "sliding":
        return (math.floor(now / STEP) - window.seconds // STEP + 1) * STEP
    if window.seconds == DAY:
        return now - (now % DAY)
    return now - (now % window.seconds)


@settings(max_examples=150, deadline=None)
@given(gaps=gaps, window=windows, after=st.floats(0.0, 4000.0))
def test_totals_are_what_a_recount_says(gaps: list[float], window: Window, after: float) -> None:
    totals, now, happened = Totals(), MIDNIGHT - 2000.0, []
    for gap in gaps:
        now += gap
        totals.add(step_of(now), step_of(now - now % DAY), gap)
        happened.append((now, gap))
    now += after
    begins = beginning(window, now)
    inside = [value for at, value in happened if at >= begins]
    count, total = totals.since(window.begins(now, now - now % DAY))
    assert count == len(inside)
    assert total == pytest.approx(sum(inside), abs=1e-6)


@settings(max_examples=150, deadline=None)
@given(
    changes=st.lists(
        st.tuples(st.floats(0.0, 600.0), st.sampled_from([1, 1, -1, 2])), min_size=1, max_size=60
    ),
    window=windows,
    after=st.floats(0.0, 4000.0),
)
def test_levels_are_what_a_recount_says(
    changes: list[tuple[float, int]], window: Window, after: float
) -> None:
    level, now, held = Level(), MIDNIGHT - 2000.0, []
    for gap, by in changes:
        held.append((now, now + gap, level.level))
        now += gap
        level.change(by, now, step_of(now - now % DAY))
    held.append((now, now + after, level.level))
    now += after
    begins = beginning(window, now)
    inside = sum(max(0.0, end - max(start, begins)) * number for start, end, number in held)
    assert level.since(window.begins(now, now - now % DAY), now) == pytest.approx(inside, abs=1e-4)


def test_a_long_day_keeps_the_last_hour_and_the_whole_day_in_bounded_space() -> None:
    totals, level = Totals(), Level()
    for second in range(0, 86_000, 2):
        now = MIDNIGHT + float(second)
        totals.add(step_of(now), step_of(MIDNIGHT), 1.0)
        level.change(1 if second % 4 == 0 else -1, now, step_of(MIDNIGHT))
    begins = Window.read("growing").begins(now, MIDNIGHT)
    assert totals.since(begins) == (43_000, 43_000.0)
    assert totals.since(Window("sliding", 3600).begins(now, MIDNIGHT))[0] == 1800
    assert len(totals._marks) <= 1500
    assert level.since(begins, now) == pytest.approx(43_000.0, abs=2.0)


@pytest.mark.parametrize(
    "text", ["", "sliding", "sliding:0", "sliding:7", "sliding:99999", "growing:7", "growing:2500", "x:60"]
)
def test_a_window_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="window"):
        Window.read(text)
