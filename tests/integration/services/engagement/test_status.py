"""The status page: who may look, and what is shown."""

import re
from typing import Any

import msgspec
import pytest

from ringback.contracts.auth import TokenReply
from ringback.runtime.http import HttpClient
from ringback.services.engagement.pages import PAGES

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


@pytest.mark.parametrize("page", PAGES)
async def test_the_page_is_one_file_that_asks_nobody_else(world: Any, page: str) -> None:
    async with world.context.http_session().get(f"{world.base}/{page}?token=x") as reply:
        text, policy = await reply.text(), reply.headers["Content-Security-Policy"]
        assert reply.content_type == "text/html"
        assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert policy.startswith("default-src 'none'")
    assert "http://" not in text
    assert "https://" not in text
    holes = {"{nonce}", "{nav}", "{body}", "{style}", "{script}", "{shared_style}", "{shared_script}"}
    assert not holes & set(re.findall(r"\{\w+\}", text))
    assert f'<a href="/{page}" aria-current="page">' in text


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


async def test_the_stream_goes_on_sending_pictures(world: Any) -> None:
    token = await link(world, "watcher", "Monitor")
    async with world.context.http_session().get(f"{world.base}/status/events?token={token}") as reply:
        assert reply.content_type == "text/event-stream"
        seen = [await reply.content.readuntil(b"\n\n") for _ in range(3)]
    pictures = [msgspec.json.decode(event.removeprefix(b"data: ")) for event in seen]
    assert pictures[0]["at"] < pictures[2]["at"]


@pytest.mark.parametrize("path", ["/status/picture", "/status/events"])
async def test_without_a_good_token_nothing_is_shown(world: Any, path: str) -> None:
    for token in ("", "?token=", "?token=guessed", "?token=" + "x" * 5000):
        status, body = await get(world, path + token)
        assert status == 401
        assert b"callbacks" not in body


async def test_a_user_without_a_role_sees_nothing(world: Any) -> None:
    token = await link(world, "nobody")
    assert (await get(world, f"/status/picture?token={token}"))[0] == 403
