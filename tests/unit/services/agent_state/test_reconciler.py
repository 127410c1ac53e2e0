"""Leases end by time, and a clock that is set is no time."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from ringback.domain.agents import AgentSession, State, step
from ringback.domain.agents.session import Happening, Login, Reserve
from ringback.services.agent_state.reconciler import Reconciler
from ringback.services.agent_state.settings import AgentStateSettings
from ringback.testing.clocks import Clocks

T = 1_700_000_000.0


class Ctx(Clocks):
    """With what a service counts and logs."""

    def __init__(self) -> None:
        super().__init__(T)
        self.metrics = CollectorRegistry()
        self.log = self

    def warning(self, _event: str, **_more: Any) -> None:
        pass


class Sessions:
    """One agent."""

    def __init__(self) -> None:
        self.session = AgentSession("kim")

    def happen(self, happening: Happening, now: float) -> Any:
        outcome = step(self.session, happening, now)
        self.session = outcome.session
        return outcome

    async def due(self, now: float) -> list[str]:
        return ["kim"] if 0.0 < self.session.due <= now else []

    async def load(self, _agent: str) -> AgentSession:
        return self.session

    async def apply(self, _agent: str, happening: Happening, now: float) -> Any:
        return self.happen(happening, now)


@pytest.mark.parametrize("seconds", [-3600.0, 0.0, 3600.0])
async def test_a_reservation_lasts_its_time_however_the_clock_is_set(seconds: float) -> None:
    ctx, sessions = Ctx(), Sessions()
    reconciler = Reconciler(ctx, {"demo": sessions}, AgentStateSettings())  # type: ignore[arg-type,dict-item]
    sessions.happen(Login("1001", ready=True), T)
    sessions.happen(Reserve("r1:1", "i1", "Loans", 10.0), T)
    for passed, at, state in ((4.0, seconds, "reserved"), (5.0, 0.0, "reserved"), (1.5, 0.0, "ready")):
        ctx.pass_time(passed, at)
        await reconciler.end_leases("demo")
        assert sessions.session.state == state


@pytest.mark.parametrize("seconds", [-3600.0, 3600.0])
async def test_what_begins_after_the_step_lasts_its_time_too(seconds: float) -> None:
    ctx, sessions = Ctx(), Sessions()
    reconciler = Reconciler(ctx, {"demo": sessions}, AgentStateSettings())  # type: ignore[arg-type,dict-item]
    ctx.pass_time(60.0, seconds)
    await reconciler.end_leases("demo")
    ctx.pass_time(1.0)
    sessions.happen(Login("1001", ready=True), ctx.now())
    sessions.happen(Reserve("r1:1", "i1", "Loans", 10.0), ctx.now())
    ctx.pass_time(9.0)
    await reconciler.end_leases("demo")
    assert sessions.session.state is State.RESERVED
    ctx.pass_time(1.5)
    await reconciler.end_leases("demo")
    assert sessions.session.state is State.READY
