"""The pages for people, and the picture of the platform: who may look, and what is shown."""

import re
from typing import Any

import msgspec

from ringback.contracts.auth import TokenReply
from ringback.runtime.http import HttpClient
from ringback.services.engagement.pages import ADDRESSES

from .conftest import until


async def link(world: Any, user: str, *roles: str) -> str:
    configuration = HttpClient(world.context, "auth", "configuration")
    await configuration.post("/configuration/v3/users", {"tenant": "demo", "user": user, "roles": roles})
    auth = HttpClient(world.context, "auth")
    reply = await auth.post("/auth/v3/links", {"tenant": "demo", "user": user}, TokenReply)
    return reply.access_token


async def get(world: Any, path: str) -> tuple[int, bytes]:
    async with world.context.http_session().get(world.base + path) as reply:
        return reply.status, await reply.read()


async def test_every_address_gives_the_page_which_asks_nobody_else_and_runs_nothing_inline(
    world: Any,
) -> None:
    pages = [await page(world, address.format(room="agents")) for address in ADDRESSES]
    assert len({text for text, _ in pages}) == 1
    text, headers = pages[0]
    assert headers["Referrer-Policy"] == "no-referrer"
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "nonce" not in policy
    for told in ("http://", "https://", "<style", "<script>", "onclick", "{"):
        assert told not in text, told


async def page(world: Any, address: str) -> tuple[str, Any]:
    async with world.context.http_session().get(f"{world.base}{address}?token=x") as reply:
        assert (reply.status, reply.content_type) == (200, "text/html")
        return await reply.text(), reply.headers


async def test_a_file_of_the_page_is_kept_by_its_name_and_others_are_not_there(world: Any) -> None:
    text, _ = await page(world, "/console")
    names = set(re.findall(r'"(/web/[^"]+)"', text))
    assert {name.rpartition(".")[2] for name in names} == {"js", "css"}
    for name in names:
        async with world.context.http_session().get(world.base + name) as reply:
            assert reply.status == 200
            assert reply.content_type in {"text/javascript", "text/css"}
            assert "immutable" in reply.headers["Cache-Control"]
    one = next(iter(names))
    for wrong in ("/web/0/main.js", one + "x", one.rpartition("/")[0] + "/..%2fservice.py"):
        assert (await get(world, wrong))[0] == 404, wrong


async def test_the_picture_shows_services_connections_and_callbacks_with_masked_numbers(world: Any) -> None:
    callback = await world.book()
    token = await link(world, "watcher", "Monitor")

    async def all_beating() -> Any:
        status, body = await get(world, f"/status/picture?token={token}")
        assert status == 200
        assert b"12025550123" not in body
        picture = msgspec.json.decode(body)
        there = {service["name"] for service in picture["services"]}
        return picture if {"auth", "engagement"} <= there else None

    picture = await until(all_beating)
    assert len(picture["connections"]) == 77
    [line] = picture["callbacks"]
    assert (line["id"], line["state"], line["number"]) == (callback, "QUEUED", "+12•••••••23")
    assert picture["queues"] == []
    assert picture["agents"] is None, "agent_state does not run here: its part is said to be away"


async def test_without_a_good_token_nothing_is_shown(world: Any) -> None:
    for token in ("", "?token=", "?token=guessed", "?token=" + "x" * 5000):
        status, body = await get(world, "/status/picture" + token)
        assert status == 401
        assert b"callbacks" not in body


async def test_a_token_may_come_as_a_bearers_which_no_log_of_addresses_keeps(world: Any) -> None:
    token = await link(world, "watcher", "Monitor")
    for given, status in ((token, 200), ("guessed", 401)):
        headers = {"Authorization": f"Bearer {given}"}
        async with world.context.http_session().get(f"{world.base}/status/picture", headers=headers) as reply:
            assert reply.status == status


async def test_a_user_without_a_role_sees_nothing(world: Any) -> None:
    token = await link(world, "nobody")
    assert (await get(world, f"/status/picture?token={token}"))[0] == 403
