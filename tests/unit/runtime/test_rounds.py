"""Work done again and again: it outlives what fails, waits when it has to, and can be woken."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, cast

import pytest

from ringback.runtime.context import Context
from ringback.runtime.rounds import Rounds, every, in_batches
from ringback.runtime.sql import PostgresUnavailable

LONG_S = 3600.0


class Around:
    """As much of a context as such work needs: what it logs is kept, what it spawns ends with the test."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.log = self

    def warning(self, event: str, **_fields: object) -> None:
        self.said.append(event)

    exception = warning

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self.tasks.append(asyncio.create_task(work, name=name))


@pytest.fixture
async def around() -> AsyncIterator[Around]:
    here = Around()
    yield here
    for task in here.tasks:
        task.cancel()
    await asyncio.gather(*here.tasks, return_exceptions=True)


class Outcomes:
    """Work with an outcome for each round: what it raises or returns; then it is through."""

    def __init__(self, *outcomes: Exception | float) -> None:
        self._outcomes = list(outcomes)
        self.done = 0
        self.through = asyncio.Event()

    async def __call__(self) -> float:
        self.done += 1
        outcome = self._outcomes.pop(0)
        if not self._outcomes:
            self.through.set()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def begin(around: Around, work: Callable[[], Awaitable[float]], retry_s: float = 0.0) -> Rounds:
    rounds = Rounds(cast(Context, around), "outbox", work, retry_s)
    rounds.start()
    return rounds


async def settle() -> None:
    """Everything that is ready to run has run."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_round_that_fails_is_followed_by_another_and_what_is_away_is_named_once(
    around: Around,
) -> None:
    away = PostgresUnavailable("gone")
    work = Outcomes(away, away, 0.0, away, ValueError("ours"), LONG_S)
    begin(around, work)
    async with asyncio.timeout(5):
        await work.through.wait()
    assert around.said == ["work_waits", "work_waits", "work_failed"]


async def test_between_rounds_it_waits_unless_it_is_woken_also_during_a_round(around: Around) -> None:
    work = Outcomes(LONG_S, LONG_S, LONG_S)
    rounds = begin(around, work)
    await settle()
    assert work.done == 1
    rounds.wake()
    await settle()
    assert work.done == 2
    rounds.wake()
    async with asyncio.timeout(5):
        await work.through.wait()


async def test_what_is_away_is_not_asked_more_often_for_being_woken(around: Around) -> None:
    work = Outcomes(PostgresUnavailable("gone"), LONG_S)
    rounds = begin(around, work, retry_s=LONG_S)
    await settle()
    rounds.wake()
    await settle()
    assert work.done == 1


async def test_a_full_batch_is_followed_by_the_next_at_once() -> None:
    left = [3, 3, 2, 0]

    async def tell() -> int:
        return left.pop(0)

    one = in_batches(3, 5.0, tell)
    assert [await one() for _ in range(4)] == [0.0, 0.0, 5.0, 5.0]


async def test_work_that_says_nothing_comes_every_so_many_seconds() -> None:
    assert await every(7.0, settle)() == 7.0
