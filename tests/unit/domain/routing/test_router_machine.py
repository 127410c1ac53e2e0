"""The router under every order of inputs: nobody lost, nobody overtaken, no agent given twice."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from ringback.domain.routing import Router, parse_target
from ringback.domain.routing.messages import (
    AgentAway,
    AgentGone,
    AgentReady,
    Cancel,
    Confirm,
    Left,
    Output,
    Release,
    Reserve,
    Return,
    Submit,
)

TARGETS = ("English>=1", "Loans>=2", "English>=1&Loans>=1", "a1@S.A", "?:")
SKILLS = ({"English": 1}, {"Loans": 2}, {"English": 3, "Loans": 3}, {})


class RouterMachine(RuleBasedStateMachine):
    names = Bundle("names")

    def __init__(self) -> None:
        super().__init__()
        self.router = Router(lease=10.0, retry_pause=5.0)
        self.now = 0.0
        self.version = 0
        self.sequence = 0
        self.alive: set[str] = set()
        self.held: dict[str, Reserve] = {}
        self.believed_ready: set[str] = set()

    def take(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Reserve):
                assert output.agent in self.believed_ready, "an agent was given twice"
                assert output.interaction not in self.held
                self.believed_ready.discard(output.agent)
                self.held[output.interaction] = output
            elif isinstance(output, Release):
                assert self.held.pop(output.interaction).agent == output.agent
            elif isinstance(output, Left):
                self.alive.discard(output.interaction)

    @rule(target=names, target_index=st.integers(0, 4), priority=st.integers(0, 1), age=st.integers(0, 20))
    def submit(self, target_index: int, priority: int, age: int) -> str:
        self.sequence += 1
        name = f"i{self.sequence}"
        self.alive.add(name)
        request = Submit(name, "Q", (TARGETS[target_index],), self.now - age, self.sequence, priority)
        self.take(self.router.handle(request, self.now))
        return name

    @rule(agent=st.sampled_from(["a1", "a2", "a3"]), skills=st.sampled_from(SKILLS))
    def agent_ready(self, agent: str, skills: dict[str, int]) -> None:
        self.version += 1
        self.believed_ready.add(agent)
        self.take(self.router.handle(AgentReady(agent, self.version, self.now, skills), self.now))

    @rule(agent=st.sampled_from(["a1", "a2", "a3"]), gone=st.booleans())
    def agent_leaves(self, agent: str, gone: bool) -> None:
        self.version += 1
        self.believed_ready.discard(agent)
        event = AgentGone(agent, self.version) if gone else AgentAway(agent, self.version, {"English": 1})
        self.take(self.router.handle(event, self.now))

    @rule(name=names)
    def cancel(self, name: str) -> None:
        self.take(self.router.handle(Cancel(name), self.now))
        assert name not in self.alive and name not in self.held

    @precondition(lambda self: self.held)
    @rule(data=st.data(), good=st.booleans())
    def finish(self, data: st.DataObject, good: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.held)))
        reserve = self.held.pop(name)
        event = Confirm(name, reserve.attempt) if good else Return(name, reserve.attempt, "no_answer")
        self.take(self.router.handle(event, self.now))
        assert (name in self.alive) != good

    @rule(seconds=st.floats(0.0, 15.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.take(self.router.handle_timer(self.now))

    @invariant()
    def nobody_is_lost(self) -> None:
        assert set(self.router.interactions) == self.alive
        waiting = {place[3] for place in self.router.queues["Q"].waiting} if self.alive else set()
        assert waiting == self.alive - set(self.held)

    @invariant()
    def no_ready_agent_stands_beside_a_caller_they_may_have(self) -> None:
        for name in self.believed_ready:
            agent = self.router.pool.agents[name]
            for interaction in self.router.interactions.values():
                if interaction.state == "waiting" and not interaction.excluded:
                    assert not parse_target(interaction.request.targets[0]).matches(agent.profile)

    @invariant()
    def counts_agree_with_a_scan(self) -> None:
        for agent in self.router.pool.agents.values():
            for index in agent.indexes:
                assert index.expression is not None
                matching = [
                    a for a in self.router.pool.agents.values() if index.expression.matches(a.profile)
                ]
                assert index.staff == len(matching)
                assert index.working == sum(a.working for a in matching)
                assert {name for *_, name in index.ready} == {
                    a.profile.agent for a in matching if a.status == "ready"
                }


RouterMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestRouter = RouterMachine.TestCase
