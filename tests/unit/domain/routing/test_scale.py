"""What a decision costs does not grow, nobody starves, and many changes at once are taken in portions."""

import asyncio
import sys
from collections.abc import Callable
from itertools import count
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.domain.routing import Router
from ringback.domain.routing.growth import even
from ringback.domain.routing.messages import (
    AgentBusy,
    AgentReady,
    Confirm,
    Input,
    Output,
    QueueDefined,
    Reserve,
    Submit,
)
from ringback.services.tenant.leader import PORTION, _in_portions

TARGET = ("English>0",)


def steps_of(work: Callable[[], Any]) -> int:
    """How many functions are called."""
    counted = 0

    def count_calls(_frame: Any, event: str, _arg: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count_calls)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted


def cost(agents: int, waiting: int) -> tuple[int, int]:
    """Calls of functions for an agent who becomes ready and for a call that comes."""
    router = Router()
    router.handle(QueueDefined("Q", "English>0"), 0.0)
    for number in range(agents):
        router.handle(AgentBusy(f"a{number}", 1, {"English": 1, f"Skill{number % 50}": 1}), 0.0)
    for number in range(waiting):
        router.handle(Submit(f"w{number}", "Q", TARGET, float(number), number), 0.0)
    if waiting:
        ready = AgentReady("a1", 2, 1.0, {"English": 1, "Skill1": 1})
        served = steps_of(lambda: router.handle(ready, 1.0))
        assert len(router.interactions) == waiting and len(router.queues["Q"].waiting) == waiting - 1
    else:
        for number in range(agents):
            skills = {"English": 1, f"Skill{number % 50}": 1}
            router.handle(AgentReady(f"a{number}", 2, 1.0 + number, skills), 1.0)
        served = 0
    call = Submit("new", "Q", TARGET, 1e6, 10**6)
    return served, steps_of(lambda: router.handle(call, 2.0))


def test_a_decision_costs_the_same_with_few_and_with_many() -> None:
    few, many = cost(10, 10), cost(4_000, 4_000)
    assert abs(few[0] - many[0]) <= 12 and abs(few[1] - many[1]) <= 12
    assert max(many) < 200
    assert abs(cost(10, 0)[1] - cost(4_000, 0)[1]) <= 12


class Centre:
    """A router whose agents take what they are given at once."""

    def __init__(self) -> None:
        self.router = Router()
        self.numbers = count(1)
        self.served: list[str] = []

    def take(self, event: Input, now: float) -> None:
        outputs: list[Output] = self.router.handle(event, now)
        for output in outputs:
            if isinstance(output, Reserve):
                self.served.append(output.interaction)
                self.router.handle(Confirm(output.interaction, output.attempt), now)

    def agent(self, now: float) -> None:
        self.take(AgentReady("kim", next(self.numbers), now, {"English": 1}), now)

    def call(self, name: str, now: float, **more: Any) -> None:
        queue = more.pop("queue", "Q")
        self.take(Submit(name, queue, TARGET, now, next(self.numbers), **more), now)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=40), st.sampled_from([0.1, 0.5, 2.0]))
@settings(max_examples=40, deadline=None)
def test_with_growth_nobody_starves_behind_higher_priorities(priorities: list[int], rate: float) -> None:
    """One call comes in each second, one agent becomes ready in each: whoever is `p` points behind waits at
    most p / rate seconds longer than the line was long."""
    centre = Centre()
    centre.call("low", 0.0, priority=0, growth=even(rate))
    longest = int(60 / rate) + 3
    for second in range(1, longest + 1):
        priority = priorities[second % len(priorities)]
        centre.call(f"c{second}", float(second), priority=priority, growth=even(rate))
        centre.agent(float(second))
        if "low" in centre.served:
            return
    raise AssertionError("the low one has starved")


@given(st.integers(1, 9), st.integers(1, 9))
@settings(max_examples=30, deadline=None)
def test_no_queue_starves_beside_one_of_more_weight(heavy: int, light: int) -> None:
    centre = Centre()
    centre.take(QueueDefined("H", "English>0", weight=float(heavy)), 0.0)
    centre.take(QueueDefined("L", "English>0", weight=float(light)), 0.0)
    for number in range(60):
        centre.call(f"h{number}", 1.0, queue="H", priority=100)
        centre.call(f"l{number}", 2.0, queue="L")
    for number in range(heavy + light):
        centre.agent(10.0 + number)
    assert abs(sum(name.startswith("l") for name in centre.served) - light) <= 1


async def test_ten_thousand_changes_at_once_leave_turns_for_the_others() -> None:
    router, turns = Router(), 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.ensure_future(others())
    logins = (AgentReady(f"a{number}", 1, float(number), {"English": 1}) for number in range(10_000))
    await _in_portions(logins, lambda event: router.handle(event, 0.0))
    beside.cancel()
    assert turns >= 10_000 // PORTION - 1
    assert len(router.pool.agents) == 10_000
