"""One dial to a customer, as a table, and what follows it for the record.

    ASKED --ANSWERED--> ANSWERED --CONNECTED--> TALKING --DELETED--> OVER (CONNECTED)
      |                    '------DELETED--> OVER (PERSON: nobody spoke to the customer)
      '--FAILED--> OVER (what the dial came to), --DELETED--> OVER (UNKNOWN)

A record that an agent sees first is OFFERED, and TAKEN when the agent wants it dialled: their own phone rings
before the customer's.

    OFFERED --TAKEN--> TAKEN --DIALLED--> ASKED, --CONNECTED--> TALKING
       '--RETURNED-->    '--FAILED, DELETED--> OVER (no result: nobody dialled the customer)

An attempt is written down as ASKED before anybody is asked to dial. A word that fits no line is late or
doubled and changes nothing; an attempt that is OVER never changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from ringback.domain.callbacks import DialResult, RetryPolicy
from ringback.domain.callbacks.retry import counts_as_dial

MOST_FAULTS = 7
"""Dials of one record in a row that fail on our side before it is given up."""


class Stage(Enum):
    """How far an attempt is."""

    OFFERED = "offered"
    TAKEN = "taken"
    ASKED = "asked"
    ANSWERED = "answered"
    TALKING = "talking"
    OVER = "over"


class Word(Enum):
    """What is heard of its call."""

    TAKEN = "taken"
    RETURNED = "returned"
    DIALLED = "dialled"
    ANSWERED = "answered"
    FAILED = "failed"
    CONNECTED = "connected"
    DELETED = "deleted"


TABLE: dict[tuple[Stage, Word], Stage] = {
    (Stage.OFFERED, Word.TAKEN): Stage.TAKEN,
    (Stage.OFFERED, Word.RETURNED): Stage.OVER,
    (Stage.TAKEN, Word.DIALLED): Stage.ASKED,
    (Stage.TAKEN, Word.CONNECTED): Stage.TALKING,
    (Stage.TAKEN, Word.FAILED): Stage.OVER,
    (Stage.TAKEN, Word.DELETED): Stage.OVER,
    (Stage.ASKED, Word.ANSWERED): Stage.ANSWERED,
    (Stage.ASKED, Word.FAILED): Stage.OVER,
    (Stage.ASKED, Word.CONNECTED): Stage.TALKING,
    (Stage.ASKED, Word.DELETED): Stage.OVER,
    (Stage.ANSWERED, Word.CONNECTED): Stage.TALKING,
    (Stage.ANSWERED, Word.DELETED): Stage.OVER,
    (Stage.TALKING, Word.DELETED): Stage.OVER,
}
_RESULT_OF_DELETED = {
    Stage.TAKEN: DialResult.UNKNOWN,
    Stage.ASKED: DialResult.UNKNOWN,
    Stage.ANSWERED: DialResult.PERSON,
    Stage.TALKING: DialResult.CONNECTED,
}


@dataclass(frozen=True, slots=True)
class Heard:
    """One word. `result`: of FAILED; `reason`: of FAILED and RETURNED; `agent`: of CONNECTED."""

    word: Word
    at: float
    result: DialResult = DialResult.UNKNOWN
    reason: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """An attempt's stage and what is known of it; times are seconds since the epoch, 0: not yet."""

    stage: Stage = Stage.ASKED
    result: DialResult | None = None
    reason: str = ""
    agent: str = ""
    answered_at: float = 0.0
    connected_at: float = 0.0
    ended_at: float = 0.0

    @property
    def abandoned(self) -> bool:
        """Whether a person answered and no agent spoke to them."""
        return self.stage is Stage.OVER and self.result is DialResult.PERSON


def heard(progress: Progress, what: Heard) -> Progress:
    """The attempt after a word; the same one when the word says nothing new."""
    stage = TABLE.get((progress.stage, what.word))
    if stage is None:
        return progress
    match stage:
        case Stage.TAKEN | Stage.ASKED:
            return replace(progress, stage=stage)
        case Stage.ANSWERED:
            return replace(progress, stage=stage, answered_at=what.at)
        case Stage.TALKING:
            answered_at = progress.answered_at or what.at
            agent = what.agent or progress.agent
            return replace(progress, stage=stage, agent=agent, answered_at=answered_at, connected_at=what.at)
    silent = what.word is Word.FAILED and what.result is DialResult.UNKNOWN
    if progress.stage is Stage.OFFERED or (progress.stage is Stage.TAKEN and not silent):
        return replace(progress, stage=stage, reason=what.reason or "agent-not-reached", ended_at=what.at)
    failed = what.word is Word.FAILED
    result = what.result if failed else _RESULT_OF_DELETED[progress.stage]
    reason = what.reason if failed else "abandoned" if result is DialResult.PERSON else ""
    return replace(progress, stage=stage, result=result, reason=reason, ended_at=what.at)


@dataclass(frozen=True, slots=True)
class Effort:
    """What has been done for a record: dials that count, and dials in a row that failed on our side."""

    dials: int = 0
    faults: int = 0


def after(effort: Effort, result: DialResult, policy: RetryPolicy, now: float) -> tuple[Effort, float | None]:
    """The effort with one attempt more, and when the next one is due; None: the record is done with."""
    if not counts_as_dial(result):
        faults = effort.faults + 1
        due = policy.after_fault(faults, now) if faults < MOST_FAULTS else None
        return replace(effort, faults=faults), due
    dials = effort.dials + 1
    return Effort(dials), policy.next_dial(result, dials, now)
