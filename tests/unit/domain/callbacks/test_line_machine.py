"""The life cycle and the router together: callbacks and calls in one line, agents who come, refuse and go.

What the sessions do is played as the applications do it; what they report is judged by the same `Watch` that
judges the running platform, without any margin.
"""

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ringback.domain.callbacks import (
    Accepted,
    AgentLost,
    AgentReserved,
    AttemptFailed,
    AttemptLost,
    CallbackRefusedError,
    Cancel,
    Connected,
    Dialling,
    DialResult,
    Due,
    Event,
    Finished,
    Happening,
    Progress,
    RetryPolicy,
    StartAttempt,
    State,
    StopAttempt,
    Violation,
    Waiting,
    Watch,
    advance,
    booked,
)
from ringback.domain.callbacks.history import goes_on, kind_of_event
from ringback.domain.routing import Router, messages

POLICY = RetryPolicy(max_dials=2, delay=30.0)
AGENTS = ("ann", "bob", "eve")
NUMBERS = ("+1", "+2")
TARGET = ("?:sales>=1",)


@dataclass(slots=True)
class Callback:
    """A callback with what its session knows."""

    number: str
    progress: Progress
    request: str = ""
    agent: str = ""
    reservation: int = 0


class Line(RuleBasedStateMachine):
    """A call is an interaction that is no callback: an equal in the line all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.router = Router(lease=1e9)
        self.now, self.count, self.version = 1000.0, 0, 0
        self.callbacks: dict[str, Callback] = {}
        self.calls: dict[str, float] = {}
        self.served: list[tuple[float, str]] = []
        self.ready: set[str] = set()
        self.watch = Watch(margin=0.0)
        self.violations: list[Violation] = []

    # The platform around

    def route(self, event: messages.Input) -> None:
        for output in self.router.handle(event, self.now):
            if isinstance(output, messages.Reserve):
                assert output.agent in self.ready, "an agent is given twice"
                self.ready.discard(output.agent)
                self.reserved(output)

    def reserved(self, output: messages.Reserve) -> None:
        name = output.interaction.partition("/")[0]
        self.served.append((self.router.interactions[output.interaction].request.arrived, name))
        if name in self.calls:
            del self.calls[name]
            self.route(messages.Confirm(output.interaction, output.attempt))
            return
        callback = self.callbacks[name]
        callback.agent, callback.reservation = output.agent, output.attempt
        self.report(name, AgentReserved, agent=output.agent)

    def report(self, name: str, kind: type, *more: object, agent: str = "") -> bool:
        progress = self.callbacks[name].progress
        return self.happens(name, kind(progress.attempt, progress.step + 1, *more), agent)

    def happens(self, name: str, event: Event, agent: str = "") -> bool:
        """Let the life cycle judge; tell the watch; whether the session may go on."""
        callback = self.callbacks[name]
        before, self.now = callback.progress, self.now + 0.01
        outcome = advance(before, event, POLICY, self.now)
        if not isinstance(outcome, Accepted):
            return outcome.proceed
        callback.progress = after = outcome.progress
        kind = kind_of_event(event, before, after)
        if kind is not None:
            self.violations += self.watch.seen(
                Happening(
                    callback=name,
                    line="sales",
                    number=callback.number,
                    attempt=before.attempt,
                    kind=kind,
                    at=self.now,
                    arrived_at=after.arrived_at,
                    lives=goes_on(before, after),
                    agent=agent,
                )
            )
        for effect in outcome.effects:
            if isinstance(effect, StopAttempt):
                self.leave(name)
            elif isinstance(effect, StartAttempt):
                self.begin(name)
        return goes_on(before, after)

    def begin(self, name: str) -> None:
        """The session of a new attempt: a step, then a place in line."""
        callback = self.callbacks[name]
        self.leave(name)
        if not self.report(name, Waiting):
            return
        self.count += 1
        callback.request = f"{name}/{callback.progress.attempt}"
        arrived = callback.progress.arrived_at
        self.route(messages.Submit(callback.request, "sales", TARGET, arrived, self.count))

    def leave(self, name: str) -> None:
        callback = self.callbacks[name]
        request, agent = callback.request, callback.agent
        callback.request = callback.agent = ""
        if request:
            self.route(messages.Cancel(request))
        if agent:
            self.frees(agent)

    def frees(self, agent: str) -> None:
        self.version += 1
        self.ready.add(agent)
        self.route(messages.AgentReady(agent, self.version, self.now, {"sales": 1}))

    def taken(self, name: str) -> bool:
        """As the database answers under the number's lock."""
        number = self.callbacks[name].number
        return any(
            other != name and each.number == number and each.progress.live and each.progress.dialled
            for other, each in self.callbacks.items()
        )

    def some(self, data: st.DataObject, *states: State, dialled: bool | None = None) -> str | None:
        names = [
            name
            for name, each in self.callbacks.items()
            if each.progress.state in states and dialled in (None, each.progress.dialled)
        ]
        return data.draw(st.sampled_from(names)) if names else None

    # What happens

    @rule(number=st.sampled_from(NUMBERS), ago=st.integers(0, 50))
    def somebody_asks_to_be_called_back(self, number: str, ago: int) -> None:
        self.now += 1.0
        self.count += 1
        name = f"c{self.count}"
        outcome = booked(self.now, desired_at=None, ttl=1e6, arrived_at=self.now - ago)
        self.callbacks[name] = Callback(number, outcome.progress)
        self.begin(name)

    @rule()
    def somebody_calls(self) -> None:
        self.now += 1.0
        self.count += 1
        name = f"i{self.count}"
        self.calls[name] = self.now
        self.route(messages.Submit(name, "sales", TARGET, self.now, self.count))

    @rule(agent=st.sampled_from(AGENTS))
    def an_agent_is_ready(self, agent: str) -> None:
        held = {each.agent for each in self.callbacks.values()}
        if agent not in held and agent not in self.ready:
            self.now += 1.0
            self.frees(agent)

    @rule(data=st.data())
    def the_customer_is_dialled(self, data: st.DataObject) -> None:
        name = self.some(data, State.ROUTING, dialled=False)
        if name is None:
            return
        agent = self.callbacks[name].agent
        if not self.report(name, Dialling, self.taken(name), agent=agent):
            self.leave(name)

    @rule(data=st.data(), result=st.sampled_from([DialResult.BUSY, DialResult.PERSON, DialResult.FAX]))
    def the_dial_ends(self, data: st.DataObject, result: DialResult) -> None:
        name = self.some(data, State.ROUTING, dialled=True)
        if name is None:
            return
        callback = self.callbacks[name]
        if result is not DialResult.PERSON:
            self.report(name, AttemptFailed, result)
            self.leave(name)
            return
        self.report(name, Connected, agent=callback.agent)
        self.route(messages.Confirm(callback.request, callback.reservation))
        callback.request = ""

    @rule(data=st.data())
    def the_agent_does_not_take_it(self, data: st.DataObject) -> None:
        name = self.some(data, State.ROUTING, dialled=False)
        if name is None:
            return
        callback = self.callbacks[name]
        agent, callback.agent = callback.agent, ""
        if self.report(name, AgentLost):
            self.route(messages.Return(callback.request, callback.reservation, "no_answer"))
            self.frees(agent)

    @rule(data=st.data())
    def they_have_talked(self, data: st.DataObject) -> None:
        name = self.some(data, State.PROCESSING)
        if name is not None:
            self.report(name, Finished)
            self.leave(name)

    @rule(data=st.data())
    def a_session_dies(self, data: st.DataObject) -> None:
        name = self.some(data, State.QUEUED, State.ROUTING)
        if name is not None:
            self.happens(name, AttemptLost(self.callbacks[name].progress.attempt))
            if not self.callbacks[name].progress.live:
                self.leave(name)

    @rule(data=st.data())
    def it_is_cancelled(self, data: st.DataObject) -> None:
        name = self.some(data, *State)
        if name is not None:
            try:
                self.happens(name, Cancel())
            except CallbackRefusedError:
                return

    @precondition(lambda self: self.callbacks)
    @rule(data=st.data())
    def the_time_of_the_next_dial_comes(self, data: st.DataObject) -> None:
        name = self.some(data, State.SCHEDULED)
        if name is not None:
            self.now = max(self.now, self.callbacks[name].progress.due_at or 0.0)
            self.happens(name, Due())

    @invariant()
    def nothing_is_broken(self) -> None:
        assert self.violations == []

    @invariant()
    def no_more_dials_than_agents_who_are_reserved_for_them(self) -> None:
        dialling = [
            each.agent
            for each in self.callbacks.values()
            if each.progress.state is State.ROUTING and each.progress.dialled
        ]
        assert all(dialling) and len(dialling) == len(set(dialling)) <= len(AGENTS)

    @invariant()
    def a_number_is_dialled_once_at_a_time(self) -> None:
        dialled = [
            each.number for each in self.callbacks.values() if each.progress.live and each.progress.dialled
        ]
        assert len(dialled) == len(set(dialled))


Line.TestCase.settings = settings(max_examples=300, stateful_step_count=60, deadline=None)
TestLine = Line.TestCase
