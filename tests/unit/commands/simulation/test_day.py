"""Simulated days against what theory says of them."""

from math import exp, factorial

import numpy as np
import pytest

from ringback.commands.simulation.figures import Figure, Outcome, QueueFigures, outcome
from ringback.commands.simulation.runs import simulate
from ringback.commands.simulation.scenario import (
    AgentsPlan,
    CallbackPolicy,
    Duration,
    QueuePlan,
    Scenario,
)

SALES = "?:Sales>=1"


def plan(**more: object) -> QueuePlan:
    values: dict[str, object] = {"name": "Sales", "target": SALES, "service": Duration(mean=120), **more}
    return QueuePlan(**values)  # type: ignore[arg-type]


def agents(count: int, **more: object) -> AgentsPlan:
    return AgentsPlan(count=count, skills={"Sales": 1}, **more)  # type: ignore[arg-type]


def lived(scenario: Scenario, days: int, seed: int = 1) -> tuple[QueueFigures, Outcome]:
    found = outcome("test", simulate(scenario, days, seed))
    return found.queues[0], found


def is_about(figure: Figure | None, truth: float) -> bool:
    """Within twice the 95 percent interval: about four standard errors."""
    assert figure is not None
    return abs(figure.value - truth) <= 2 * (figure.high - figure.value) <= 0.5 * truth


class TestTheory:
    def test_erlang_c_of_a_day_from_empty(self) -> None:
        """M/M/12, 4.2 a minute of 2 minutes, 480 minutes from empty: 0.902 [0.900, 0.904] within 20 s."""
        scenario = Scenario(
            queues=[plan(calls_per_hour=252)], agents=[agents(12)], opens=8, closes=16, service_level=20
        )
        found, all_figures = lived(scenario, 40)
        truth = transient_service_level(servers=12, rate=4.2, service=2.0, minutes=480, within=1 / 3)
        assert 0.900 <= truth <= 0.904
        assert is_about(found.service_level, truth)
        assert is_about(all_figures.occupancy, 0.7)

    def test_erlang_c_of_a_long_day(self) -> None:
        """100 calls in 30 minutes of 3 minutes each, 14 agents: delayed 0.174, mean wait 7.8 s."""
        scenario = Scenario(
            queues=[plan(calls_per_hour=200, service=Duration(mean=180))], agents=[agents(14)]
        )
        found, _ = lived(scenario, 15)
        assert is_about(found.delayed, 0.174)
        assert is_about(found.wait_s, 7.84)

    def test_erlang_a(self) -> None:
        """Ten agents, eleven erlangs, patience of 3 minutes: those who give up by balance equations."""
        scenario = Scenario(
            queues=[plan(calls_per_hour=330, patience=Duration(mean=180))], agents=[agents(10)]
        )
        found, _ = lived(scenario, 6)
        lost, wait = erlang_a(servers=10, rate=330 / 3600, service=120, patience=180)
        assert is_about(found.abandoned, lost)
        assert is_about(found.wait_s, wait)

    def test_the_same_seed_gives_the_same_days(self) -> None:
        scenario = Scenario(queues=[plan(calls_per_hour=100)], agents=[agents(4)], closes=4)
        assert lived(scenario, 3) == lived(scenario, 3)
        assert lived(scenario, 3) != lived(scenario, 3, seed=2)


def erlang_a(*, servers: int, rate: float, service: float, patience: float) -> tuple[float, float]:
    """The share that gives up and the mean wait of all, in seconds (Garnett, Mandelbaum, Reiman 2002)."""
    weights = [1.0]
    for number in range(1, 400):
        leaving = min(number, servers) / service + max(0, number - servers) / patience
        weights.append(weights[-1] * rate / leaving)
    waiting = sum(max(0, number - servers) * weight for number, weight in enumerate(weights)) / sum(weights)
    return waiting / patience / rate, waiting / rate


def transient_service_level(
    *, servers: int, rate: float, service: float, minutes: int, within: float
) -> float:
    """The share of a day's calls answered within a time, from an empty start: the Kolmogorov equations of
    M/M/c, stepped, and those who arrive find the state as it is (PASTA). Times in minutes.
    """
    states, step = 120, 1 / 64
    numbers = np.arange(states)
    leaving = np.minimum(numbers, servers) / service
    rates = np.diag(np.full(states - 1, rate), 1) + np.diag(leaving[1:], -1)
    rates -= np.diag(rates.sum(axis=1))
    one = np.linalg.matrix_power(np.eye(states) + rates * step / 1024, 1024)
    mean = servers / service * within
    in_time = [1 - sum(exp(-mean) * mean**k / factorial(k) for k in range(n - servers + 1)) for n in numbers]
    now, met = np.eye(states)[0], 0.0
    for _ in range(minutes * 64):
        met += float(now @ np.array(in_time))
        now = now @ one
    return met / (minutes * 64)


def erlang_c(servers: int, offered: float) -> float:
    top = offered**servers / factorial(servers) * servers / (servers - offered)
    return top / (sum(offered**number / factorial(number) for number in range(servers)) + top)


def test_the_formulas_agree_with_the_published_values() -> None:
    assert erlang_c(14, 10.0) == pytest.approx(0.174, abs=0.0005)
    assert 1 - erlang_c(12, 8.4) * exp(-3.6 / 6) == pytest.approx(0.8991, abs=0.0001)
    never, _ = erlang_a(servers=14, rate=200 / 3600, service=180, patience=1e9)
    assert never == pytest.approx(0, abs=1e-6)


