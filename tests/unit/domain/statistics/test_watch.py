"""Subscriptions: told what changed, not more often than wished, and nothing for what lies still."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ringback.domain.statistics import AgentIs, Asked, Entered, Floor, Left, Subject, Watch, Window

T = 864_000.0 + 36_000.0
LOANS, CARDS = Subject("vq", "Loans"), Subject("vq", "Cards")


def watching() -> Watch:
    return Watch(Floor())


def enter(watch: Watch, second: float, name: str, queue: Subject = LOANS) -> None:
    watch.floor.handle(Entered(queue, name, "call", T + second), T + second)


def test_a_change_is_told_to_all_who_asked_and_read_once() -> None:
    watch = watching()
    asked = Asked(LOANS, "CurrNumberWaitingCalls")
    assert [watch.open(name, asked, T) for name in ("x", "y")] == [0, 0]
    enter(watch, 5, "a")
    before = watch.readings
    assert {(each.subscriber, each.value) for each in watch.tick(T + 5)} == {("x", 1), ("y", 1)}
    assert watch.readings - before == 1
    assert not watch.tick(T + 6)


def test_a_figure_is_told_no_more_often_than_its_interval() -> None:
    watch = watching()
    watch.open("x", Asked(LOANS, "CurrNumberWaitingCalls", interval=10.0), T)
    told = []
    for second in range(1, 31):
        enter(watch, second, f"c{second}")
        told += [(second, each.value) for each in watch.tick(T + second)]
    assert told == [(10, 10), (20, 20), (30, 30)]


def test_small_changes_are_kept_until_they_are_large_enough() -> None:
    watch = watching()
    watch.open("x", Asked(LOANS, "CurrNumberWaitingCalls", insensitivity=3.0), T)
    told = []
    for second in range(2, 16, 2):
        enter(watch, second, f"c{second}")
        told += [each.value for each in watch.tick(T + second)]
    assert told == [3, 6]


def test_objects_that_lie_still_cost_nothing() -> None:
    watch = watching()
    for number in range(2000):
        watch.open(number, Asked(Subject("vq", f"q{number}"), "TotalCallsEntered", Window("sliding", 600)), T)
    before = watch.readings
    for second in range(100):
        enter(watch, second, f"c{second}")
        assert not watch.tick(T + second)
    assert watch.readings == before


def test_a_window_that_slides_is_told_when_it_has_emptied_and_then_rests() -> None:
    watch = watching()
    watch.open("x", Asked(LOANS, "TotalCallsEntered", Window("sliding", 60)), T)
    enter(watch, 1, "a")
    told = [(second, each.value) for second in range(1, 120) for each in watch.tick(T + second)]
    assert [value for _, value in told] == [1, 0]
    assert 55 <= told[1][0] <= 66
    assert watch.next_due() is None


def test_a_wait_grows_without_events() -> None:
    watch = watching()
    watch.open("x", Asked(LOANS, "CurrMaxCallWaitingTime", interval=5.0), T)
    enter(watch, 0, "a")
    told = [each.value for second in range(21) for each in watch.tick(T + second)]
    assert told == [5.0, 10.0, 15.0, 20.0]


def test_midnight_is_told() -> None:
    watch = watching()
    watch.open("x", Asked(LOANS, "TotalCallsEntered"), T)
    enter(watch, 1, "a")
    assert [each.value for each in watch.tick(T + 1)] == [1]
    assert [each.value for each in watch.tick(864_000.0 + 86_400.0)] == [0]


def test_who_has_closed_is_told_nothing() -> None:
    watch = watching()
    watch.open("x", Asked(LOANS, "CurrNumberWaitingCalls"), T)
    assert watch.close("x")
    assert not watch.close("x")
    enter(watch, 5, "a")
    assert not watch.tick(T + 5)
    assert len(watch) == 0


NAMES = [
    "CurrNumberWaitingCalls",
    "TotalCallsEntered",
    "AverageWaitTime",
    "CurrMaxCallWaitingTime",
    "ServiceFactor",
]
AGENT_NAMES = ["TotalReadyTime", "TotalNotReadyTime", "Occupancy", "CurrNumberReady"]
wishes = st.one_of(
    st.tuples(st.sampled_from([LOANS, CARDS]), st.sampled_from(NAMES)),
    st.tuples(
        st.sampled_from([Subject("agent", "kim"), Subject("group", "*")]), st.sampled_from(AGENT_NAMES)
    ),
)
spans = st.sampled_from(
    [Window("sliding", 30), Window("sliding", 600), Window("growing", 900), Window.read("growing")]
)


class Subscribers(RuleBasedStateMachine):
    """Whatever happens: once time has passed, everybody has last been told what a new reading says."""

    def __init__(self) -> None:
        super().__init__()
        self.watch, self.now, self.number = watching(), T, 0
        self.last: dict[int, tuple[Asked, Any]] = {}

    @rule(wish=wishes, window=spans, interval=st.sampled_from([1.0, 7.0]))
    def subscribes(self, wish: tuple[Subject, str], window: Window, interval: float) -> None:
        self.number += 1
        asked = Asked(*wish, window, interval)
        self.last[self.number] = (asked, self.watch.open(self.number, asked, self.now))

    @rule(queue=st.sampled_from([LOANS, CARDS]), name=st.sampled_from("abc"))
    def enters(self, queue: Subject, name: str) -> None:
        self.watch.floor.handle(Entered(queue, name, "call", self.now), self.now)

    @rule(
        queue=st.sampled_from([LOANS, CARDS]),
        name=st.sampled_from("abc"),
        way=st.sampled_from(["answered", "abandoned", "cleared"]),
    )
    def leaves(self, queue: Subject, name: str, way: Any) -> None:
        self.watch.floor.handle(Left(queue, name, way), self.now)

    @rule(state=st.sampled_from(["ready", "not_ready", "talking", "acw", "logged_out"]))
    def agent(self, state: str) -> None:
        self.number += 1
        self.watch.floor.handle(AgentIs("kim", state, state, self.number), self.now)

    @rule(seconds=st.sampled_from([0.5, 1.0, 5.0, 60.0, 1000.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self._tick()

    def _tick(self) -> None:
        for each in self.watch.tick(self.now):
            asked, _ = self.last[each.subscriber]  # type: ignore[index]
            self.last[each.subscriber] = (asked, each.value)  # type: ignore[index]

    @invariant()
    def what_was_told_is_true_after_a_while(self) -> None:
        self.now += 8.0
        self._tick()
        for asked, value in self.last.values():
            if asked.interval == 1.0:
                assert value == self.watch.read(asked, self.now), asked


Subscribers.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestSubscribers = Subscribers.TestCase
