"""A session is woken by the earliest moment at which it has something to do."""

import asyncio

from ringback.services.orchestration.alarm import Alarm

LONG_S, SHORT_S = 3600.0, 0.001


async def test_the_earliest_moment_counts_whatever_was_asked_for_before_and_after() -> None:
    rung = asyncio.Event()
    alarm = Alarm(rung.set)
    for wait_s in (LONG_S, SHORT_S, LONG_S):
        alarm.within(wait_s)
    async with asyncio.timeout(5):
        await rung.wait()
    rung.clear()
    alarm.within(SHORT_S)
    async with asyncio.timeout(5):
        await rung.wait()


async def test_one_that_was_cancelled_is_silent_until_it_is_asked_for_again() -> None:
    rung: asyncio.Queue[int] = asyncio.Queue()
    alarm = Alarm(lambda: rung.put_nowait(1))
    alarm.within(0.0)
    alarm.cancel()
    other = Alarm(lambda: rung.put_nowait(2))
    other.within(0.0)
    async with asyncio.timeout(5):
        assert await rung.get() == 2
    alarm.within(0.0)
    async with asyncio.timeout(5):
        assert await rung.get() == 1
