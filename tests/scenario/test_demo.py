"""The demo tenant and the scripted people in it."""

import asyncio
from contextlib import suppress

import pytest

from ringback.testing.check_world import World, until
from ringback.testing.demo import Demo
from ringback.testing.demo_load import load_demo
from ringback.testing.demo_tenant import SCRIPTED_PHONES
from ringback.testing.platform import ServiceHarness
from ringback.testing.scene import Scene

pytestmark = pytest.mark.timeout(150)
AGENTS = ("ada", "ben", "cleo", "dan", "eva", "finn")


async def test_a_second_start_finds_the_tenant_as_it_is(platform: ServiceHarness, scene: Scene) -> None:
    config = await scene.world.link("config", "voice-4")
    renamed = {"id": "kim", "name": "Kim, renamed by an administrator"}
    await config.call("write", {"tenant": "demo", "kind": "persons", "object": renamed})
    assert await load_demo(platform.context("administrator")) == scene.world.secrets
    found = await config.call("read", {"tenant": "demo", "kind": "persons", "id": "kim"})
    assert found["body"]["name"] == "Kim, renamed by an administrator"


async def test_a_phone_whose_password_is_not_the_kept_one_gets_it_again(
    platform: ServiceHarness, scene: Scene
) -> None:
    config = await scene.world.link("config", "voice-4")
    key = {"tenant": "demo", "kind": "dns", "id": "1002"}
    before = await config.call("read", key)
    changed = {**before["body"], "ha1_md5": "0" * 32}
    await config.call("write", {"tenant": "demo", "kind": "dns", "object": changed})
    await load_demo(platform.context("administrator"))
    assert (await config.call("read", key))["body"] == before["body"]


async def test_the_scripted_people_are_busy_and_leave_quietly(platform: ServiceHarness, scene: Scene) -> None:
    world = scene.world
    playing = asyncio.create_task(Demo(platform.context("demo"), pace=4.0, seed=7).run())
    try:
        await until(lambda: _states(world), lambda seen: len(seen) == len(SCRIPTED_PHONES), 20.0)
        await until(lambda: _states(world), lambda seen: "talking" in seen.values(), 30.0)
    finally:
        playing.cancel()
        with suppress(asyncio.CancelledError):
            await playing
    await until(lambda: _states(world), lambda seen: not seen, 20.0)


async def _states(world: World) -> dict[str, str]:
    """The scripted agents who are logged in, and what they do."""
    views = await asyncio.gather(*(world.agent(agent) for agent in AGENTS))
    return {view.agent_id: view.state for view in views if view.state != "logged_out"}
