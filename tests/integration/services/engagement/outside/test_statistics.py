"""Statistics: passed on with the tenant's credentials, and kept for a while."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from .conftest import Keeper, hurry

PATH = "statistics/operations/get-statistic-ex"
QUESTION = {"statistics": [{"statisticId": "1", "objectId": "sales"}]}
ACCOUNT = {"username": "stats", "password": "planted-password"}


class StatisticsForTests:
    """Takes one user; answers with how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.status = 200
        self.hold: asyncio.Event | None = None
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        if self.hold is not None:
            await self.hold.wait()
        expected = "Basic " + base64.b64encode(b"stats:planted-password").decode()
        if request.headers.get("Authorization") != expected:
            return web.json_response({"status": {"code": 3}}, status=401)
        self.asked.append((request.method, request.query_string, await request.read()))
        return web.json_response({"status": {"code": 0}, "asked": len(self.asked)}, status=self.status)


@pytest.fixture
async def service() -> AsyncIterator[StatisticsForTests]:
    double = StatisticsForTests()
    app = web.Application()
    app.router.add_route("*", "/statistics/v3/operations/get-statistic-ex", double.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    double.url = f"http://127.0.0.1:{runner.addresses[0][1]}/statistics/v3/operations/get-statistic-ex"
    yield double
    await runner.cleanup()


@pytest.fixture
def engagement_env(service: StatisticsForTests) -> dict[str, str]:
    return {"RINGBACK_ENGAGEMENT_STATISTICS_URL": service.url}


@pytest.fixture(autouse=True)
async def account(keeper: Keeper) -> None:
    await keeper.put("statistics", "gws", ACCOUNT)


@pytest.fixture
def clock(world: Any, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds by which the service's clock for durations is ahead."""
    ahead = [0.0]
    ctx = world.harness["engagement"].ctx
    before = ctx.monotonic
    monkeypatch.setattr(ctx, "monotonic", lambda: before() + ahead[0])
    return ahead


async def ask(
    world: Any, question: object = QUESTION, method: str = "POST", **headers: str
) -> tuple[int, Any]:
    status, body = await world.api(method, PATH, question, **headers)
    return status, body


async def number(world: Any, **headers: str) -> int:
    status, body = await ask(world, **headers)
    assert status == 200, body
    asked: int = body["asked"]
    return asked


async def test_the_question_is_passed_on_and_the_answer_is_raw(
    world: Any, service: StatisticsForTests
) -> None:
    assert await ask(world) == (200, {"status": {"code": 0}, "asked": 1})
    method, _, body = service.asked[0]
    assert (method, body) == ("POST", b'{"statistics":[{"statisticId":"1","objectId":"sales"}]}')


async def test_the_older_form_with_get_is_passed_on(world: Any, service: StatisticsForTests) -> None:
    status, _ = await world.api("GET", f"{PATH}?statisticId=1")
    assert status == 200
    assert service.asked == [("GET", "statisticId=1", b"")]


async def test_an_answer_is_kept_for_five_minutes(world: Any, clock: list[float]) -> None:
    assert await number(world) == 1
    clock[0] += 299.0
    assert await number(world) == 1
    clock[0] += 2.0
    assert await number(world) == 2


async def test_another_question_is_asked_anew(world: Any) -> None:
    await number(world)
    assert (await ask(world, {"statistics": []}))[1]["asked"] == 2


async def test_a_client_gets_nothing_older_than_it_says(world: Any, clock: list[float]) -> None:
    assert await number(world, Cache_Control="max-age=60") == 1
    clock[0] += 59.0
    assert await number(world, Cache_Control="max-age=60") == 1
    clock[0] += 2.0
    assert await number(world, Cache_Control="no-transform, max-age=60") == 2


async def test_an_age_under_15_seconds_counts_as_15(world: Any, clock: list[float]) -> None:
    assert await number(world, Cache_Control="max-age=0") == 1
    clock[0] += 14.0
    assert await number(world, Cache_Control="max-age=0") == 1
    clock[0] += 2.0
    assert await number(world, Cache_Control="max-age=0") == 2


async def test_an_age_over_five_minutes_counts_as_five_minutes(world: Any, clock: list[float]) -> None:
    assert await number(world) == 1
    clock[0] += 301.0
    assert await number(world, Cache_Control="max-age=9999") == 2


async def test_many_who_ask_the_same_at_once_are_one_question(
    world: Any, service: StatisticsForTests
) -> None:
    answers = await asyncio.gather(*[number(world) for _ in range(20)])
    assert answers == [1] * 20
    assert len(service.asked) == 1


async def test_wrong_credentials_are_401_and_a_new_password_is_tried_at_once(
    world: Any, keeper: Keeper
) -> None:
    await keeper.put("statistics", "gws", {**ACCOUNT, "password": "wrong"})
    status, envelope = await ask(world)
    assert (status, envelope["status"]["code"]) == (401, 40151)
    await keeper.put("statistics", "gws", ACCOUNT)
    assert await number(world) == 1


async def test_no_credentials_are_401(world: Any, keeper: Keeper) -> None:
    await keeper.delete("statistics", "gws")
    status, envelope = await ask(world)
    assert (status, envelope["status"]["code"]) == (401, 40151)


async def test_a_failure_is_500_and_is_not_kept(world: Any, service: StatisticsForTests) -> None:
    service.status = 502
    status, envelope = await ask(world)
    assert (status, envelope["status"]["code"]) == (500, 50051)
    service.status = 200
    assert await number(world) == 2


async def test_silence_is_500(world: Any, service: StatisticsForTests) -> None:
    service.hold = asyncio.Event()
    hurry(world, statistics_timeout_s=0.5)
    status, envelope = await ask(world)
    assert (status, envelope["status"]["code"]) == (500, 50051)
    service.hold.set()


async def test_without_an_api_key_nothing_is_asked(world: Any, service: StatisticsForTests) -> None:
    status, _ = await world.api("POST", PATH, QUESTION, key="")
    assert status == 401
    assert service.asked == []


async def test_failures_are_counted_by_their_published_names(
    world: Any, keeper: Keeper, service: StatisticsForTests, capfd: pytest.CaptureFixture[str]
) -> None:
    service.status = 500
    await ask(world)
    await keeper.put("statistics", "gws", {**ACCOUNT, "password": "planted-wrong"})
    await ask(world)
    async with world.context.http_session().get(f"{world.base}/metrics") as reply:
        text = await reply.text()
    assert "\nGWS_SERVER_ERROR 1.0" in text
    assert "\nGWS_INCORRECT_CLIENT_CREDENTIALS 1.0" in text
    out, err = capfd.readouterr()
    assert "planted" not in out + err
