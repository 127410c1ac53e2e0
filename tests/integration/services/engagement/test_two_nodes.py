"""Two nodes, killed at any moment: each callback is started and dialled once, and none is lost.

`RINGBACK_PROOF_CALLBACKS` says how many callbacks; `make proof` takes ten thousand.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from ringback.contracts.auth import ApiKeyReply
from ringback.contracts.callbacks import STREAM
from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import ValkeyForTests, run_host

from .conftest import Peers, until
from .ground import Ground
from .nodes import Node, Platform, Sessions

CALLBACKS = int(os.environ.get("RINGBACK_PROOF_CALLBACKS", "600"))
CLIENTS = 24
LIMIT_S = 60 + CALLBACKS / 10
AREAS = (202, 212, 213, 305, 312)
SETTINGS = {"sales": {"_route_point": "8010", "_max_request_by_time_bucket": "1000000"}}


@pytest.fixture
async def nodes(own_ground: Ground, valkey_url: str, tmp_path: Path) -> AsyncIterator[list[Node]]:
    """Two nodes that run, with settings published."""
    made = [Node(own_ground, valkey_url, run_host(number), tmp_path) for number in (61, 62)]
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(node.start(session) for node in made))
        headers = {"X-Ringback-Cluster": own_ground.auth.process.common.cluster_secret}
        url = f"{made[0].base}/internal/settings/demo"
        async with session.post(url, json=SETTINGS, headers=headers) as reply:
            assert reply.status == 200, await reply.text()
    yield made
    for node in made:
        await node.stop()


def request(number: int, chance: random.Random) -> dict[str, Any]:
    """A callback at once, or within seconds."""
    body = {"serviceName": "sales", "phoneNumber": f"+1{AREAS[number // 10_000]}555{number % 10_000:04}"}
    if chance.random() < 0.5:
        at = datetime.now(UTC) + timedelta(seconds=chance.uniform(1, 6))
        body["desiredTime"] = at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"
    return body


async def create_all(platform: Platform, key: str, chance: random.Random) -> set[str]:
    """Create all; each request is repeated with its key until it is acknowledged."""
    left, made = iter(range(CALLBACKS)), set[str]()

    async def customer() -> None:
        for number in left:
            headers = {"x-api-key": key, "Idempotency-Key": f"request-{number}"}
            body = request(number, chance)
            answer = await platform.post("/engagement/v3/callbacks/create", body, headers)
            made.add(answer["data"]["id"])

    await asyncio.gather(*(customer() for _ in range(CLIENTS)))
    return made


async def kill_at_random(
    nodes: Sequence[Node], session: aiohttp.ClientSession, chance: random.Random, over: asyncio.Event
) -> None:
    """Kill one or the other, and start it again, until all is over."""
    while not over.is_set():
        await asyncio.sleep(chance.uniform(0.2, 1.5))
        node = chance.choice(nodes)
        await node.kill()
        await node.start(session)


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_S + 60)
async def test_killed_at_any_moment_each_callback_is_dialled_once_and_none_is_lost(
    nodes: list[Node], own_ground: Ground, valkey: ValkeyForTests
) -> None:
    chance = random.Random()
    over = asyncio.Event()
    async with AsyncExitStack() as stack:
        readers = [
            await stack.enter_async_context(
                ServiceHarness(valkey_url=valkey.url, host=own_ground.host, node=f"orchestration-{number}")
            )
            for number in (1, 2)
        ]
        peers = Peers()
        await peers.start(readers[0])
        stack.push_async_callback(peers.stop)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        environment = HttpClient(Context(readers[0].process, "test"), "auth", "environment")
        key = await environment.post("/environment/v3/api-keys", {"tenant": "demo", "name": "t"}, ApiKeyReply)
        platform = Platform(nodes, session, chance)
        sessions = Sessions(platform, readers)
        sessions.start()
        async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as tasks:
            tasks.create_task(kill_at_random(nodes, session, chance, over))
            made = await create_all(platform, key.key, chance)
            while sessions.finished != made:
                await asyncio.sleep(0.1)
            over.set()
        await outbox_empty(own_ground.dsn)
        await check(own_ground.dsn, made, sessions)
    print(
        f"{CALLBACKS} callbacks, {sum(node.kills for node in nodes)} kills, {platform.repeated} requests"
        f" repeated, {sum(sessions.entries.values()) - len(sessions.entries)} entries told twice"
    )


async def outbox_empty(dsn: str) -> None:
    """Whatever is still to be told has been told."""
    connection = await asyncpg.connect(dsn)
    try:
        await until(lambda: connection.fetchval("SELECT NOT EXISTS (SELECT FROM engagement.outbox)"), 30)
    finally:
        await connection.close()


async def check(dsn: str, made: set[str], sessions: Sessions) -> None:
    """Exactly once: by what the clients got, by what was dialled, and by what is stored."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT id, state, attempt, dials FROM engagement.callbacks")
    finally:
        await connection.close()
    assert len(made) == CALLBACKS, "each request is one callback, however often it was repeated"
    assert {str(row["id"]) for row in rows} == made
    assert {(row["state"], row["attempt"], row["dials"]) for row in rows} == {("COMPLETED", 1, 1)}
    assert len(sessions.dialled) == CALLBACKS
    assert set(sessions.dialled.values()) == {1}
    assert sessions.refused == []


