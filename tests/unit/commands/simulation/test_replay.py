"""A log lived through again."""

import pytest

from ringback.commands.simulation.calllog import write_calls
from ringback.commands.simulation.figures import outcome
from ringback.commands.simulation.replay import Replayed, actual, by_day, replayed
from ringback.commands.simulation.runs import Drawn
from ringback.commands.simulation.scenario import AgentsPlan, Duration, QueuePlan, Scenario
from ringback.domain.routing.waiting import LogError, LoggedCall

DAY = 86400.0
BASE = 1767571200.0


def plan(**more: object) -> QueuePlan:
    return QueuePlan(name="A", target="?:A>=1", **more)  # type: ignore[arg-type]


def agents(count: int, **more: object) -> AgentsPlan:
    return AgentsPlan(count=count, skills={"A": 1}, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def log() -> list[LoggedCall]:
    queue = plan(calls_per_hour=100, service=Duration(mean=120), patience=Duration(mean=150))
    scenario = Scenario(queues=[queue], agents=[agents(4)], opens=8, closes=16)
    calls: list[LoggedCall] = []
    list(Drawn("log", scenario, 8, 5).run(calls.append))
    return calls


def lost(source: Replayed) -> float:
    found = outcome("rules", list(source.run())).queues[0].lost
    assert found is not None
    return found.value


def test_the_log_is_counted_as_the_simulation_counted(log: list[LoggedCall]) -> None:
    days = by_day(log, "UTC")
    found = outcome("as it was", actual(days, Scenario(queues=[plan()])))
    assert found.days == 8
    assert found.calls == len(log)
    figures = found.queues[0]
    assert figures.abandoned is not None
    assert figures.abandoned.value == sum(not call.answered for call in log) / len(log)
    assert found.occupancy is not None
    assert 0.6 < found.occupancy.value < 0.95


@pytest.mark.parametrize("staffed", [True, False])
def test_under_the_same_rules_it_comes_out_the_same(log: list[LoggedCall], staffed: bool) -> None:
    """With the log's own servers, seen at work, and with the plan's agents; what differs is drawn."""
    rules = Scenario(
        queues=[plan()], agents=[agents(4)] if staffed else [], opens=8, closes=16 if staffed else 24
    )
    was = sum(not call.answered for call in log) / len(log)
    assert lost(replayed("rules", rules, log, 1)) == pytest.approx(was, abs=0.035)


def test_more_agents_lose_fewer(log: list[LoggedCall]) -> None:
    waits = [lost(replayed("x", Scenario(queues=[plan()], agents=[agents(n)]), log, 1)) for n in (3, 5, 8)]
    assert waits[0] > 2 * waits[1] > 4 * waits[2]


def test_rules_may_say_how_long_calls_last(log: list[LoggedCall]) -> None:
    short = plan(service=Duration(mean=10, distribution="fixed"))
    assert lost(replayed("x", Scenario(queues=[short], agents=[agents(4)]), log, 1)) < 0.01


def call(at: float, queue: str = "A", *, answered: bool = True) -> LoggedCall:
    return LoggedCall(at, queue, 0, answered, at + 5, at + 5, at + 65, "s" if answered else "")


def test_days_are_those_of_the_rules_zone() -> None:
    late = BASE + 23.5 * 3600
    assert [len(day.calls) for day in by_day([call(late), call(late - 3600)], "UTC")] == [2]
    berlin = by_day([call(late), call(late - 3600)], "Europe/Berlin")
    assert [(day.midnight, day.seconds(day.calls[0].arrival)) for day in berlin] == [
        (BASE - 3600, 23.5 * 3600),
        (BASE + DAY - 3600, 0.5 * 3600),
    ]


def test_what_does_not_fit_is_said() -> None:
    rules = Scenario(queues=[plan()])
    with pytest.raises(LogError, match="no calls"):
        replayed("rules", rules, [], 1)
    with pytest.raises(LogError, match="'B'"):
        replayed("rules", rules, [call(BASE, "B")], 1)
    with pytest.raises(LogError, match="how long calls of 'A' last"):
        replayed("rules", rules, [call(BASE, answered=False)], 1)
    with pytest.raises(LogError, match="no time"):
        by_day([call(1e300)], "UTC")


def test_a_log_is_written_in_order(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("log") / "log.csv"
    with path.open("w", newline="") as file:
        write_calls(file, [call(BASE + 60), call(BASE, answered=False)])
    first, second = path.read_text().splitlines()
    assert first == "1767571200.000,A,0,abandoned,1767571205.000,,,"
    assert second.endswith("answered,1767571265.000,1767571265.000,1767571325.000,s")
