"""A clock that is set is noticed once, in either direction."""

from typing import Any

import pytest

from ringback.runtime.clock import Clock
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
