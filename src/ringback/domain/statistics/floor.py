"""The floor in figures: everything that is measured, fed by events. Pure: `now` is passed in.

Rules:
- An input costs the same however many objects and subscriptions there are: it changes the totals of one
  queue, or of one agent and the agent's groups.
- An input that was met before changes nothing.
- A handled call is one that came from a queue: its handling time goes from the answer to the end of the
  after-call work, and is credited to the queue, the agent and the agent's groups when it ends.
- `touched` holds the objects that have changed since somebody last took it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .inputs import EVERYBODY, AgentIs, Dialled, DialOver, Entered, Input, Left, NotTaken, QueueIs, Subject
from .measures import (
    CALL_TYPES,
    CHANGES,
    STATES,
    AfterCalls,
    AgentMeasured,
    CampaignMeasured,
    Clock,
    Measured,
    QueueMeasured,
)
from .windows import DAY, LONGEST, step_of

SHORT = 5.0
_ALL = Subject("group", EVERYBODY)
_AFTER_CALL = "after_call"
_QUARTER = 900.0
"""Seconds between looks for midnight: every time zone has it at a full quarter of an hour."""

Midnight = Callable[[float], float]


def utc_midnight(now: float) -> float:
    """The last midnight in UTC."""
    return now - now % DAY


class Floor:
    """All queues, agents and groups of one tenant.

    `short`: seconds below which an abandoned call is a short one. `midnight` tells the last midnight of the
    tenant's time zone.
    """

    def __init__(self, *, short: float = SHORT, midnight: Midnight = utc_midnight) -> None:
        self.clock = Clock()
        self.queues: dict[Subject, QueueMeasured] = {}
        self.agents: dict[str, AgentMeasured] = {}
        self.groups: dict[str, Measured] = {}
        self.campaigns: dict[str, CampaignMeasured] = {}
        self.touched: set[Subject] = set()
        self._short = short
        self._midnight = midnight
        self._quarter = -1.0

    def handle(self, event: Input, now: float) -> None:
        """Take one input in."""
        self.pass_time(now)
        match event:
            case Entered():
                if self._queue(event.queue).enter(event.interaction, event.kind, event.arrived):
                    self.touched.add(event.queue)
            case Left():
                if self._queue(event.queue).leave(event.interaction, event.way):
                    self.touched.add(event.queue)
            case AgentIs():
                self._agent_is(event)
            case Dialled():
                self._campaign(event.campaign).begin(event.dial)
            case DialOver():
                self._campaign(event.campaign).end(event.dial, event.way, event.waited)
            case NotTaken():
                self._not_taken(event)
            case QueueIs():
                self._queue(event.queue).service_level = event.service_level

    def pass_time(self, now: float) -> None:
        """Move the clock; at midnight everything that grows begins anew."""
        self.clock.set(now)
        if self.clock.now // _QUARTER != self._quarter:
            self._quarter = self.clock.now // _QUARTER
            midnight = self._midnight(self.clock.now)
            if midnight != self.clock.midnight:
                self.clock.begin_day(midnight)
                self.touched.update(self.subjects())

    def subjects(self) -> Iterator[Subject]:
        """Everything that there are figures of."""
        yield from self.queues
        yield from (Subject("agent", name) for name in self.agents)
        yield from (Subject("group", name) for name in self.groups)
        yield from (Subject("campaign", name) for name in self.campaigns)

    def measured(self, subject: Subject) -> Measured | None:
        """The totals and levels of an object, if there are any."""
        if subject.type == "agent":
            agent = self.agents.get(subject.id)
            return agent.measured if agent else None
        if subject.type == "group":
            return self.groups.get(subject.id)
        if subject.type == "campaign":
            campaign = self.campaigns.get(subject.id)
            return campaign.measured if campaign else None
        queue = self.queues.get(subject)
        return queue.measured if queue else None

    def after_calls(self, queue: str) -> AfterCalls:
        """What the agents of a virtual queue do after its calls."""
        found = self.queues.get(Subject("vq", queue))
        if found is None:
            return AfterCalls(0, 0.0, 0)
        begins = step_of(self.clock.now - LONGEST)
        calls, _ = found.measured.counted("handled", begins)
        _, seconds = found.measured.counted(_AFTER_CALL, begins)
        return AfterCalls(calls, seconds, found.measured.level(_AFTER_CALL))

    def _queue(self, subject: Subject) -> QueueMeasured:
        queue = self.queues.get(subject)
        if queue is None:
            queue = self.queues[subject] = QueueMeasured(self.clock, self._short)
        return queue

    def _campaign(self, name: str) -> CampaignMeasured:
        campaign = self.campaigns.get(name)
        if campaign is None:
            campaign = self.campaigns[name] = CampaignMeasured(Measured(self.clock))
        self.touched.add(Subject("campaign", name))
        return campaign

    def _agent(self, name: str) -> AgentMeasured:
        agent = self.agents.get(name)
        if agent is None:
            agent = self.agents[name] = AgentMeasured(Measured(self.clock))
        return agent

    def _counted(self, agent: AgentMeasured) -> list[Measured]:
        """The totals to which an agent counts: their own, everybody's, those of their groups."""
        return [agent.measured, self._crew(EVERYBODY), *map(self._crew, agent.groups)]

    def _crew(self, name: str) -> Measured:
        crew = self.groups.get(name)
        if crew is None:
            crew = self.groups[name] = Measured(self.clock)
        return crew

    def _not_taken(self, event: NotTaken) -> None:
        agent = self._agent(event.agent)
        name = "rejected" if event.rejected else "missed"
        for measured in self._counted(agent):
            measured.count(name)
        self._touch(event.agent, agent.groups)

    def _agent_is(self, event: AgentIs) -> None:
        agent = self._agent(event.agent)
        if 1 < event.sequence <= agent.sequence:
            return  # known; a session that begins anew at 1 is another one, of a store that was emptied
        agent.sequence = event.sequence
        self._touch(event.agent, agent.groups | event.groups)
        before, after = agent.state, _counts_as(event)
        self._move(agent, before, after, event.groups)
        if event.status != agent.status:
            agent.status, agent.status_since = event.status, self.clock.now
        self._second_call(agent, event)
        if after != before:
            self._work(agent, before, after, event)
            agent.state, agent.since = after, self.clock.now

    def _move(self, agent: AgentMeasured, before: str, after: str, groups: frozenset[str]) -> None:
        """The levels of the agent and of the groups, also when the agent changes groups."""
        left, entered = CHANGES[before, after]
        for each in self._counted(agent):
            for name in left:
                each.shift(name, -1)
            for name in entered:
                each.shift(name, 1)
        if agent.groups == groups:
            return
        for name in STATES[after]:
            for group in agent.groups - groups:
                self._crew(group).shift(name, -1)
            for group in groups - agent.groups:
                self._crew(group).shift(name, 1)
        agent.groups = groups

    def _work(self, agent: AgentMeasured, before: str, after: str, event: AgentIs) -> None:
        """Calls and after-call work that begin and end."""
        now, talks = self.clock.now, ("talking", "held")
        if agent.queue and "acw" in (before, after):
            self._after_call(agent, begins=after == "acw")
        if agent.queue and (before == "acw" or after not in ("talking", "held", "acw")):
            self._handled(agent)
        if after in talks and before not in talks:
            agent.answered, agent.queue, agent.call_type = now, event.queue, event.call_type
            self._credit(agent, CALL_TYPES.get(event.call_type, "unknown"))
        if before in talks and after not in talks:
            self._credit(agent, "talk", now - agent.answered)
        if before == "acw":
            self._credit(agent, "acw_done", now - agent.since)

    def _after_call(self, agent: AgentMeasured, *, begins: bool) -> None:
        """The work after a call of a queue begins or ends."""
        measured = self._queue(Subject("vq", agent.queue)).measured
        measured.shift(_AFTER_CALL, 1 if begins else -1)
        if not begins:
            measured.count(_AFTER_CALL, self.clock.now - agent.since)

    def _second_call(self, agent: AgentMeasured, event: AgentIs) -> None:
        """A consultation is a call of its own, counted when it is answered; its time is the first call's."""
        if event.second_call_type is not None and not agent.has_second:
            self._credit(agent, CALL_TYPES.get(event.second_call_type, "unknown"))
        agent.has_second = event.second_call_type is not None

    def _handled(self, agent: AgentMeasured) -> None:
        handled, queue = self.clock.now - agent.answered, Subject("vq", agent.queue)
        self._credit(agent, "handled", handled)
        self._queue(queue).measured.count("handled", handled)
        self.touched.add(queue)
        agent.queue = ""

    def _credit(self, agent: AgentMeasured, name: str, value: float = 0.0) -> None:
        for measured in self._counted(agent):
            measured.count(name, value)

    def _touch(self, agent: str, groups: frozenset[str]) -> None:
        self.touched.add(Subject("agent", agent))
        self.touched.add(_ALL)
        if groups:
            self.touched.update(Subject("group", name) for name in groups)


def _counts_as(event: AgentIs) -> str:
    """The row of STATES."""
    if event.state == "ready" and event.dnd:
        return "not_ready"
    if event.state == "talking" and event.status == "CallOnHold":
        return "held"
    return event.state if event.state in STATES else "not_ready"
