"""What the figures say after events, each by its definition."""

from typing import Any

import pytest

from ringback.domain.statistics import (
    ALIASES,
    BY_NAME,
    EVERYBODY,
    AgentIs,
    Asked,
    Entered,
    Floor,
    Left,
    NotTaken,
    QueueIs,
    Subject,
    UnknownStatistic,
    Watch,
    Window,
)

LOANS = Subject("vq", "Loans")
KIM, TEAM, ALL = Subject("agent", "kim"), Subject("group", "Team"), Subject("group", EVERYBODY)
T = 864_000.0 + 36_000.0


class Day:
    """A floor whose clock is moved by hand, in seconds since ten o'clock."""

    def __init__(self) -> None:
        self.floor = Floor()
        self.watch = Watch(self.floor, lambda queue, name: {"wait": 30.0, "ready": 0.0}.get(name))
        self.sequence = 0

    def at(self, second: float, *events: Any) -> None:
        for event in events:
            self.floor.handle(event, T + second)

    def agent(self, second: float, state: str, status: str = "", name: str = "kim", **more: Any) -> None:
        self.sequence += 1
        groups = more.pop("groups", frozenset({"Team"}))
        self.at(second, AgentIs(name, state, status or state, self.sequence, groups, **more))

    def read(self, subject: Subject, name: str, second: float, window: str = "growing") -> Any:
        return self.watch.read(Asked(subject, name, Window.read(window)), T + second)

    def call(self, name: str, begins: float, ends: float, way: Any, kind: Any = "call") -> None:
        self.at(begins, Entered(LOANS, name, kind, T + begins))
        self.at(ends, Left(LOANS, name, way))


class TestQueues:
    def test_who_waits_and_for_how_long(self) -> None:
        day = Day()
        day.at(0, Entered(LOANS, "a", "call", T), Entered(LOANS, "cb", "callback", T - 900))
        day.at(5, Entered(LOANS, "b", "call", T + 5))
        assert day.read(LOANS, "CurrNumberWaitingCalls", 30) == 2
        assert day.read(LOANS, "CurrNumberWaitingCallbacks", 30) == 1
        assert day.read(LOANS, "CurrMaxCallWaitingTime", 30) == 30.0
        day.at(31, Left(LOANS, "a", "answered"))
        assert day.read(LOANS, "CurrMaxCallWaitingTime", 31) == 26.0

    def test_service_level_leaves_short_abandons_out(self) -> None:
        day = Day()
        day.at(0, QueueIs(LOANS, 20.0))
        begins = 0.0
        for wait, way in (
            (5, "answered"),
            (20, "answered"),
            (21, "answered"),
            (4, "abandoned"),
            (30, "abandoned"),
        ):
            day.call(f"c{begins}", begins, begins + wait, way)
            begins += wait
        assert day.read(LOANS, "ServiceFactor", 90) == 50.0
        assert day.read(LOANS, "TotalCallsAbandoned", 90) == 2
        assert day.read(LOANS, "TotalCallsAbandonedShort", 90) == 1
        assert day.read(LOANS, "AbandonedPercent", 90) == 25.0
        assert day.read(LOANS, "AverageWaitTime", 90) == pytest.approx(46 / 3, abs=0.001)
        assert day.read(LOANS, "AverageAbandonTime", 90) == 17.0

    def test_callbacks_are_counted_apart(self) -> None:
        day = Day()
        day.call("cb", 0, 600, "answered", "callback")
        assert day.read(LOANS, "TotalCallsAnswered", 600) == 0
        assert day.read(LOANS, "TotalCallbacksAnswered", 600) == 1
        assert day.read(LOANS, "AverageCallbackWaitTime", 600) == 600.0

    def test_other_media_are_counted_apart_too(self) -> None:
        day = Day()
        day.at(0, Entered(LOANS, "chat", "interaction", T))
        assert day.read(LOANS, "CurrNumberWaitingInteractions", 1) == 1
        assert day.read(LOANS, "CurrNumberWaitingCalls", 1) == 0
        day.at(5, Left(LOANS, "chat", "answered"))
        assert day.read(LOANS, "TotalInteractionsAnswered", 6) == 1
        assert day.read(LOANS, "TotalCallsAnswered", 6) == 0

    def test_what_comes_twice_counts_once(self) -> None:
        day = Day()
        for _ in range(2):
            day.at(0, Entered(LOANS, "a", "call", T))
        for _ in range(2):
            day.at(9, Left(LOANS, "a", "abandoned"))
        assert day.read(LOANS, "TotalCallsEntered", 10) == 1
        assert day.read(LOANS, "TotalCallsAbandoned", 10) == 1

    def test_a_call_that_comes_back_waits_from_its_new_arrival(self) -> None:
        day = Day()
        day.call("a", 0, 10, "cleared")
        day.at(20, Entered(LOANS, "a", "call", T + 20))
        assert day.read(LOANS, "CurrMaxCallWaitingTime", 25) == 5.0

    def test_a_sliding_window_forgets_and_a_day_begins_anew(self) -> None:
        day = Day()
        day.call("a", 0, 10, "answered")
        assert day.read(LOANS, "TotalCallsAnswered", 60, "sliding:60") == 1
        assert day.read(LOANS, "TotalCallsAnswered", 80, "sliding:60") == 0
        assert day.read(LOANS, "TotalCallsAnswered", 80) == 1
        assert day.read(LOANS, "TotalCallsAnswered", 86_400) == 0

    def test_what_the_router_knows_is_asked_of_it(self) -> None:
        day = Day()
        assert day.read(LOANS, "StatExpectedWaitingTime", 0) == 30.0
        assert day.read(LOANS, "LoadBalance", 0) == 30.0
        assert day.read(LOANS, "CurrAgentsLoggedIn", 0) is None


