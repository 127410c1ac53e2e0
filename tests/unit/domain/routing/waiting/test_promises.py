"""The predictor beside the router: what is promised, and what comes of it."""

import heapq
import random

import pytest

from ringback.domain.routing import Router
from ringback.domain.routing.messages import (
    AgentAway,
    AgentBusy,
    AgentReady,
    Cancel,
    Confirm,
    Input,
    QueueDefined,
    Reprioritize,
    Reserve,
    Submit,
)
from ringback.domain.routing.waiting import Experience, Prediction, Promises, Unknown
from ringback.domain.routing.waiting.promises import APART, OURS, SIMPLE, Record

TARGET = "?:Sales>=1"
SKILLS = {"Sales": 1}


class Floor:
    """A router and its promises, with agents who take what they are given at once."""

    def __init__(self, agents: int, experience: Experience | None = None) -> None:
        self.experience = experience or Experience()
        self.core = Router()
        self.promises = Promises(self.core, self.experience)
        self.version = 0
        self.random = random.Random(4)
        self.due: list[tuple[float, int, str]] = []
        self.take(QueueDefined("Q", TARGET), 0.0)
        for number in range(agents):
            self.ready(f"a{number}", 0.0)

    def take(self, event: Input, now: float) -> None:
        outputs = self.core.handle(event, now)
        self.promises.watch(event, outputs, now)
        for output in outputs:
            if isinstance(output, Reserve):
                self.take(AgentBusy(output.agent, self.next_version(), SKILLS), now)
                self.take(Confirm(output.interaction, output.attempt), now)
                end = now + self.random.expovariate(1 / 100)
                heapq.heappush(self.due, (end, self.version, output.agent))

    def next_version(self) -> int:
        self.version += 1
        return self.version

    def ready(self, agent: str, now: float) -> None:
        self.take(AgentReady(agent, self.next_version(), now, SKILLS), now)

    def submit(self, name: str, now: float, *, arrived: float | None = None, priority: int = 0) -> None:
        came = now if arrived is None else arrived
        self.take(Submit(name, "Q", (TARGET,), came, self.next_version(), priority), now)

    def run(self, calls: int, rate: float) -> float:
        now = 0.0
        for number in range(calls):
            now += self.random.expovariate(rate)
            while self.due and self.due[0][0] <= now:
                end, _, agent = heapq.heappop(self.due)
                self.ready(agent, end)
            self.submit(f"c{number}", now)
        return now

    def told(self, position: int, now: float) -> Prediction | Unknown:
        return self.promises.told("Q", 0, position, now).answer


@pytest.fixture(scope="module")
def lived() -> tuple[Floor, float]:
    """A floor of five after some thousand calls, at the end of which somebody waits."""
    floor = Floor(5)
    now = floor.run(4000, 0.045)
    for number in range(8):
        floor.submit(f"last{number}", now)
    return floor, now


def test_the_wait_grows_with_the_position(lived: tuple[Floor, float]) -> None:
    floor, now = lived
    told = [floor.told(position, now) for position in (1, 4, 8)]
    assert all(isinstance(each, Prediction) for each in told)
    waits = [each.expected for each in told if isinstance(each, Prediction)]
    assert waits[0] < waits[1] < waits[2]
    assert waits[2] == pytest.approx(8 * 100 / 5, rel=0.35)
    assert all(each.p50 < each.p90 for each in told if isinstance(each, Prediction))


def test_promise_and_outcome_are_counted(lived: tuple[Floor, float]) -> None:
    record = lived[0].experience.records["Q"]
    assert record.promised > 1000
    assert 0.87 < record.kept / record.promised < 0.93
    assert record.ours < record.simple


def test_a_router_made_anew_knows_what_was_learned(lived: tuple[Floor, float]) -> None:
    other = Floor(5, lived[0].experience)
    for number in range(7):
        other.submit(f"n{number}", 10.0)
    assert isinstance(other.told(3, 10.0), Prediction)


def test_nothing_is_known_of_a_queue_that_has_served_nobody() -> None:
    floor = Floor(1)
    floor.submit("first", 1.0)
    floor.submit("second", 2.0)
    assert floor.told(2, 3.0) == Unknown("no_interactions")


