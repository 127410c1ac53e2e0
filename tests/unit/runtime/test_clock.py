"""A clock that is set is noticed once, in either direction."""

from typing import Any

import pytest

from ringback.runtime.clock import Clock


class Ctx:
    """A wall clock beside one that only runs."""

    def __init__(self) -> None:
        self.wall, self.running = 1_700_000_000.0, 5.0

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.running

    def pass_time(self, seconds: float, step: float = 0.0) -> None:
        self.wall += seconds + step
        self.running += seconds


@pytest.mark.parametrize("step", [-3600.0, -3.0, 3.0, 86_400.0])
def test_a_step_is_told_once(step: float) -> None:
    ctx: Any = Ctx()
    clock = Clock(ctx)
    ctx.pass_time(3600.0)
    assert clock.stepped() == 0.0
    ctx.pass_time(1.0, step)
    assert clock.stepped() == pytest.approx(step)
    assert clock.stepped() == 0.0


def test_what_a_clock_is_slewed_by_is_no_step() -> None:
    ctx: Any = Ctx()
    clock = Clock(ctx)
    ctx.pass_time(10.0, 0.5)
    assert clock.stepped() == 0.0
