"""The router decides as the slow and obvious one does, whatever comes in whatever order."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ringback.domain.capacity import parse_capacity
from ringback.domain.routing import Router
from ringback.domain.routing.growth import even
from ringback.domain.routing.messages import (
    AgentAway,
    AgentBusy,
    AgentReady,
    Cancel,
    Confirm,
    Output,
    Reprioritize,
    Reserve,
    Submit,
)

from .slow_model import SlowAgent, SlowCall, SlowRouter

NAMES = ("a1", "a2", "a3", "a4")
SKILLS = ({"English": 1}, {"Loans": 2}, {"English": 3, "Loans": 3}, {})
TARGETS = (
    ("English>=1",),
    ("Loans>=2", "English>=2"),
    ("a1.A", "?:"),
    ("Loans>=3|English>=3",),
    ("English=0",),
)
CAPACITY = (
    "",
    "voice:1, chat:2 unless voice>=1",
    "*:2",
    "chat:3",
    "voice:1,chat:1 unless chat>=1 and voice>=1",
)
GROWTH = (0.0, 0.5, 2.0)


class AgainstSlowModel(RuleBasedStateMachine):
    """What is compared is who gets whom, in order, after every single input."""

    def __init__(self) -> None:
        super().__init__()
        self.router = Router(lease=1e9)
        self.slow = SlowRouter()
        self.now = 1000.0
        self.count = 0
        self.held: dict[str, Reserve] = {}
        self.mixed = False

    @initialize(mixed=st.booleans())
    def mixed_or_plain(self, mixed: bool) -> None:
        """Without growth rates of their own, interactions are compared by their places alone."""
        self.mixed = mixed

    def compare(self, outputs: list[Output], expected: list[tuple[str, str]]) -> None:
        reserves = [output for output in outputs if isinstance(output, Reserve)]
        assert [(one.interaction, one.agent) for one in reserves] == expected
        self.held.update((one.interaction, one) for one in reserves)

    @rule(name=st.sampled_from(NAMES), back=st.integers(0, 50))
    def ready(self, name: str, back: int) -> None:
        self.agent(name, "ready", {"English": 3, "Loans": 3}, "", 0, back)

    @rule(
        name=st.sampled_from(NAMES),
        status=st.sampled_from(("ready", "busy", "away")),
        skills=st.sampled_from(SKILLS),
        capacity=st.sampled_from(CAPACITY),
        chats=st.integers(0, 3),
        back=st.integers(0, 50),
    )
    def agent(
        self, name: str, status: str, skills: dict[str, int], capacity: str, chats: int, back: int
    ) -> None:
        self.count += 1
        load = {"chat": chats} if chats else {}
        if status == "busy":
            load["voice"] = 1
        since = self.now - back if status == "ready" else self.now
        more = (skills, frozenset[str](), "", capacity, load)
        event: AgentReady | AgentBusy | AgentAway = AgentReady(name, self.count, since, *more)
        if status != "ready":
            event = (AgentBusy if status == "busy" else AgentAway)(name, self.count, *more)
        expected = self.slow.agent(SlowAgent(name, skills, capacity, status, since, dict(load)), self.now)
        self.compare(self.router.handle(event, self.now), expected)

    @rule(
        wanted=st.sampled_from(TARGETS),
        age=st.integers(0, 30),
        priority=st.integers(0, 2),
        media=st.sampled_from(("voice", "voice", "chat")),
        growth=st.sampled_from(GROWTH),
    )
    def submit(self, wanted: tuple[str, ...], age: int, priority: int, media: str, growth: float) -> None:
        self.count += 1
        growth = growth if self.mixed else 0.0
        name, arrived = f"i{self.count}", self.now - age
        call = SlowCall(name, wanted, arrived, self.count, priority, media, growth)
        request = Submit(name, "Q", wanted, arrived, self.count, priority, media=media, growth=even(growth))
        expected = self.slow.submit(call, self.now)
        self.compare(self.router.handle(request, self.now), expected)

    @precondition(lambda self: self.slow.calls)
    @rule(data=st.data(), priority=st.integers(0, 3))
    def reprioritize(self, data: st.DataObject, priority: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.slow.calls)))
        self.slow.calls[name].priority = priority
        self.compare(self.router.handle(Reprioritize(name, priority), self.now), [])

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.held)))
        reserve = self.held.pop(name)
        self.slow.end(name)
        self.compare(self.router.handle(Confirm(name, reserve.attempt), self.now), [])

    @precondition(lambda self: self.slow.calls)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.slow.calls)))
        self.held.pop(name, None)
        self.slow.end(name)
        self.compare(self.router.handle(Cancel(name), self.now), [])

    @rule(seconds=st.sampled_from((0.0, 0.5, 3.0)))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.compare(self.router.handle_timer(self.now), [])

    @invariant()
    def no_capacity_is_exceeded_by_the_router(self) -> None:
        """Beside what an agent says to have already, the rule would have allowed each one given."""
        for agent in self.router.pool.agents.values():
            rule_ = parse_capacity(agent.rule.text)
            slow = self.slow.agents[agent.profile.agent]
            assert agent.load == slow.load or agent.rule.text == ""
            for media in agent.open:
                assert rule_.allows(media, agent.load)


AgainstSlowModel.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAgainstSlowModel = AgainstSlowModel.TestCase
