"""The live demo: scripted callers and agents on real SIP sockets, so that there is something to watch.

Agents register and answer; callers come in by the demo's trunk, wait, talk and hang up, some lose patience;
some customers book callbacks instead, and now and then one of them is busy. It goes on until it is cancelled.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta

import msgspec

from ringback.runtime.context import Context, Process
from ringback.runtime.settings import CommonSettings
from ringback.testing.check_report import CheckFailed
from ringback.testing.check_world import World
from ringback.testing.demo_tenant import (
    DEMO_CARRIER_PORT,
    SALES_NUMBER,
    SCRIPTED_NUMBERS,
    SCRIPTED_PHONES,
    SUPPORT_NUMBER,
)
from ringback.testing.phone import (
    Behaviour,
    Call,
    CallFailedError,
    Phone,
    PhoneCarrier,
    RegistrationError,
)

_TONES = (350.0, 440.0, 520.0, 610.0)
_BUSY = 486
_AGAIN_S = 2.0


async def run(common: CommonSettings, *, on_ready: Callable[[], None] | None = None) -> int:
    """Play until SIGTERM or SIGINT; returns the exit status."""
    process = Process(msgspec.structs.replace(common, node=f"demo-{os.getpid()}", kafka_bootstrap=""))
    loop = asyncio.get_running_loop()
    await process.start(needs_postgres=False)
    playing = asyncio.create_task(Demo(Context(process, "demo")).run())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, playing.cancel)
    try:
        if on_ready is not None:
            on_ready()
        with suppress(asyncio.CancelledError):
            await playing
    finally:
        await process.stop()
    return 0


class Demo:
    """The scripted people. ``pace`` above 1 makes them quicker; ``seed`` makes them repeat themselves."""

    def __init__(self, ctx: Context, *, pace: float = 1.0, seed: int | None = None) -> None:
        self._ctx = ctx
        self._world = World(ctx)
        self._pace = pace
        self._dice = random.Random(seed)  # noqa: S311 - no secret is made of it
        self._busy_numbers: set[str] = set()

    async def run(self) -> None:
        """Play until cancelled; phones unregister and calls end then."""
        async with AsyncExitStack() as stack:
            carrier = await stack.enter_async_context(self._world.carrier(DEMO_CARRIER_PORT))
            carrier.default = Behaviour(answer_after=1.5, tone_hz=_TONES[0], hang_up_after=self._s(12))
            phones = [
                await stack.enter_async_context(self._world.phone(dn, transport=("udp", "tcp")[n % 2]))
                for n, dn in enumerate(SCRIPTED_PHONES)
            ]
            async with asyncio.TaskGroup() as people:
                for phone in phones:
                    people.create_task(self._agent(phone))
                people.create_task(self._callers(carrier))
                people.create_task(self._bookers(carrier))

    async def _agent(self, phone: Phone) -> None:
        await self._register(phone)
        while True:
            with suppress(TimeoutError):
                call = await phone.wait_call(3600.0)
                with suppress(CallFailedError, TimeoutError):
                    await self._serve(call)

    async def _register(self, phone: Phone) -> None:
        """The platform may still be starting: try until it takes us."""
        while not phone.registered:
            try:
                await phone.register()
            except (RegistrationError, TimeoutError, OSError):
                await asyncio.sleep(_AGAIN_S)

    async def _serve(self, call: Call) -> None:
        call.ring()
        await self._pause(1, 3)
        await call.answer()
        call.play_tone(self._dice.choice(_TONES))
        if self._dice.random() < 0.2:
            await self._pause(2, 4)
            await call.hold()
            await self._pause(2, 5)
            await call.retrieve()
        with suppress(TimeoutError):
            await call.wait_ended(self._s(self._dice.uniform(8, 30)))
        await call.hangup()

    async def _callers(self, carrier: PhoneCarrier) -> None:
        async with asyncio.TaskGroup() as calls:
            while True:
                number = self._dice.choice((SALES_NUMBER, SALES_NUMBER, SUPPORT_NUMBER))
                calls.create_task(self._caller(carrier, number))
                await self._pause(2, 8)

    async def _caller(self, carrier: PhoneCarrier, number: str) -> None:
        call = await carrier.call(number, from_number=self._dice.choice(SCRIPTED_NUMBERS))
        call.play_tone(self._dice.choice(_TONES))
        with suppress(CallFailedError, TimeoutError):
            await call.wait_answered(20.0)
            await call.wait_ended(self._s(self._dice.uniform(15, 60)))
        with suppress(CallFailedError, TimeoutError):
            await call.hangup()

    async def _bookers(self, carrier: PhoneCarrier) -> None:
        while True:
            await self._pause(10, 25)
            number = self._dice.choice(SCRIPTED_NUMBERS)
            if self._dice.random() < 0.15:
                carrier.behave(number, Behaviour(status=_BUSY))
            else:
                talk = self._s(self._dice.uniform(6, 20))
                carrier.behave(
                    number, Behaviour(answer_after=self._s(2), tone_hz=_TONES[1], hang_up_after=talk)
                )
            service = self._dice.choice(("CB_Sales", "CB_Sales", "CB_Support"))
            later = {"desiredTime": self._soon()} if self._dice.random() < 0.4 else {}
            try:
                await self._world.book(number, service, **later)
            except (CheckFailed, OSError) as error:
                self._ctx.log.info("demo_callback_refused", reason=str(error))

    def _soon(self) -> str:
        moment = datetime.now(UTC) + timedelta(seconds=self._s(self._dice.uniform(30, 180)))
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _s(self, seconds: float) -> float:
        return seconds / self._pace

    async def _pause(self, least: float, most: float) -> None:
        await asyncio.sleep(self._s(self._dice.uniform(least, most)))
