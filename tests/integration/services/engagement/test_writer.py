"""Callbacks that are written together: each judged by itself, none taking others with it, nodes not in each
other's way."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from ringback.domain.callbacks import booked
from ringback.runtime.sql import PostgresUnavailable
from ringback.services.engagement.records import Details, Record
from ringback.services.engagement.store import Claim, Entry, KeyUse, Store
from ringback.services.engagement.writer import Writer

NOW = 1_800_000_000.0
SLOT = 1_800_000_000


def entry(number: int = 1, *, claim: Claim | None = None, key: str = "", body: bytes = b"body") -> Entry:
    accepted = booked(NOW, desired_at=NOW + 3600, ttl=86_400, lead=0)
    record = Record(
        id=uuid4(),
        tenant="demo",
        service="sales",
        number=f"+1202555{number:04}",
        created_at=NOW,
        updated_at=NOW,
        desired_at=NOW + 3600,
        priority=0,
        details=Details(),
        progress=accepted.progress,
    )
    use = KeyUse(key, body.ljust(32)) if key else None
    return Entry(record, False, claim or Claim(), use)


@pytest.fixture
def writer(world: Any) -> Writer:
    ctx = world.harness["engagement"].ctx
    return Writer(ctx, Store(ctx))


async def written(world: Any) -> int:
    [row] = await world.query("SELECT count(*) FROM engagement.callbacks")
    return int(row[0])


async def commits(world: Any) -> int:
    [row] = await world.query("SELECT count(DISTINCT xmin::text) FROM engagement.callbacks")
    return int(row[0])


async def test_what_comes_together_is_committed_together_and_each_answered(
    world: Any, writer: Writer
) -> None:
    entries = [entry(number) for number in range(300)]
    verdicts = await asyncio.gather(*map(writer.write, entries))
    assert [verdict.made for verdict in verdicts] == [each.record.id for each in entries]
    assert {verdict.word for verdict in verdicts} == {""}
    assert await written(world) == 300
    assert await commits(world) < 20


async def test_a_limit_counts_those_that_are_written_together(world: Any, writer: Writer) -> None:
    one_number = Claim(most_waiting=2)
    words = [
        each.word
        for each in await asyncio.gather(*(writer.write(entry(1, claim=one_number)) for _ in "12345"))
    ]
    assert Counter(words) == {"": 2, "number-waiting": 3}
    one_slot = Claim(slot=SLOT, minutes=15, capacity=3)
    words = [
        each.word
        for each in await asyncio.gather(*(writer.write(entry(9, claim=one_slot)) for _ in range(8)))
    ]
    assert words == [""] * 3 + ["slot-full"] * 5, "those that came first have the places"


async def test_one_that_the_database_will_not_have_is_refused_alone(world: Any, writer: Writer) -> None:
    good = [entry(number) for number in range(5)]
    bad = entry(7)
    bad = replace(bad, record=replace(bad.record, priority=2**40))
    answers = await asyncio.gather(*map(writer.write, [*good[:3], bad, *good[3:]]), return_exceptions=True)
    assert isinstance(answers.pop(3), Exception)
    assert [getattr(answer, "word", answer) for answer in answers] == [""] * 5
    assert await written(world) == 5


async def test_a_key_used_many_times_at_once_makes_one_callback(world: Any, writer: Writer) -> None:
    verdicts = await asyncio.gather(*(writer.write(entry(number, key="same")) for number in range(20)))
    assert Counter(verdict.word for verdict in verdicts) == {"": 1, "known": 19}
    assert len({verdict.made for verdict in verdicts}) == 1
    other = await writer.write(entry(1, key="same", body=b"other"))
    assert other.word == "key-reused"
    assert await written(world) == 1


async def test_a_key_of_a_refused_request_is_free_again(world: Any, writer: Writer) -> None:
    full = Claim(slot=SLOT, minutes=15, capacity=0)
    verdicts = await asyncio.gather(
        writer.write(entry(1, key="k", claim=full)), writer.write(entry(1, key="k"))
    )
    assert [verdict.word for verdict in verdicts] == ["slot-full", ""]


async def test_two_nodes_that_want_the_same_things_never_wait_for_each_other_for_ever(
    world: Any, writer: Writer
) -> None:
    ctx = world.harness["engagement"].ctx
    chance = random.Random(7)
    writers = [writer, Writer(ctx, Store(ctx))]

    def mixed(index: int) -> Entry:
        claim = Claim(
            most_waiting=1_000,
            throttle_key=str(chance.randrange(5)),
            throttle_limit=1_000,
            slot=SLOT + 900 * chance.randrange(5),
            minutes=15,
            capacity=1_000,
        )
        return entry(chance.randrange(10), claim=claim, key=str(index // 2) if index % 3 else "")

    async with asyncio.timeout(60):
        verdicts = await asyncio.gather(
            *(chance.choice(writers).write(mixed(index)) for index in range(600)), return_exceptions=True
        )
    failed = [verdict for verdict in verdicts if isinstance(verdict, BaseException)]
    assert failed == [], "a deadlock would be an error of PostgreSQL"
    new = sum(getattr(verdict, "word", "x") == "" for verdict in verdicts)
    assert new == await written(world) == len({getattr(v, "made", None) for v in verdicts})
    assert [row[0] for row in await world.query("SELECT sum(taken) FROM engagement.slots")] == [new]


async def test_while_the_database_is_away_nobody_waits_for_those_before(
    world: Any, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    async def away(entries: list[Entry]) -> Any:
        tried.append(len(entries))
        await asyncio.sleep(0)
        raise PostgresUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(writer, "_book", away)
        answers = await asyncio.gather(
            *(writer.write(entry(number, key=str(number))) for number in range(500)), return_exceptions=True
        )
    assert [type(answer) for answer in answers] == [PostgresUnavailable] * 500
    assert len(tried) <= 3
    assert (await writer.write(entry(1, key="1"))).word == "", "and afterwards its key is free"
