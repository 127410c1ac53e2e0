"""A clock that is set is noticed once, in either direction."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.runtime.clock import Clock, until_together
from ringback.testing.clocks import Clocks


@pytest.mark.parametrize("step", [-3600.0, -3.0, 3.0, 86_400.0])
def test_a_step_is_told_once(step: float) -> None:
    ctx: Any = Clocks()
    clock = Clock(ctx)
    ctx.pass_time(3600.0)
    assert clock.stepped() == 0.0
    ctx.pass_time(1.0, step)
    assert clock.stepped() == pytest.approx(step)
    assert clock.stepped() == 0.0


def test_what_a_clock_is_slewed_by_is_no_step() -> None:
    ctx: Any = Clocks()
    clock = Clock(ctx)
    ctx.pass_time(10.0, 0.5)
    assert clock.stepped() == 0.0


@given(
    st.lists(st.floats(0.0, 0.019), min_size=1),
    st.integers(0, 10**7),
    st.sampled_from([0.02, 0.1, 0.25, 0.5]),
)
def test_who_waits_as_long_wakes_at_one_of_two_moments(begun: list[float], ticks: int, wait_s: float) -> None:
    """One that came late may take the next one: nobody waits for less than half, or for twice as long."""
    start = ticks * 0.02
    waits = [until_together(start + each, wait_s) for each in begun]
    assert all(wait_s * 0.499 < wait < wait_s * 1.501 for wait in waits)
    moments = {round((start + each + wait) / wait_s, 3) for each, wait in zip(begun, waits, strict=True)}
    assert len(moments) <= 2
    assert all(moment == int(moment) for moment in moments)
