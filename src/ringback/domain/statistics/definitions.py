"""What can be asked for: every statistic with its words, what it is of, and how it is read from the totals.

The names are the field's; ALIASES are those under which routing strategies know the same figure. A statistic
that is `windowed` is read over a window (since midnight when none is named), another one is as it is now. A
reading is None when there is nothing to divide by, or when nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .floor import Floor
from .inputs import Kind, Subject
from .measures import AgentMeasured, Measured, QueueMeasured

Value = float | str | None

QUEUES = ("queue", "vq")
DESKS = ("agent", "group")
VQ, AGENT, CAMPAIGN = ("vq",), ("agent",), ("campaign",)
OFTEN, SELDOM = 1.0, 2.0
"""Seconds after which a figure that moves with time alone is worth another look."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a reading is of. `begins`: the first step of the window; `turns`: seconds until the window moves;
    `told` asks what lies outside the totals (the router), None when it does not know.
    """

    floor: Floor
    subject: Subject
    begins: int
    turns: float
    told: Callable[[str, str], float | None]

    @property
    def queue(self) -> QueueMeasured | None:
        return self.floor.queues.get(self.subject)

    @property
    def agent(self) -> AgentMeasured | None:
        return self.floor.agents.get(self.subject.id)

    @property
    def measured(self) -> Measured:
        return self.floor.measured(self.subject) or Measured(self.floor.clock)

    def counted(self, name: str) -> tuple[int, float]:
        return self.measured.counted(name, self.begins)


@dataclass(frozen=True, slots=True)
class Reading:
    """A value, and after how many seconds it may be another one though nothing happens (None: never)."""

    value: Value
    again: float | None = None


Read = Callable[[Scope], Reading]


@dataclass(frozen=True, slots=True)
class Definition:
    """One row of the table."""

    name: str
    of: tuple[str, ...]
    unit: str
    windowed: bool
    read: Read
    meaning: str


def _waiting(kind: Kind) -> Read:
    return lambda scope: Reading(scope.queue.numbers[kind] if scope.queue else 0)


def _longest(scope: Scope) -> Reading:
    queue = scope.queue
    longest = queue.longest if queue else 0.0
    return Reading(round(longest, 1), OFTEN if longest else None)


def _told(name: str) -> Read:
    return lambda scope: Reading(scope.told(scope.subject.id, name), SELDOM)


def _load_balance(scope: Scope) -> Reading:
    ready, wait = scope.told(scope.subject.id, "ready"), scope.told(scope.subject.id, "wait")
    return Reading(0.0 if ready else wait, SELDOM)


def _count(*names: str) -> Read:
    def read(scope: Scope) -> Reading:
        number = sum(scope.counted(name)[0] for name in names)
        return Reading(number, scope.turns if number else None)

    return read


def _mean(*names: str) -> Read:
    """Seconds a piece, over all that are named."""

    def read(scope: Scope) -> Reading:
        found = [scope.counted(name) for name in names]
        number, seconds = sum(each[0] for each in found), sum(each[1] for each in found)
        if not number:
            return Reading(None)
        return Reading(round(seconds / number, 3), scope.turns)

    return read


def _service_factor(scope: Scope) -> Reading:
    answered, abandoned = scope.counted("call_answered")[0], scope.counted("call_abandoned")[0]
    return _percent(scope, scope.counted("in_time")[0], answered + abandoned - scope.counted("short")[0])


def _abandoned_percent(scope: Scope) -> Reading:
    answered, abandoned = scope.counted("call_answered")[0], scope.counted("call_abandoned")[0]
    long = abandoned - scope.counted("short")[0]
    return _percent(scope, long, answered + long)


def _percent(scope: Scope, part: float, whole: float) -> Reading:
    if whole <= 0:
        return Reading(None)
    return Reading(round(100.0 * part / whole, 2), scope.turns)


def _abandoned_of_answered(scope: Scope) -> Reading:
    abandoned, connected = scope.counted("abandoned")[0], scope.counted("connected")[0]
    return _percent(scope, abandoned, abandoned + connected)


def _level(name: str) -> Read:
    return lambda scope: Reading(scope.measured.level(name))


def _lasted(name: str) -> Read:
    def read(scope: Scope) -> Reading:
        measured = scope.measured
        seconds = measured.lasted(name, scope.begins)
        moving = OFTEN if measured.level(name) else scope.turns if seconds else None
        return Reading(round(seconds, 1), moving)

    return read


def _occupancy(scope: Scope) -> Reading:
    measured = scope.measured
    busy = measured.lasted("busy", scope.begins)
    free = measured.lasted("ready", scope.begins) + measured.lasted("reserved", scope.begins)
    if busy + free <= 0:
        return Reading(None)
    return Reading(
        round(100.0 * busy / (busy + free), 2), SELDOM if measured.level("logged_in") else scope.turns
    )


def _status(scope: Scope) -> Reading:
    return Reading(scope.agent.status if scope.agent else "NotMonitored")


def _status_time(scope: Scope) -> Reading:
    agent = scope.agent
    if agent is None or agent.status == "LoggedOut":
        return Reading(0.0)
    return Reading(round(scope.floor.clock.now - agent.status_since, 1), OFTEN)


def _ready_time(scope: Scope) -> Reading:
    agent = scope.agent
    if agent is None or agent.state != "ready":
        return Reading(0.0)
    return Reading(round(scope.floor.clock.now - agent.since, 1), OFTEN)


Row = tuple[str, Read, str]


def _now(of: tuple[str, ...], unit: str, *rows: Row) -> list[Definition]:
    return [Definition(name, of, unit, False, read, meaning) for name, read, meaning in rows]


def _over(of: tuple[str, ...], unit: str, *rows: Row) -> list[Definition]:
    return [Definition(name, of, unit, True, read, meaning) for name, read, meaning in rows]


DEFINITIONS: tuple[Definition, ...] = (
    *_now(
        QUEUES,
        "calls",
        (
            "CurrNumberWaitingCalls",
            _waiting("call"),
            "calls that nobody has answered, ringing ones among them",
        ),
    ),
    *_now(
        QUEUES, "seconds", ("CurrMaxCallWaitingTime", _longest, "wait of the call that has waited longest")
    ),
    *_now(
        VQ,
        "callbacks",
        ("CurrNumberWaitingCallbacks", _waiting("callback"), "callbacks not connected to an agent"),
    ),
    *_now(
        VQ,
        "interactions",
        ("CurrNumberWaitingInteractions", _waiting("interaction"), "chats, e-mails and the like, not taken"),
    ),
    *_now(
        VQ,
        "seconds",
        ("ExpectedWaitTime", _told("wait"), "expected wait of a call that would come now"),
        ("LoadBalance", _load_balance, "as ExpectedWaitTime; 0 while an agent is ready"),
    ),
    *_now(
        VQ,
        "agents",
        ("CurrAgentsLoggedIn", _told("logged_in"), "agents whom the queue's target takes, logged in"),
        ("CurrAgentsReady", _told("ready"), "agents whom the queue's target takes, ready"),
    ),
    *_over(
        QUEUES,
        "calls",
        ("TotalCallsEntered", _count("call_entered"), "calls that came into the queue"),
        ("TotalCallsAnswered", _count("call_answered"), "calls that left it to somebody who answered"),
        (
            "TotalCallsAbandoned",
            _count("call_abandoned"),
            "calls whose caller hung up, short ones among them",
        ),
        ("TotalCallsAbandonedShort", _count("short"), "calls whose caller hung up within 5 seconds"),
        ("TotalCallsCleared", _count("call_cleared"), "calls that left it otherwise: timeout, another queue"),
    ),
    *_over(
        VQ,
        "callbacks",
        ("TotalCallbacksEntered", _count("callback_entered"), "callbacks that came into the queue"),
        ("TotalCallbacksAnswered", _count("callback_answered"), "callbacks connected to an agent"),
    ),
    *_over(
        VQ,
        "interactions",
        ("TotalInteractionsEntered", _count("interaction_entered"), "interactions that came into the queue"),
        ("TotalInteractionsAnswered", _count("interaction_answered"), "interactions that an agent has taken"),
    ),
    *_over(
        QUEUES,
        "seconds",
        ("AverageWaitTime", _mean("call_answered"), "mean wait of the answered calls"),
        ("AverageAbandonTime", _mean("call_abandoned"), "mean wait of the abandoned calls"),
    ),
    *_over(
        VQ,
        "seconds",
        ("AverageCallbackWaitTime", _mean("callback_answered"), "mean time from the wish to the connection"),
    ),
    *_over(
        QUEUES,
        "percent",
        (
            "ServiceFactor",
            _service_factor,
            "calls answered within the queue's service_level seconds, of all answered and abandoned ones "
            "without the short abandons",
        ),
        ("AbandonedPercent", _abandoned_percent, "abandoned calls of abandoned and answered, no short ones"),
    ),
    *_over(
        ("vq", *DESKS),
        "calls",
        ("TotalCallsHandled", _count("handled"), "calls of a queue whose after-call work has ended"),
    ),
    *_over(
        ("vq", *DESKS),
        "seconds",
        ("AverageHandleTime", _mean("handled"), "mean time from answer to the end of the after-call work"),
    ),
    *_now(AGENT, "word", ("CurrentStatus", _status, "the highest of what the agent does, published order")),
    *_now(
        AGENT,
        "seconds",
        ("CurrentStatusTime", _status_time, "how long the agent has had this status"),
        ("TimeInReadyState", _ready_time, "how long the agent has been ready; 0 when not ready"),
    ),
    *_now(
        DESKS,
        "agents",
        ("CurrNumberLoggedIn", _level("logged_in"), "logged in"),
        ("CurrNumberReady", _level("ready"), "waiting for a call"),
        ("CurrNumberNotReady", _level("not_ready"), "not ready, or do not disturb"),
        ("CurrNumberReserved", _level("reserved"), "held by the router for a call"),
        ("CurrNumberBusy", _level("busy"), "ringing, talking, with a call on hold, or in after-call work"),
        ("CurrNumberRinging", _level("ringing"), "ringing"),
        ("CurrNumberTalking", _level("talking"), "talking"),
        ("CurrNumberOnHold", _level("held"), "with a call on hold"),
        ("CurrNumberInAfterCallWork", _level("acw"), "in after-call work or legal guard"),
    ),
    *_over(
        DESKS,
        "seconds",
        ("TotalLoginTime", _lasted("logged_in"), "time logged in"),
        ("TotalReadyTime", _lasted("ready"), "time waiting for a call"),
        ("TotalNotReadyTime", _lasted("not_ready"), "time not ready"),
        ("TotalRingingTime", _lasted("ringing"), "time ringing"),
        ("TotalTalkTime", _lasted("talking"), "time talking, without hold"),
        ("TotalHoldTime", _lasted("held"), "time with a call on hold"),
        ("TotalAfterCallWorkTime", _lasted("acw"), "time in after-call work and legal guard"),
        ("AverageTalkTime", _mean("talk"), "mean time from answer to hang-up, of calls that have ended"),
        ("AverageAfterCallWorkTime", _mean("acw_done"), "mean after-call work that has ended"),
    ),
    *_over(DESKS, "percent", ("Occupancy", _occupancy, "time busy, of time busy, waiting or reserved")),
    *_over(
        DESKS,
        "calls",
        ("TotalCallsInbound", _count("inbound"), "inbound calls answered"),
        ("TotalCallsOutbound", _count("outbound"), "outbound calls dialled or given"),
        ("TotalCallsInternal", _count("internal", "consult"), "internal calls and consultations"),
        ("TotalCallsMissed", _count("missed"), "calls that rang in vain"),
        ("TotalCallsRejected", _count("rejected"), "calls that the agent has rejected"),
    ),
    *_over(
        CAMPAIGN,
        "customers",
        ("TotalDialled", _count("dialled"), "customers whom the campaign has begun to dial"),
        ("TotalConnected", _count("connected"), "customers who have talked to an agent"),
        ("TotalDialsAbandoned", _count("abandoned"), "customers who answered and found no agent, or hung up"),
        ("TotalNotReached", _count("missed"), "dials that ended otherwise: busy, no answer, wrong number"),
    ),
    *_over(
        CAMPAIGN,
        "percent",
        ("DialsAbandonedPercent", _abandoned_of_answered, "abandoned customers of abandoned and connected"),
    ),
    *_over(
        CAMPAIGN,
        "seconds",
        (
            "AverageCustomerWaitTime",
            _mean("connected"),
            "mean time from their answer to the agent's",
        ),
    ),
    *_now(CAMPAIGN, "customers", ("CurrNumberDialling", _level("under_way"), "dialled, or talking")),
    *_now(CAMPAIGN, "records", ("CurrNumberRecordsLeft", _told("records"), "records that wait for a dial")),
    *_now(
        CAMPAIGN,
        "agents",
        ("CurrNumberAgentsIdle", _told("idle"), "agents ready in its queue for whom no customer rings"),
    ),
)
ALIASES: dict[str, str] = {
    "CurrentState": "CurrentStatus",
    "EstimWaitingTime": "ExpectedWaitTime",
    "RStatAgentsReady": "CurrNumberReady",
    "RStatAgentsReadyvoice": "CurrNumberReady",
    "RStatAgentsTotal": "CurrNumberLoggedIn",
    "RStatCallsInQueue": "CurrNumberWaitingCalls",
    "StatAgentLoading": "Occupancy",
    "StatAgentOccupancy": "Occupancy",
    "StatAgentsAvailable": "CurrNumberReady",
    "StatAgentsBusy": "CurrNumberBusy",
    "StatAgentsInQueueLogin": "CurrAgentsLoggedIn",
    "StatAgentsInQueueReady": "CurrAgentsReady",
    "StatAgentsTotal": "CurrNumberLoggedIn",
    "StatCallsAnswered": "TotalCallsAnswered",
    "StatCallsCompleted": "TotalCallsHandled",
    "StatCallsInQueue": "CurrNumberWaitingCalls",
    "StatExpectedWaitingTime": "ExpectedWaitTime",
    "StatLoadBalance": "LoadBalance",
    "StatServiceFactor": "ServiceFactor",
    "StatTimeInReadyState": "TimeInReadyState",
}
_ROWS = {row.name: row for row in DEFINITIONS}
BY_NAME: dict[str, Definition] = _ROWS | {alias: _ROWS[name] for alias, name in ALIASES.items()}