class TestTheClock:
    """Steps of the wall clock."""

    async def test_set_back_nothing_is_started_again_and_set_forward_all_is_once(self, world: Any) -> None:
        now = world.now()
        first = [await world.book(phoneNumber=f"+1202555{n:04}", desiredTime=iso(now + 60)) for n in range(5)]
        world.move_clock(61)
        for callback in first:
            await world.entry(callback)
        world.move_clock(-7200)
        later = [
            await world.book(phoneNumber=f"+1202555{n:04}", desiredTime=iso(now + 3600)) for n in range(5, 9)
        ]
        await looked(world, 3)
        assert len(await world.entries()) == 5
        world.move_clock(7200 + 3600)
        for callback in later:
            await world.entry(callback)
        await looked(world, 3)
        started = [entry["callback_id"] for entry in await world.entries()]
        assert sorted(started) == sorted([*first, *later])


class TestCatchingUp:
    """After an outage."""

    @pytest.fixture
    def engagement_env(self) -> dict[str, str]:
        return {"RINGBACK_ENGAGEMENT_STARTS_PER_SECOND": "100", "RINGBACK_ENGAGEMENT_BATCH": "40"}

    async def test_what_was_missed_is_started_paced_and_the_oldest_first(self, world: Any) -> None:
        await world.query(MISSED_ROWS, 300)
        world.move_clock(3601)
        await until(lambda: none_scheduled(world), 30)
        await until(lambda: none_to_tell(world))
        rows = await world.harness.process.valkey.call("XRANGE", STREAM, "-", "+")
        at = [int(row[0].partition(b"-")[0]) / 1000 for row in rows]
        assert len(at) == 300
        for start in at:
            # A second's worth, half a second's worth that was saved up, and what Valkey got late.
            assert sum(start <= each < start + 1 for each in at) <= 200
        assert at[-1] - at[0] > 2.0
        numbers = [dict(zip(row[1][::2], row[1][1::2], strict=True))[b"number"] for row in rows]
        late = [
            index
            for index, (one, next_) in enumerate(zip(numbers, numbers[40:], strict=False))
            if one > next_
        ]
        assert late == [], "one that was due earlier is no more than a batch behind"


MISSED_ROWS = """
INSERT INTO engagement.callbacks (
    id, tenant, service, number, state, created_at, updated_at, heard_at, arrived_at, due_at, expires_at
)
SELECT gen_random_uuid(), 'demo', 'sales', '+1202555' || lpad(n::text, 4, '0'), 'SCHEDULED', now(), now(),
    now(), now(), now() + '30 minutes' + n * interval '1 second', now() + '1 day'
FROM generate_series(1, $1::integer) AS n
"""


async def none_scheduled(world: Any) -> bool:
    return not await world.query("SELECT 1 FROM engagement.callbacks WHERE state = 'SCHEDULED' LIMIT 1")


async def none_to_tell(world: Any) -> bool:
    return not await world.query("SELECT 1 FROM engagement.outbox LIMIT 1")


async def looked(world: Any, times: int) -> None:
    """The scheduler has looked that many times."""
    for _ in range(times):
        await world.harness["engagement"].scheduler.look()


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
