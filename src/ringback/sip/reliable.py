"""Reliable provisional responses (RFC 3262), both roles. Pure: `now` in seconds goes in, responses come out.

Rules. The caller's side takes the responses of one early dialog in the order of their RSeq and drops any
other (section 4). The called side has one response under way at a time, repeats it with doubled waits until
its PRACK comes, and gives up after 64*T1 (section 3); `SENDER` is its table, a pair that is not in it changes
nothing.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, StrEnum
from typing import NamedTuple

from ringback.sip.errors import SipParseError
from ringback.sip.message import CSeq, Response, parse_number

OPTION = "100rel"
T1_S = 0.5


class RAck(NamedTuple):
    """Which response a PRACK is for: its RSeq, and the CSeq of the request that it answers (7.2)."""

    rseq: int
    cseq: CSeq

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq}"

    @classmethod
    def parse(cls, text: str) -> RAck:
        """Read a RAck value. Raises SipParseError."""
        number, _, rest = text.strip().partition(" ")
        rseq = parse_number(number)
        if rseq is None:
            raise SipParseError("bad RAck")
        return cls(rseq, CSeq.parse(rest))


def rseq_of(response: Response) -> int | None:
    """The RSeq of a response that must be acknowledged; None for any other (section 4)."""
    value = response.get("RSeq")
    if value is None or not 100 < response.status < 200:
        return None
    reliable = any(name.lower() == OPTION for name in response.values("Require"))
    return (parse_number(value) or None) if reliable else None


class Heard(Enum):
    """What a provisional response is to the caller's side."""

    PLAIN = "not reliable: taken as it is"
    NEXT = "the next in order: taken, and acknowledged by PRACK"
    DROPPED = "a repetition, or one after a gap: neither taken nor acknowledged"


class ReliableReceiver:
    """The order of the reliable responses of one early dialog (section 4)."""

    __slots__ = ("last",)

    def __init__(self, last: int | None = None) -> None:
        self.last = last

    def hear(self, response: Response) -> Heard:
        """Judge a provisional response; NEXT moves the order on."""
        rseq = rseq_of(response)
        if rseq is None:
            return Heard.PLAIN
        if self.last is not None and rseq != self.last + 1:
            return Heard.DROPPED
        self.last = rseq
        return Heard.NEXT


class State(StrEnum):
    """The called side of one INVITE."""

    IDLE = "idle"
    UNACKNOWLEDGED = "unacknowledged"
    OVER = "over"  # finally answered, or given up


class Input(StrEnum):
    RESPONSE = "a provisional response is to be sent"
    PRACK = "the PRACK of the response under way"
    REPEAT = "time to send it again"
    TOO_LATE = "64*T1 without PRACK"
    FINAL = "the final response"


class Do(Enum):
    SEND = "send it, start both timers"
    QUEUE = "keep it until the one before is acknowledged"
    NEXT = "send the first of the queue, or rest"
    AGAIN = "send the one under way again, wait twice as long"
    GIVE_UP = "the INVITE is to be refused with a 5xx"
    STOP = "forget what is under way"


_S, _I = State, Input
SENDER: dict[tuple[State, Input], tuple[State, Do]] = {
    (_S.IDLE, _I.RESPONSE): (_S.UNACKNOWLEDGED, Do.SEND),
    (_S.IDLE, _I.FINAL): (_S.OVER, Do.STOP),
    (_S.UNACKNOWLEDGED, _I.RESPONSE): (_S.UNACKNOWLEDGED, Do.QUEUE),
    (_S.UNACKNOWLEDGED, _I.PRACK): (_S.IDLE, Do.NEXT),
    (_S.UNACKNOWLEDGED, _I.REPEAT): (_S.UNACKNOWLEDGED, Do.AGAIN),
    (_S.UNACKNOWLEDGED, _I.TOO_LATE): (_S.OVER, Do.GIVE_UP),
    (_S.UNACKNOWLEDGED, _I.FINAL): (_S.OVER, Do.STOP),
}


class ReliableSender:
    """The reliable responses to one INVITE (section 3)."""

    def __init__(self, first: int, t1_s: float = T1_S) -> None:
        """*first*: the first RSeq, 1 to 2**31 - 1, chosen at random."""
        self.state = State.IDLE
        self.gave_up = False
        self._next = first
        self._t1_s = t1_s
        self._queue: deque[Response] = deque()
        self._under_way: Response | None = None
        self._rseq = 0
        self._awaited = False
        self._wait_s = t1_s
        self._again_at = self._late_at = 0.0

    def send(self, response: Response, now: float) -> list[Response]:
        """Send a response reliably, now or after those before it; what is to go out now."""
        self._queue.append(response)
        return self._step(Input.RESPONSE, now)

    def prack(self, rack: RAck, invite: CSeq, now: float) -> tuple[bool, list[Response]]:
        """Take a PRACK: whether it fits (else it is to be answered 481), and what is to go out now.

        One that was on its way when the final response left fits as well.
        """
        fits = self._awaited and rack == RAck(self._rseq, invite)
        if not fits:
            return False, []
        self._awaited = False
        return True, self._step(Input.PRACK, now)

    def timer(self, now: float) -> list[Response]:
        """What is to go out when `next_timer` is reached; `gave_up` says that nothing will help."""
        if self.state is not State.UNACKNOWLEDGED or now < min(self._again_at, self._late_at):
            return []
        return self._step(Input.TOO_LATE if now >= self._late_at else Input.REPEAT, now)

    def next_timer(self) -> float | None:
        """When `timer` is to be called."""
        waits = self.state is State.UNACKNOWLEDGED
        return min(self._again_at, self._late_at) if waits else None

    def over(self, now: float) -> None:
        """The INVITE is answered: provisional responses are not repeated any more."""
        self._step(Input.FINAL, now)

    @property
    def holds_final(self) -> bool:
        """Whether a 2xx has to wait: a description has not been acknowledged yet (section 3)."""
        if self.state is State.OVER:
            return False
        waiting = [self._under_way] if self._under_way is not None else []
        return any(response.body for response in [*waiting, *self._queue])

    def _step(self, happened: Input, now: float) -> list[Response]:
        found = SENDER.get((self.state, happened))
        if found is None:
            return []
        self.state, action = found
        if action is Do.AGAIN:
            return self._again(now)
        if action is Do.NEXT:
            self._under_way = None
            return self._step(Input.RESPONSE, now) if self._queue else []
        if action is Do.SEND:
            return self._begin(now)
        if action in (Do.GIVE_UP, Do.STOP):
            self.gave_up = action is Do.GIVE_UP
            self._awaited = self._awaited and not self.gave_up
            self._queue.clear()
            self._under_way = None
        return []

    def _begin(self, now: float) -> list[Response]:
        response = self._under_way = self._queue.popleft()
        self._rseq, self._next, self._awaited = self._next, self._next + 1, True
        response.add("Require", OPTION)
        response.set("RSeq", self._rseq)
        self._wait_s = self._t1_s
        self._again_at, self._late_at = now + self._wait_s, now + 64 * self._t1_s
        return [response]

    def _again(self, now: float) -> list[Response]:
        self._wait_s *= 2
        self._again_at = now + self._wait_s
        return [self._under_way] if self._under_way is not None else []
