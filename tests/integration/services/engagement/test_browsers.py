"""Pages of other servers: who may call the public API from a browser."""

from typing import Any

import pytest

SHOP, OTHER = "https://shop.example", "https://other.example"
ALLOW = "Access-Control-Allow-Origin"


@pytest.fixture
def engagement_env() -> dict[str, str]:
    return {"RINGBACK_ENGAGEMENT_CORS_ORIGINS": f"{SHOP}/, http://localhost:8080"}


async def ask(world: Any, method: str, path: str, **headers: str) -> tuple[int, Any]:
    session = world.context.http_session()
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with session.request(method, f"{world.base}/{path}", headers=sent) as reply:
        await reply.read()
        return reply.status, reply.headers


async def test_a_named_origin_may_ask_and_read_answers_and_refusals(world: Any) -> None:
    path = "engagement/v3/callbacks/open-for/sales"
    status, headers = await ask(world, "OPTIONS", path, Origin=SHOP, Access_Control_Request_Method="GET")
    assert (status, headers[ALLOW], headers["Vary"]) == (204, SHOP, "Origin")
    assert "x-api-key" in headers["Access-Control-Allow-Headers"]
    for key, expected in ((world.key, 200), ("wrong", 401)):
        status, headers = await ask(world, "GET", path, Origin=SHOP, x_api_key=key)
        assert (status, headers[ALLOW]) == (expected, SHOP)
    status, headers = await ask(world, "GET", "engagement/v3/nothing", Origin=SHOP, x_api_key=world.key)
    assert (status, headers[ALLOW]) == (404, SHOP)


async def test_nobody_else_may_and_nothing_but_the_public_api(world: Any) -> None:
    path = "engagement/v3/callbacks/open-for/sales"
    status, headers = await ask(world, "OPTIONS", path, Origin=OTHER)
    assert (status, ALLOW in headers) == (403, False)
    status, headers = await ask(world, "GET", path, Origin=OTHER, x_api_key=world.key)
    assert (status, ALLOW in headers, headers["Vary"]) == (200, False, "Origin")
    status, headers = await ask(world, "GET", "api/v1/me", Origin=SHOP)
    assert (status, ALLOW in headers) == (401, False)


class TestWithoutTheSetting:
    @pytest.fixture
    def engagement_env(self) -> dict[str, str]:
        return {}

    async def test_no_page_of_another_server_may_call(self, world: Any) -> None:
        path = "engagement/v3/callbacks/open-for/sales"
        status, headers = await ask(world, "OPTIONS", path, Origin=SHOP)
        assert (status, ALLOW in headers) == (401, False)
        status, headers = await ask(world, "GET", path, Origin=SHOP, x_api_key=world.key)
        assert (status, ALLOW in headers, "Vary" in headers) == (200, False, False)