def test_one_in_line_is_told_what_was_promised_and_later_what_is_left(lived: tuple[Floor, float]) -> None:
    floor, now = lived
    floor.submit("mine", now)
    place = floor.core.position("mine")
    promised = floor.promises.told("Q", 0, place, now).answer
    assert isinstance(promised, Prediction)
    assert floor.promises.expected("mine", now) == pytest.approx(promised.expected, rel=0.1)
    floor.promises._open.clear()
    assert floor.promises.expected("mine", now + 60) > 0
    assert floor.promises.in_one_number("Q", 0, place + 10, now) > floor.promises.expected("mine", now)


def test_who_joins_right_behind_another_is_told_in_proportion_and_teaches_nothing(
    lived: tuple[Floor, float],
) -> None:
    floor, now = lived
    moment = now + 10
    floor.submit("before", moment)
    floor.submit("behind", moment + APART / 2)
    place = floor.core.position("before")
    assert floor.core.position("behind") == place + 1
    told = floor.promises.expected("before", moment)
    assert floor.promises.expected("behind", moment + APART / 2) == pytest.approx(told * (place + 1) / place)
    assert "before" in floor.promises._open
    assert "behind" not in floor.promises._open
    floor.submit("later", moment + 2 * APART)
    assert "later" in floor.promises._open


def test_where_there_is_room_for_one_number_the_agents_and_the_handling_time_stand_in() -> None:
    floor = Floor(1)
    floor.submit("first", 0.0)
    floor.submit("second", 0.0)
    assert isinstance(floor.promises.told("Q", 0, 1, 0.0).answer, Unknown)
    assert floor.promises.expected("second", 0.0) == 90.0
    empty = Floor(0)
    assert empty.promises.in_one_number("Q", 0, 1, 0.0) == -1.0


def test_nothing_is_known_without_agents() -> None:
    assert Floor(0).told(1, 1.0) == Unknown("no_agents")


def test_nothing_is_known_while_all_agents_are_away() -> None:
    floor = Floor(1)
    floor.take(AgentAway("a0", floor.next_version(), SKILLS), 1.0)
    assert floor.told(1, 2.0) == Unknown("agents_away")
    floor.submit("waits", 3.0)
    assert not floor.promises._open, "and nothing is promised"


def test_agents_who_go_away_make_the_wait_longer_at_once(lived: tuple[Floor, float]) -> None:
    floor, now = lived
    before = floor.told(8, now)
    floor.take(AgentAway("a0", floor.next_version(), SKILLS), now)
    floor.take(AgentAway("a1", floor.next_version(), SKILLS), now)
    after = floor.told(8, now)
    for agent in ("a0", "a1"):
        floor.take(AgentBusy(agent, floor.next_version(), SKILLS), now)
    assert isinstance(before, Prediction)
    assert isinstance(after, Prediction)
    assert 1.3 * before.expected < after.expected
    assert 1.3 * before.p90 < after.p90


def test_nobody_waits_while_an_agent_is_ready() -> None:
    assert Floor(1).told(1, 1.0) == Prediction(0.0, 0.0, 0.0)


def test_a_callback_counts_in_line_from_the_moment_the_customer_asked() -> None:
    floor = Floor(1)
    floor.submit("busy", 1.0)
    floor.submit("caller", 100.0)
    floor.submit("callback", 200.0, arrived=50.0)
    assert floor.core.position("callback") == 1
    assert floor.promises._open["callback"].promise.features[6] > 0
    assert floor.promises._floor.queues["Q"].waiting == 2


def test_who_gives_up_or_changes_priority_is_not_judged() -> None:
    floor = Floor(1)
    for name in ("busy", "gone", "raised"):
        floor.submit(name, 1.0)
    floor.take(Cancel("gone"), 50.0)
    floor.take(Reprioritize("raised", 5), 60.0)
    floor.take(AgentAway("a0", floor.next_version(), SKILLS), 80.0)
    floor.ready("a0", 90.0)
    assert not floor.promises._open
    assert not floor.experience.records
    assert floor.promises._floor.queues["Q"].waiting == 0


def test_the_simple_estimate_is_told_while_ours_is_worse(lived: tuple[Floor, float]) -> None:
    floor, now = lived
    record = floor.experience.records["Q"]
    assert floor.promises.told("Q", 0, 2, now).method == OURS
    floor.experience.records["Q"] = Record()
    for _ in range(40):
        floor.experience.records["Q"].compare(100.0, 50.0)
    try:
        told = floor.promises.told("Q", 0, 2, now)
    finally:
        floor.experience.records["Q"] = record
    assert told.method == SIMPLE
    assert isinstance(told.answer, Prediction)
    assert told.answer.expected == pytest.approx(2 * floor.core.queues["Q"].history.quitting_time)