class TestPlans:
    def test_calls_follow_the_hours(self) -> None:
        scenario = Scenario(
            queues=[plan(calls_per_hour=[0, 600, 0.0])], agents=[agents(40)], opens=9, closes=11.5
        )
        days = simulate(scenario, 10, 1)
        calls = [day.queue("Sales").calls for day in days]
        assert 550 < sum(calls) / 10 < 650

    def test_nobody_is_served_before_the_shift_and_everybody_before_it_is_over(self) -> None:
        scenario = Scenario(
            queues=[plan(calls_per_hour=[60, 0], service=Duration(mean=10, distribution="fixed"))],
            agents=[agents(1, starts=1)],
            closes=2,
        )
        found, all_figures = lived(scenario, 20)
        assert found.delayed is not None
        assert found.delayed.value == 1.0
        assert found.wait_s is not None
        assert found.wait_s.value > 1500
        assert all_figures.occupancy is not None
        assert all_figures.occupancy.value == pytest.approx(60 * 10 / 3600, rel=0.15)

    def test_an_agent_on_a_break_takes_no_calls(self) -> None:
        scenario = Scenario(
            queues=[plan(calls_per_hour=[0, 60, 0], service=Duration(mean=5, distribution="fixed"))],
            agents=[agents(3, breaks=[(1, 2)])],
            closes=3,
        )
        found, _ = lived(scenario, 5)
        assert found.delayed is not None
        assert found.delayed.value == 1.0

    def test_who_has_priority_waits_less(self) -> None:
        scenario = Scenario(
            queues=[plan(calls_per_hour=55), plan(calls_per_hour=55, name="Gold", priority=1)],
            agents=[agents(4)],
            closes=12,
        )
        _, found = lived(scenario, 5)
        normal, gold = (found.queues[n].wait_s for n in (0, 1))
        assert normal is not None
        assert gold is not None
        assert 2 * gold.value < normal.value

    def test_a_dial_in_vain_is_repeated_as_the_policy_says(self) -> None:
        policy = CallbackPolicy(offer_above=1, accept=1, reached=0.5, max_dials=3, retry_after=60)
        scenario = Scenario(
            queues=[plan(calls_per_hour=[200, 0], callback=policy)], agents=[agents(5)], closes=2
        )
        found, _ = lived(scenario, 25)
        assert is_about(found.connected, 1 - 0.5**3)
        assert is_about(found.failed, 0.5**3)
        assert is_about(found.dials, 1 + 0.5 + 0.25)
        assert found.expired is not None
        assert found.expired.value == 0.0

    def test_no_callback_is_dialled_again_after_closing(self) -> None:
        policy = CallbackPolicy(offer_above=1, accept=1, reached=0.0, max_dials=100, retry_after=900)
        queue = plan(calls_per_hour=200, callback=policy)
        found, _ = lived(Scenario(queues=[queue], agents=[agents(5)], closes=1), 10)
        assert found.expired is not None
        assert found.expired.value == 1.0
        assert found.dials is not None
        assert 1 <= found.dials.value < 5

    def test_who_asks_for_a_later_time_stands_in_line_from_then_on(self) -> None:
        policy = CallbackPolicy(offer_above=1, accept=1, scheduled=1, ahead=(1, 1))
        queue = plan(calls_per_hour=[200, 0, 0], callback=policy)
        found, all_figures = lived(Scenario(queues=[queue], agents=[agents(6)], closes=3), 10)
        assert found.connected is not None
        assert found.connected.value == 1.0
        assert found.callback_wait_s is not None
        assert found.callback_wait_s.value < 600
        later = [hour.occupancy for hour in all_figures.hours]
        assert len(later) == 1, "calls come in the first hour only"

    def test_whom_nobody_serves_has_waited_in_vain(self) -> None:
        scenario = Scenario(
            queues=[plan(calls_per_hour=[0, 50])], agents=[agents(2, starts=0, ends=0.5)], closes=2
        )
        found, _ = lived(scenario, 3)
        assert found.lost is not None
        assert found.lost.value == 1.0

    def test_two_scenarios_meet_the_same_callers(self) -> None:
        few, many = (
            [
                day.queue("Sales")
                for day in simulate(Scenario(queues=[plan(calls_per_hour=90)], agents=[agents(n)]), 3, 7)
            ]
            for n in (3, 6)
        )
        assert [day.calls for day in few] == [day.calls for day in many]
        assert [day.waited for day in few] != [day.waited for day in many]

    def test_callbacks_keep_their_place_and_lose_nobody(self) -> None:
        policy = CallbackPolicy(offer_above=60, accept=0.6, reached=0.75, no_answer=20, max_dials=1)
        queue = plan(calls_per_hour=160, patience=Duration(mean=200), callback=policy)
        scenario = Scenario(queues=[queue], agents=[agents(4)], closes=10)
        days = simulate(scenario, 12, 3)
        tallies = [day.queue("Sales") for day in days]
        assert all(t.calls == t.answered + t.abandoned + t.callbacks for t in tallies)
        found = outcome("test", days).queues[0]
        assert found.callbacks is not None
        assert found.callbacks.value > 0.1
        assert is_about(found.connected, 0.75)
        assert found.dials is not None
        assert found.dials.value == 1.0
        assert found.failed is not None
        assert found.connected is not None
        assert found.connected.value + found.failed.value == pytest.approx(1.0)
        without = Scenario(queues=[plan(calls_per_hour=160, patience=Duration(mean=200))], agents=[agents(4)])
        alone = [day.queue("Sales") for day in simulate(without, 4, 3)]
        lost, lost_alone = (
            sum(t.abandoned for t in each) / sum(t.calls for t in each) for each in (tallies, alone)
        )
        assert lost < 0.95 * lost_alone
