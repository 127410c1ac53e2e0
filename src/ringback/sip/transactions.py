"""The four transactions of RFC 3261 17 with the corrections of RFC 6026 and RFC 4320, as tables.

Rules. Every transition is in this file. An entry maps (state, input) to (next state, actions); what has no
entry is ignored. A timer lives in the states that the `..._LIVE` tables name: entering a state stops the
timers that do not live there and starts those that do and are not running. A timer that lasts no time fires
at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum


class State(StrEnum):
    """States under their names of RFC 3261 17 and RFC 6026 7."""

    CALLING = "Calling"
    TRYING = "Trying"
    PROCEEDING = "Proceeding"
    COMPLETED = "Completed"
    ACCEPTED = "Accepted"
    CONFIRMED = "Confirmed"
    TERMINATED = "Terminated"


class Input(StrEnum):
    """What can happen to a transaction. Timers bear the letters of RFC 3261 table 4 and RFC 6026."""

    REQUEST = "request"
    """The request again (server)."""
    ACK = "ack"
    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "3xx-6xx"
    SILENCE = "no answer"
    """There will be no answer (server): nothing is sent, repetitions are not heard (RFC 4320 4.2)."""
    TRANSPORT_ERROR = "transport error"
    TIMER_A = "A"
    TIMER_B = "B"
    TIMER_D = "D"
    TIMER_E = "E"
    TIMER_F = "F"
    TIMER_G = "G"
    TIMER_H = "H"
    TIMER_I = "I"
    TIMER_J = "J"
    TIMER_K = "K"
    TIMER_L = "L"
    TIMER_M = "M"
    TIMER_100 = "100"
    """200 ms until the transaction itself says 100 Trying (17.2.1)."""
    TIMER_2XX = "2xx repeat"
    """The user's repetition of a 2xx until the ACK, where the user asked for it (13.3.1.4)."""
    TIMER_CANCEL = "cancel"
    """64*T1 after a CANCEL without a final response (9.1)."""


class Do(Enum):
    """What a transition does."""

    SEND = "send the message that the user gave"
    RESEND = "send the last message again"
    RESEND_DOUBLED = "send again, wait twice as long (capped at T2 except for timer A)"
    RESEND_T2 = "send again, wait T2"
    SEND_ACK = "acknowledge the failure"
    SEND_TRYING = "send 100 Trying"
    DELIVER = "hand the message to the user"
    STOP_2XX = "stop repeating the 2xx"
    TIMED_OUT = "tell the user that nobody answered"
    FAILED = "tell the user that the transport is broken"


_S, _I, _D = State, Input, Do
Table = dict[tuple[State, Input], tuple[State, tuple[Do, ...]]]

INVITE_CLIENT: Table = {
    (_S.CALLING, _I.TIMER_A): (_S.CALLING, (_D.RESEND_DOUBLED,)),
    (_S.CALLING, _I.TIMER_B): (_S.TERMINATED, (_D.TIMED_OUT,)),
    (_S.CALLING, _I.TRANSPORT_ERROR): (_S.TERMINATED, (_D.FAILED,)),
    (_S.CALLING, _I.PROVISIONAL): (_S.PROCEEDING, (_D.DELIVER,)),
    (_S.CALLING, _I.SUCCESS): (_S.ACCEPTED, (_D.DELIVER,)),
    (_S.CALLING, _I.FAILURE): (_S.COMPLETED, (_D.SEND_ACK, _D.DELIVER)),
    (_S.PROCEEDING, _I.PROVISIONAL): (_S.PROCEEDING, (_D.DELIVER,)),
    (_S.PROCEEDING, _I.SUCCESS): (_S.ACCEPTED, (_D.DELIVER,)),
    (_S.PROCEEDING, _I.FAILURE): (_S.COMPLETED, (_D.SEND_ACK, _D.DELIVER)),
    (_S.PROCEEDING, _I.TIMER_CANCEL): (_S.TERMINATED, (_D.TIMED_OUT,)),
    (_S.COMPLETED, _I.FAILURE): (_S.COMPLETED, (_D.SEND_ACK,)),
    (_S.COMPLETED, _I.TRANSPORT_ERROR): (_S.TERMINATED, ()),
    (_S.COMPLETED, _I.TIMER_D): (_S.TERMINATED, ()),
    (_S.ACCEPTED, _I.SUCCESS): (_S.ACCEPTED, (_D.DELIVER,)),
    (_S.ACCEPTED, _I.TIMER_M): (_S.TERMINATED, ()),
}