class TestAgents:
    def day(self) -> Day:
        day = Day()
        day.agent(0, "ready")
        day.agent(10, "ringing", queue="Loans", call_type=2)
        day.agent(15, "talking", "CallInbound", queue="Loans", call_type=2)
        day.agent(35, "talking", "CallOnHold", queue="Loans", call_type=2)
        day.agent(45, "talking", "CallInbound", queue="Loans", call_type=2)
        day.agent(75, "acw", queue="Loans")
        day.agent(95, "ready")
        return day

    @pytest.mark.parametrize("subject", [KIM, TEAM, ALL])
    def test_a_call_from_ringing_to_the_end_of_the_work(self, subject: Subject) -> None:
        day = self.day()
        expected = {
            "TotalLoginTime": 100.0,
            "TotalReadyTime": 15.0,
            "TotalRingingTime": 5.0,
            "TotalTalkTime": 50.0,
            "TotalHoldTime": 10.0,
            "TotalAfterCallWorkTime": 20.0,
            "TotalCallsInbound": 1,
            "TotalCallsHandled": 1,
            "AverageTalkTime": 60.0,
            "AverageHandleTime": 80.0,
            "AverageAfterCallWorkTime": 20.0,
            "Occupancy": 85.0,
            "CurrNumberReady": 1,
            "CurrNumberBusy": 0,
        }
        assert {name: day.read(subject, name, 100) for name in expected} == expected
        assert day.read(LOANS, "AverageHandleTime", 100) == 80.0

    def test_time_within_a_window_only(self) -> None:
        day = self.day()
        assert day.read(KIM, "TotalTalkTime", 60, "sliding:60") == pytest.approx(35.0, abs=5)
        assert day.read(KIM, "Occupancy", 3700, "sliding:60") == 0.0

    def test_a_group_that_the_agent_leaves_loses_the_agent_and_keeps_what_was(self) -> None:
        day = Day()
        day.agent(0, "ready")
        day.agent(30, "ready", groups=frozenset({"Other"}))
        assert day.read(TEAM, "CurrNumberReady", 60) == 0
        assert day.read(TEAM, "TotalReadyTime", 60) == 30.0
        assert day.read(Subject("group", "Other"), "CurrNumberReady", 60) == 1
        assert day.read(Subject("group", "Other"), "TotalReadyTime", 60) == 30.0
        assert day.read(ALL, "TotalReadyTime", 60) == 60.0

    def test_do_not_disturb_counts_as_not_ready(self) -> None:
        day = Day()
        day.agent(0, "ready", dnd=True)
        assert (day.read(KIM, "CurrNumberReady", 1), day.read(KIM, "CurrNumberNotReady", 1)) == (0, 1)

    def test_status_and_its_time(self) -> None:
        day = Day()
        assert day.read(KIM, "CurrentStatus", 0) == "NotMonitored"
        day.agent(0, "talking", "CallInbound")
        day.agent(20, "talking", "CallOnHold")
        assert (day.read(KIM, "CurrentStatus", 30), day.read(KIM, "CurrentStatusTime", 30)) == (
            "CallOnHold",
            10.0,
        )

    def test_an_event_from_before_changes_nothing(self) -> None:
        day = Day()
        day.agent(0, "ready")
        day.agent(5, "not_ready")
        day.agent(6, "acw")
        day.at(7, AgentIs("kim", "ready", "ready", 2, frozenset({"Team"})))
        assert day.read(KIM, "CurrNumberReady", 7) == 0

    def test_the_work_after_the_calls_of_a_queue_is_known_and_who_is_at_it(self) -> None:
        day = Day()
        assert day.floor.after_calls("Loans") == (0, 0.0, 0)
        for name, ends in (("kim", 60), ("lee", 90)):
            day.agent(ends - 50, "talking", "CallInbound", name, queue="Loans", call_type=2)
            day.agent(ends - 10, "acw", name=name, queue="Loans", call_type=2)
            assert day.floor.after_calls("Loans").now == 1
            day.agent(ends, "ready", name=name)
        day.agent(100, "talking", "CallInbound", queue="Loans", call_type=2)
        day.agent(120, "ready")  # some need none
        assert day.floor.after_calls("Loans") == (3, 20.0, 0)
        day.agent(130, "acw", queue="Loans", call_type=2)  # after a call that came from no queue
        assert day.floor.after_calls("Loans").now == 0
        day.agent(4000, "ready")
        assert day.floor.after_calls("Loans") == (0, 0.0, 0), "the last hour's"

    def test_a_session_that_begins_anew_is_another_one(self) -> None:
        day = Day()
        for second in range(5):
            day.agent(second, "ready" if second % 2 else "not_ready")
        day.at(6, AgentIs("kim", "ready", "ready", 1, frozenset({"Team"})))
        day.at(7, AgentIs("kim", "talking", "CallInbound", 2, frozenset({"Team"})))
        assert day.read(TEAM, "CurrNumberTalking", 8) == 1

    def test_a_consultation_is_one_call_more_and_no_time_more(self) -> None:
        day = Day()
        day.agent(0, "talking", "CallInbound", queue="Loans", call_type=2)
        day.agent(30, "talking", "CallOnHold", queue="Loans", call_type=2)
        for second, status in ((40, "CallConsult"), (50, "CallConsult"), (55, "CallOnHold")):
            day.agent(second, "talking", status, queue="Loans", call_type=2, second_call_type=4)
        day.agent(60, "talking", "CallInbound", queue="Loans", call_type=2)
        day.agent(100, "acw", queue="Loans", call_type=2)
        day.agent(110, "ready")
        assert day.read(KIM, "TotalCallsInternal", 120) == 1
        assert day.read(KIM, "TotalCallsInbound", 120) == 1
        assert day.read(KIM, "TotalTalkTime", 120) == 85, "and 15 on hold"
        assert day.read(KIM, "TotalCallsHandled", 120) == 1
        assert day.read(KIM, "AverageHandleTime", 120) == 110

    def test_calls_that_ring_in_vain(self) -> None:
        day = Day()
        day.agent(0, "ringing")
        day.at(20, NotTaken("kim", rejected=False), NotTaken("kim", rejected=True))
        assert day.read(TEAM, "TotalCallsMissed", 21) == 1
        assert day.read(TEAM, "TotalCallsRejected", 21) == 1


def test_a_clock_that_steps_back_takes_no_time_away() -> None:
    day = Day()
    day.agent(0, "ready")
    day.agent(60, "not_ready")
    day.agent(30, "ready")
    assert day.read(KIM, "TotalReadyTime", 60) == 60.0


def test_every_alias_names_a_statistic_and_every_statistic_can_be_read_of_nobody() -> None:
    assert set(ALIASES) < set(BY_NAME)
    day = Day()
    for name, row in BY_NAME.items():
        for kind in row.of:
            day.read(Subject(kind, "nobody"), name, 0)
    assert not list(day.floor.subjects())


def test_a_statistic_of_the_wrong_kind_of_object_is_refused() -> None:
    with pytest.raises(UnknownStatistic, match="ServiceFactor is a figure of: queue, vq"):
        Day().read(KIM, "ServiceFactor", 0)
    with pytest.raises(UnknownStatistic, match="no statistic is called 'Nonsense'"):
        Day().read(KIM, "Nonsense", 0)
