"""A campaign lived through: whatever the line, the clock and the agents do, the promises hold."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ringback.domain.callbacks import DialResult
from ringback.domain.campaigns.attempts import Effort, Heard, Progress, Stage, Word, after, heard
from ringback.domain.campaigns.definition import permitted, rules_of
from ringback.domain.campaigns.pacing import Floor, over_cap, to_dial
from ringback.domain.campaigns.permission import Customer, Never, Permitted, Wait
from ringback.domain.campaigns.states import CampaignRefusedError, Command, State, commanded
from ringback.domain.configuration import Campaign

MAX_DIALS = 2
CAMPAIGN = Campaign(
    id="spring",
    lists=("spring",),
    route_point="8000",
    queue="Sales",
    mode="power",
    ratio=3.0,
    abandon_cap=0.05,
    max_dials=MAX_DIALS,
    retry_s=600.0,
    hours=("Mon-Sat 07:00-22:00",),
    time_zone="Europe/Berlin",
)
RULES = rules_of(CAMPAIGN, "UTC")
ZONES = ("Europe/Berlin", "Asia/Kolkata", "America/Denver")


@dataclass(slots=True)
class Record:
    customer: Customer
    due_at: float = 0.0
    done: bool = False
    open: Progress | None = None
    effort: Effort = field(default_factory=Effort)
    counted: int = 0


class Life(RuleBasedStateMachine):
    """What the tenant service does with the core, on records in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1.8e9
        self.state = State.UNLOADED
        self.records = [Record(Customer(f"+49301234{n:03}", ZONES[n % 3])) for n in range(9)]
        self.forbidden: set[str] = set()
        self.ready = 0
        self.answered = self.abandoned = 0

    def floor(self) -> Floor:
        waiting = sum(
            r.open is not None and r.open.stage in (Stage.ASKED, Stage.ANSWERED) for r in self.records
        )
        return Floor(self.ready, 0, waiting, self.answered, self.abandoned)

    @rule(command=st.sampled_from([each for each in Command if each is not Command.IDLE]))
    def command(self, command: Command) -> None:
        try:
            after_ = commanded(self.state, command)
        except CampaignRefusedError:
            return
        if after_ is State.RUNNING and self.state is not State.RUNNING:
            self.answered = self.abandoned = 0
        self.state = after_

    @rule(ready=st.integers(0, 5))
    def agents(self, ready: int) -> None:
        self.ready = ready

    @rule(seconds=st.sampled_from([1.0, 60.0, 600.0, 3600.0, 5 * 3600.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(n=st.integers(0, 8))
    def wish(self, n: int) -> None:
        self.forbidden.add(self.records[n].customer.number)

    @rule()
    def look(self) -> None:
        floor = self.floor()
        if self.state is State.RUNNING and over_cap(RULES.pace, floor):
            self.state = commanded(self.state, Command.PAUSE)
        if self.state is not State.RUNNING:
            return
        wanted = to_dial(RULES.pace, floor)
        assert wanted + floor.under_way <= max(floor.under_way, self.ready * 3)
        for record in self.records:
            if wanted and not record.done and record.open is None and record.due_at <= self.now:
                wanted -= self.decide(record)

    def decide(self, record: Record) -> int:
        forbidden = record.customer.number in self.forbidden
        verdict = permitted(RULES, record.customer, self.now, do_not_call=forbidden)
        match verdict:
            case Permitted():
                assert not forbidden
                assert record.counted < MAX_DIALS
                assert RULES.office is not None and RULES.office.is_open(self.now)
                clock = datetime.fromtimestamp(self.now, ZoneInfo(record.customer.zone))
                assert 8 <= clock.hour < 21
                record.open = Progress()
                return 1
            case Wait(until):
                assert until > self.now
                record.due_at = until
            case Never():
                record.done = True
        return 0

    @rule(
        n=st.integers(0, 8),
        word=st.sampled_from(Word),
        result=st.sampled_from([each for each in DialResult if not each.name.startswith(("PUSH", "USER"))]),
    )
    def line(self, n: int, word: Word, result: DialResult) -> None:
        record = self.records[n]
        if record.open is None:
            return
        progress = heard(record.open, Heard(word, self.now, result, agent="kim"))
        self.answered += bool(progress.answered_at and not record.open.answered_at)
        self.abandoned += progress.abandoned
        record.open = progress
        if progress.stage is Stage.OVER:
            self.over(record, progress)

    def over(self, record: Record, progress: Progress) -> None:
        assert progress.result is not None
        record.open = None
        record.effort, due_at = after(record.effort, progress.result, RULES.policy, self.now)
        record.counted += progress.result is not DialResult.CREATE_CALL_ERROR
        record.done, record.due_at = due_at is None, due_at or 0.0
        assert due_at is None or due_at > self.now

    @invariant()
    def nobody_is_dialled_more_often_than_allowed(self) -> None:
        assert all(record.counted <= MAX_DIALS for record in self.records)
        assert not any(record.done and record.open for record in self.records)


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestLife: Callable[..., object] = Life.TestCase
