"""Limits of keys, slower answers to guesses, and the headers of every answer."""

from typing import Any

import pytest


@pytest.fixture
def engagement_env() -> dict[str, str]:
    return {
        "RINGBACK_ENGAGEMENT_KEY_RATE": "0.001",
        "RINGBACK_ENGAGEMENT_KEY_BURST": "20",
        "RINGBACK_ENGAGEMENT_FLOOD_TOLERANCE": "5",
    }


async def metrics(world: Any) -> str:
    async with world.context.http_session().get(f"{world.base}/metrics") as reply:
        text: str = await reply.text()
        return text


async def test_a_key_that_sends_too_much_is_refused_until_it_may_again_and_others_are_not(
    world: Any, office: Any
) -> None:
    chief = await office.user("chief", "Administrator")
    other = (await chief.post("keys", {"name": "small", "rate": 0.01, "burst": 2}))["key"]

    async def ask(key: str) -> tuple[int, str | None, dict[str, Any]]:
        url = f"{world.base}/engagement/v3/callbacks/open-for/sales"
        async with world.context.http_session().get(url, headers={"x-api-key": key}) as reply:
            return reply.status, reply.headers.get("Retry-After"), await reply.json()

    statuses = [(await ask(other))[0] for _ in range(3)]
    assert statuses == [200, 200, 429]
    _, after, envelope = await ask(other)
    assert envelope["status"]["code"] == 42903
    assert 0 < int(str(after)) <= 100
    assert [(await ask(world.key))[0] for _ in range(21)] == [200] * 20 + [429]
    text = await metrics(world)
    assert 'ringback_rate_limited_total{key="small",tenant="demo"} 2.0' in text


async def test_guesses_are_slowed_and_stay_guesses(world: Any, office: Any) -> None:
    for _ in range(7):
        assert (await world.api("GET", "callbacks/open-for/sales", key="guessed"))[0] == 401
    assert "ringback_refusals_slowed_total 2.0" in await metrics(world)
    assert (await world.api("GET", "callbacks/open-for/sales"))[0] == 200


@pytest.mark.parametrize(
    "path",
    ["/", "/health", "/metrics", "/engagement/v3/nothing", "/api/v1/me", "/api/v1/openapi.json", "/nothing"],
)
async def test_every_answer_bears_the_headers_that_browsers_mind(world: Any, path: str) -> None:
    async with world.context.http_session().get(world.base + path) as reply:
        headers = reply.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Server"] == "Ringback"


async def test_a_body_over_the_limit_is_refused(world: Any, office: Any) -> None:
    boss = await office.user("boss", "Supervisor")
    status, refused = await boss.ask("POST", "callbacks/cancel", b"[" + b" " * 70_000)
    assert (status, refused["error"]) == (413, "too_large")