CLIENT: Table = {
    (_S.TRYING, _I.TIMER_E): (_S.TRYING, (_D.RESEND_DOUBLED,)),
    (_S.TRYING, _I.TIMER_F): (_S.TERMINATED, (_D.TIMED_OUT,)),
    (_S.TRYING, _I.TRANSPORT_ERROR): (_S.TERMINATED, (_D.FAILED,)),
    (_S.TRYING, _I.PROVISIONAL): (_S.PROCEEDING, (_D.DELIVER,)),
    (_S.TRYING, _I.SUCCESS): (_S.COMPLETED, (_D.DELIVER,)),
    (_S.TRYING, _I.FAILURE): (_S.COMPLETED, (_D.DELIVER,)),
    (_S.PROCEEDING, _I.TIMER_E): (_S.PROCEEDING, (_D.RESEND_T2,)),
    (_S.PROCEEDING, _I.TIMER_F): (_S.TERMINATED, (_D.TIMED_OUT,)),
    (_S.PROCEEDING, _I.TRANSPORT_ERROR): (_S.TERMINATED, (_D.FAILED,)),
    (_S.PROCEEDING, _I.PROVISIONAL): (_S.PROCEEDING, (_D.DELIVER,)),
    (_S.PROCEEDING, _I.SUCCESS): (_S.COMPLETED, (_D.DELIVER,)),
    (_S.PROCEEDING, _I.FAILURE): (_S.COMPLETED, (_D.DELIVER,)),
    (_S.COMPLETED, _I.TIMER_K): (_S.TERMINATED, ()),
}

INVITE_SERVER: Table = {
    (_S.PROCEEDING, _I.REQUEST): (_S.PROCEEDING, (_D.RESEND,)),
    (_S.PROCEEDING, _I.TIMER_100): (_S.PROCEEDING, (_D.SEND_TRYING,)),
    (_S.PROCEEDING, _I.PROVISIONAL): (_S.PROCEEDING, (_D.SEND,)),
    (_S.PROCEEDING, _I.SUCCESS): (_S.ACCEPTED, (_D.SEND,)),
    (_S.PROCEEDING, _I.FAILURE): (_S.COMPLETED, (_D.SEND,)),
    (_S.COMPLETED, _I.REQUEST): (_S.COMPLETED, (_D.RESEND,)),
    (_S.COMPLETED, _I.TIMER_G): (_S.COMPLETED, (_D.RESEND_DOUBLED,)),
    (_S.COMPLETED, _I.TIMER_H): (_S.TERMINATED, (_D.TIMED_OUT,)),
    (_S.COMPLETED, _I.ACK): (_S.CONFIRMED, ()),
    (_S.CONFIRMED, _I.TIMER_I): (_S.TERMINATED, ()),
    (_S.ACCEPTED, _I.SUCCESS): (_S.ACCEPTED, (_D.SEND,)),
    (_S.ACCEPTED, _I.TIMER_2XX): (_S.ACCEPTED, (_D.RESEND_DOUBLED,)),
    (_S.ACCEPTED, _I.ACK): (_S.ACCEPTED, (_D.STOP_2XX, _D.DELIVER)),
    (_S.ACCEPTED, _I.TIMER_L): (_S.TERMINATED, (_D.TIMED_OUT,)),
}

SERVER: Table = {
    (_S.TRYING, _I.PROVISIONAL): (_S.PROCEEDING, (_D.SEND,)),
    (_S.TRYING, _I.SUCCESS): (_S.COMPLETED, (_D.SEND,)),
    (_S.TRYING, _I.FAILURE): (_S.COMPLETED, (_D.SEND,)),
    (_S.TRYING, _I.SILENCE): (_S.COMPLETED, ()),
    (_S.PROCEEDING, _I.REQUEST): (_S.PROCEEDING, (_D.RESEND,)),
    (_S.PROCEEDING, _I.PROVISIONAL): (_S.PROCEEDING, (_D.SEND,)),
    (_S.PROCEEDING, _I.SUCCESS): (_S.COMPLETED, (_D.SEND,)),
    (_S.PROCEEDING, _I.FAILURE): (_S.COMPLETED, (_D.SEND,)),
    (_S.PROCEEDING, _I.SILENCE): (_S.COMPLETED, ()),
    (_S.COMPLETED, _I.REQUEST): (_S.COMPLETED, (_D.RESEND,)),
    (_S.COMPLETED, _I.TIMER_J): (_S.TERMINATED, ()),
}

_NO_TIMERS: frozenset[Input] = frozenset()
Live = dict[State, frozenset[Input]]

INVITE_CLIENT_LIVE: Live = {
    _S.CALLING: frozenset({_I.TIMER_A, _I.TIMER_B}),
    _S.COMPLETED: frozenset({_I.TIMER_D}),
    _S.ACCEPTED: frozenset({_I.TIMER_M}),
}
CLIENT_LIVE: Live = {
    _S.TRYING: frozenset({_I.TIMER_E, _I.TIMER_F}),
    _S.PROCEEDING: frozenset({_I.TIMER_E, _I.TIMER_F}),
    _S.COMPLETED: frozenset({_I.TIMER_K}),
}
INVITE_SERVER_LIVE: Live = {
    _S.PROCEEDING: frozenset({_I.TIMER_100}),
    _S.COMPLETED: frozenset({_I.TIMER_G, _I.TIMER_H}),
    _S.CONFIRMED: frozenset({_I.TIMER_I}),
    _S.ACCEPTED: frozenset({_I.TIMER_L}),
}
SERVER_LIVE: Live = {_S.COMPLETED: frozenset({_I.TIMER_J})}


