"""Callbacks that are read together: each asker gets its own, and only its tenant's."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from ringback.runtime.sql import PostgresUnavailable
from ringback.services.engagement.reader import Reader
from ringback.services.engagement.store import Store


@pytest.fixture
def reader(world: Any) -> Reader:
    ctx = world.harness["engagement"].ctx
    return Reader(ctx, Store(ctx))


async def test_each_gets_its_own_and_nobody_anothers(world: Any, reader: Reader) -> None:
    ids = [UUID(await world.book(phoneNumber=f"+120255501{number:02}")) for number in range(6)]
    asked = [*ids, uuid4(), *ids]
    records = await asyncio.gather(*(reader.read("demo", each) for each in asked))
    assert [None if record is None else record.id for record in records] == [*ids, None, *ids]
    assert await asyncio.gather(*(reader.read("other", each) for each in ids)) == [None] * 6


async def test_what_was_acknowledged_is_seen_however_many_read(world: Any, reader: Reader) -> None:
    callback = UUID(await world.book())

    async def states(times: int) -> None:
        for _ in range(times):
            assert await reader.read("demo", callback) is not None

    readers = [asyncio.create_task(states(30)) for _ in range(20)]
    await world.cancel(str(callback))
    record = await reader.read("demo", callback)
    assert record is not None
    assert record.progress.state.value == "COMPLETED"
    await asyncio.gather(*readers)


async def test_a_failure_is_told_to_all_who_asked_and_the_next_is_read_again(
    world: Any, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback = UUID(await world.book())
    with monkeypatch.context() as patched:
        patched.setattr(world.harness["engagement"].ctx.postgres, "_pool", None)
        answers = await asyncio.gather(
            *(reader.read("demo", each) for each in (callback, callback, uuid4())), return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [PostgresUnavailable] * 3
    assert await reader.read("demo", callback) is not None


async def test_one_that_goes_away_takes_its_answer_from_nobody(world: Any, reader: Reader) -> None:
    callback = UUID(await world.book())
    one, other = (asyncio.create_task(reader.read("demo", callback)) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    assert await other is not None
