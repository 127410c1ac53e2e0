"""The scripted carrier: the far side of a trunk, with a behaviour for each number that is dialled."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from ringback.testing.phone_agent import Transport, UserAgent
from ringback.testing.phone_call import Call


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What the subscriber behind a number does. Times are seconds."""

    status: int | None = None
    """Refuse with this status: 486 is busy, 404 does not exist."""
    rings: bool = True
    """Whether 180 is sent."""
    answer_after: float | None = None
    """Answer after ringing for so long; None never answers."""
    tone_hz: float | None = None
    """The tone that the subscriber speaks."""
    hang_up_after: float | None = None
    """Hang up when the call has been answered for so long."""


ANSWERS = Behaviour(answer_after=0.0)
BUSY = Behaviour(status=486)
NO_ANSWER = Behaviour()
UNKNOWN = Behaviour(status=404)


class PhoneCarrier(UserAgent):
    """Listens for calls that the platform sends to its trunk, and sends calls in.

    It does not register. *proxy* is the platform's SIP entrance; *port* is where its trunk points to.
    """

    def __init__(
        self,
        *,
        proxy: tuple[str, int] | None = None,
        transport: Transport = "udp",
        host: str = "127.0.0.1",
        port: int = 0,
        default: Behaviour = ANSWERS,
    ) -> None:
        """*default* is the behaviour of a number that has none of its own."""
        super().__init__(
            "carrier",
            domain=proxy[0] if proxy else host,
            proxy=proxy,
            transport=transport,
            host=host,
            port=port,
        )
        self.default = default
        self.received_calls: list[Call] = []
        """Every call that came in, in order."""
        self._behaviours: dict[str, Behaviour] = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def behave(self, number: str, behaviour: Behaviour) -> None:
        """Say what the subscriber of a number does from now on."""
        self._behaviours[number] = behaviour

    def answers(self, number: str, *, after: float = 0.0, tone_hz: float | None = None) -> None:
        """The subscriber answers, and speaks a tone if one is given."""
        self.behave(number, Behaviour(answer_after=after, tone_hz=tone_hz))

    def is_busy(self, number: str) -> None:
        """The subscriber is busy: 486."""
        self.behave(number, BUSY)

    def does_not_answer(self, number: str) -> None:
        """It rings and nobody answers."""
        self.behave(number, NO_ANSWER)

    async def call(
        self, number: str, *, from_number: str = "+15550100", headers: tuple[tuple[str, str], ...] = ()
    ) -> Call:
        """Send a call in, as a carrier does: from an E.164 number, without credentials."""
        host, port = self.address
        return self.dial(number, from_uri=f"sip:{from_number}@{host}:{port}", headers=headers)

    def incoming(self, call: Call) -> None:
        """Do what the dialled number does."""
        self.received_calls.append(call)
        behaviour = self._behaviours.get(call.number, self.default)
        if behaviour.status is not None:
            call.reject(behaviour.status)
            return
        if behaviour.rings:
            call.ring()
        if behaviour.tone_hz is not None:
            call.play_tone(behaviour.tone_hz)
        if behaviour.answer_after is not None:
            call.pick_up_after(behaviour.answer_after)
            if behaviour.hang_up_after is not None:
                self.spawn(self._hang_up(call, behaviour.answer_after + behaviour.hang_up_after))

    @staticmethod
    async def _hang_up(call: Call, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await call.hangup()