@dataclass(frozen=True, slots=True)
class Timers:
    """T1, T2, T4 of RFC 3261 17.1.1.1 and timer D, in seconds."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    d: float = 32.0

    def durations(self, *, reliable: bool) -> dict[Input, float | None]:
        """How long each timer lasts at first; None for one that does not exist on a reliable transport."""
        long = 64 * self.t1
        repeat = None if reliable else self.t1
        linger = 0.0 if reliable else self.t4
        return {
            Input.TIMER_A: repeat,
            Input.TIMER_B: long,
            Input.TIMER_D: 0.0 if reliable else self.d,
            Input.TIMER_E: repeat,
            Input.TIMER_F: long,
            Input.TIMER_G: repeat,
            Input.TIMER_H: long,
            Input.TIMER_I: linger,
            Input.TIMER_J: 0.0 if reliable else long,
            Input.TIMER_K: linger,
            Input.TIMER_L: long,
            Input.TIMER_M: long,
            Input.TIMER_100: 0.2,
            Input.TIMER_2XX: self.t1,
            Input.TIMER_CANCEL: long,
        }


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the four machines."""

    name: str
    start: State
    table: Table
    live: Live


KINDS = {
    ("client", True): Kind("INVITE client", State.CALLING, INVITE_CLIENT, INVITE_CLIENT_LIVE),
    ("client", False): Kind("non-INVITE client", State.TRYING, CLIENT, CLIENT_LIVE),
    ("server", True): Kind("INVITE server", State.PROCEEDING, INVITE_SERVER, INVITE_SERVER_LIVE),
    ("server", False): Kind("non-INVITE server", State.TRYING, SERVER, SERVER_LIVE),
}


class Machine:
    """One transaction's state and timers. It knows no message: `step` returns what is to be done."""

    __slots__ = ("durations", "kind", "started", "state", "t2", "timers", "waits")

    def __init__(
        self,
        kind: Kind,
        durations: Mapping[Input, float | None],
        t2: float,
        started: list[tuple[float, Input]],
    ) -> None:
        self.kind = kind
        self.durations = durations
        self.t2 = t2
        self.state = kind.start
        self.timers: dict[Input, float] = {}
        """When each running timer fires."""
        self.waits: dict[Input, float] = {}
        """How long a repeating timer waits now."""
        self.started = started
        """Timers started since the owner last looked; the owner empties it, and may have one for all."""

    def begin(self, now: float) -> None:
        """Start the timers of the first state."""
        self._enter(now)

    def step(self, happened: Input, now: float) -> tuple[Do, ...]:
        """Take one input; return the actions in order."""
        found = self.kind.table.get((self.state, happened))
        if found is None:
            return ()
        state, actions = found
        for action in actions:
            if action is Do.RESEND_DOUBLED:
                self._repeat(happened, now)
            elif action is Do.RESEND_T2:
                self.waits[happened] = self.t2
                self.start(happened, now)
            elif action is Do.STOP_2XX:
                self.timers.pop(Input.TIMER_2XX, None)
        if state is self.state:
            return actions
        self.state = state
        more = self._enter(now)
        return (*actions, *more) if more else actions

    def start(self, timer: Input, now: float) -> None:
        """Start a timer; one that does not exist on this transport is not started."""
        wait = self.waits.get(timer, self.durations[timer])
        if wait is not None:
            self.timers[timer] = now + wait
            self.started.append((now + wait, timer))

    def _repeat(self, timer: Input, now: float) -> None:
        wait = 2 * (self.waits.get(timer) or self.durations[timer] or 0.0)
        self.waits[timer] = wait if timer is Input.TIMER_A else min(wait, self.t2)
        self.start(timer, now)

    def _enter(self, now: float) -> list[Do]:
        live = self.kind.live.get(self.state, _NO_TIMERS)
        timers = self.timers
        if not live.issuperset(timers):
            timers = self.timers = {timer: due for timer, due in timers.items() if timer in live}
        todo: list[Do] = []
        for timer in live:
            if timer in timers:
                continue
            wait = self.durations[timer]
            if wait == 0.0:
                return [*todo, *self.step(timer, now)]
            elif wait is not None:
                # As `start`, which a timer that has waited before needs; in a new state none has.
                timers[timer] = now + wait
                self.started.append((now + wait, timer))
        return todo
