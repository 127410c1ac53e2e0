"""The floor against a naive recount: all that happened is kept, and each figure counted from it anew."""

import math
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ringback.domain.statistics import (
    STEP,
    AgentIs,
    Asked,
    Entered,
    Floor,
    Left,
    QueueIs,
    Subject,
    Watch,
    Window,
)

BEGIN = 864_000.0 + 80_000.0
LOANS = Subject("vq", "Loans")
LEVEL = 20.0
WINDOWS = [Window("sliding", 60), Window("sliding", 600), Window("growing", 900), Window.read("growing")]


def beginning(window: Window, now: float) -> float:
    if window.kind == "sliding":
        return (math.floor(now / STEP) - window.seconds // STEP + 1) * STEP
    return now - now % window.seconds


@dataclass
class Recount:
    """What happened, as plain lists."""

    waiting: dict[str, tuple[str, float]] = field(default_factory=dict)
    entered: list[tuple[float, str]] = field(default_factory=list)
    left: list[tuple[float, str, str, float]] = field(default_factory=list)
    states: dict[str, list[tuple[float, str, frozenset[str]]]] = field(default_factory=dict)

    def number(self, kind: str, way: str, begins: float) -> int:
        return len([1 for at, whose, how, _ in self.left if (whose, how) == (kind, way) and at >= begins])

    def service_factor(self, begins: float) -> float | None:
        since = [(way, wait) for at, kind, way, wait in self.left if kind == "call" and at >= begins]
        answered = [wait for way, wait in since if way == "answered"]
        long = [wait for way, wait in since if way == "abandoned" and wait >= 5.0]
        if not answered and not long:
            return None
        in_time = len([wait for wait in answered if wait <= LEVEL])
        return round(100.0 * in_time / (len(answered) + len(long)), 2)

    def seconds(self, state: str, group: str, begins: float, now: float) -> float:
        """Agent-seconds in a state within a group; the group `*` is everybody."""
        total = 0.0
        for history in self.states.values():
            ends = [at for at, _, _ in history[1:]] + [now]
            for (at, name, groups), end in zip(history, ends, strict=True):
                if name == state and (group == "*" or group in groups):
                    total += max(0.0, end - max(at, begins))
        return total

    def present(self, state: str, group: str) -> int:
        last = [history[-1] for history in self.states.values()]
        return len([1 for _, name, groups in last if name == state and (group == "*" or group in groups)])


class Day(RuleBasedStateMachine):
    """An afternoon, across midnight if it comes to that."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.sequence = BEGIN, 0
        self.floor, self.recount = Floor(), Recount()
        self.watch = Watch(self.floor)
        self.floor.handle(QueueIs(LOANS, LEVEL), self.now)

    @rule(seconds=st.one_of(st.floats(0.0, 40.0), st.sampled_from([300.0, 3000.0])))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(name=st.sampled_from("abcdef"), kind=st.sampled_from(["call", "call", "callback"]))
    def enters(self, name: str, kind: Any) -> None:
        self.floor.handle(Entered(LOANS, name, kind, self.now), self.now)
        if name not in self.recount.waiting:
            self.recount.waiting[name] = (kind, self.now)
            self.recount.entered.append((self.now, kind))

    @rule(name=st.sampled_from("abcdef"), way=st.sampled_from(["answered", "abandoned", "cleared"]))
    def leaves(self, name: str, way: Any) -> None:
        self.floor.handle(Left(LOANS, name, way), self.now)
        if name in self.recount.waiting:
            kind, arrived = self.recount.waiting.pop(name)
            self.recount.left.append((self.now, kind, way, self.now - arrived))

    @rule(
        agent=st.sampled_from(["kim", "lee"]),
        state=st.sampled_from(["ready", "not_ready", "talking", "acw", "logged_out"]),
        groups=st.sampled_from([frozenset({"A"}), frozenset({"A", "B"}), frozenset()]),
    )
    def agent_changes(self, agent: str, state: str, groups: frozenset[str]) -> None:
        self.sequence += 1
        self.floor.handle(AgentIs(agent, state, state, self.sequence + 1, groups), self.now)
        self.recount.states.setdefault(agent, []).append((self.now, state, groups))

    def read(self, subject: Subject, name: str, window: Window = WINDOWS[0]) -> Any:
        return self.watch.read(Asked(subject, name, window), self.now)

    @invariant()
    def who_waits(self) -> None:
        calls = [arrived for kind, arrived in self.recount.waiting.values() if kind == "call"]
        assert self.read(LOANS, "CurrNumberWaitingCalls") == len(calls)
        assert self.read(LOANS, "CurrNumberWaitingCallbacks") == len(self.recount.waiting) - len(calls)
        longest = self.now - min(calls) if calls else 0.0
        assert self.read(LOANS, "CurrMaxCallWaitingTime") == pytest.approx(longest, abs=0.06)

    @invariant()
    def what_became_of_the_interactions(self) -> None:
        for window in WINDOWS:
            begins = beginning(window, self.now)
            entered = len([1 for at, kind in self.recount.entered if kind == "call" and at >= begins])
            assert self.read(LOANS, "TotalCallsEntered", window) == entered
            for name, kind, way in (
                ("TotalCallsAnswered", "call", "answered"),
                ("TotalCallsAbandoned", "call", "abandoned"),
                ("TotalCallsCleared", "call", "cleared"),
                ("TotalCallbacksAnswered", "callback", "answered"),
            ):
                assert self.read(LOANS, name, window) == self.recount.number(kind, way, begins), name
            assert self.read(LOANS, "ServiceFactor", window) == self.recount.service_factor(begins)

    @invariant()
    def what_the_agents_did(self) -> None:
        for group in ("A", "B", "*"):
            subject = Subject("group", group)
            assert self.read(subject, "CurrNumberReady") == self.recount.present("ready", group)
            for window in WINDOWS:
                begins = beginning(window, self.now)
                for name, state in (("TotalReadyTime", "ready"), ("TotalTalkTime", "talking")):
                    expected = self.recount.seconds(state, group, begins, self.now)
                    assert self.read(subject, name, window) == pytest.approx(expected, abs=0.06), name


Day.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestDay = Day.TestCase
