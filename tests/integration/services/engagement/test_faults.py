"""PostgreSQL and Valkey away and back again: refused or kept, never lost."""

import asyncio
from typing import Any

import pytest

from .ground import Ground

BODY = {"serviceName": "sales", "phoneNumber": "+12025550123"}


@pytest.fixture
def ground(own_ground: Ground) -> Ground:
    """Here servers are stopped: nothing is shared."""
    return own_ground


@pytest.fixture
def engagement_env() -> dict[str, str]:
    """Every request asks whose key it is, so that nothing rests on what is remembered."""
    return {"RINGBACK_ENGAGEMENT_KEY_CACHE_S": "0"}


async def ready(world: Any) -> bool:
    async with world.context.http_session().get(f"{world.base}/ready") as reply:
        return bool(reply.status == 200)


async def wait_ready(world: Any, wanted: bool) -> None:
    async with asyncio.timeout(15):
        while await ready(world) is not wanted:
            await asyncio.sleep(0.05)


async def test_without_postgresql_nothing_is_acknowledged_and_what_was_is_kept(world: Any) -> None:
    kept = await world.book()
    await world.entry(kept)
    await world.postgres.server.stop()
    try:
        for method, path, body in (
            ("POST", "callbacks/create", BODY),
            ("POST", "callbacks/retrieve", {"id": kept}),
            ("POST", "callbacks/cancel", {"id": kept}),
        ):
            status, envelope = await world.api(method, path, body)
            assert (status, envelope["status"]["code"]) == (503, 50301), envelope
            assert envelope["status"]["corrId"]
        await wait_ready(world, False)
    finally:
        await world.postgres.server.start()
    await wait_ready(world, True)
    assert (await world.retrieve(kept))["callbackState"] == "QUEUED"
    later = await world.book()
    await world.entry(later)
    assert len(await world.query("SELECT 1 FROM engagement.callbacks")) == 2


async def test_without_valkey_what_is_acknowledged_is_started_when_it_is_back(world: Any) -> None:
    await world.valkey.server.stop()
    try:
        await wait_ready(world, False)
        callback = await world.book()
        async with world.context.http_session().get(f"{world.base}/metrics") as reply:
            assert "\nREDIS_CONNECTION 1.0\n" in await reply.text()
    finally:
        await world.valkey.server.start()
    await wait_ready(world, True)
    await world.entry(callback)
    async with asyncio.timeout(10):
        while await world.query("SELECT 1 FROM engagement.outbox"):
            await asyncio.sleep(0.05)
    assert len(await world.entries()) == 1


async def test_without_orchestration_a_stop_is_told_when_it_is_back(world: Any) -> None:
    callback = await world.book()
    await world.peers.stop()
    await world.cancel(callback)
    assert (await world.retrieve(callback))["callbackReason"] == "CANCELLED"
    async with asyncio.timeout(10):
        while not await world.query("SELECT 1 FROM engagement.outbox WHERE next_try_at > now()"):
            await asyncio.sleep(0.05)
    await world.peers.start(world.harness)
    world.move_clock(3)
    async with asyncio.timeout(10):
        while not world.peers.events:
            await asyncio.sleep(0.05)
    assert world.peers.events == [(f"cb-{callback}-1", "callback.cancel")]


async def test_without_the_environment_service_a_known_key_stays_good_and_an_unknown_one_is_a_503(
    world: Any,
) -> None:
    await world.book()
    await world.auth["auth"].stop()
    await world.book()
    status, envelope = await world.api("POST", "callbacks/create", BODY, key="never seen")
    assert (status, envelope["status"]["code"]) == (503, 50301)
