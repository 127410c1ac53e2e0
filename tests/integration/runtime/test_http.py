import asyncio
from collections.abc import AsyncIterator

import aiohttp
import msgspec
import pytest

from ringback.runtime import http_server
from ringback.runtime.addresses import Addresses
from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient, HttpError, HttpFailure, HttpRequest, HttpServer, HttpUnavailable


class Question(msgspec.Struct):
    a: int


class Answer(msgspec.Struct):
    sum: int


@pytest.fixture
async def server(ctx: Context) -> AsyncIterator[HttpServer]:
    async def add(request: HttpRequest) -> Answer:
        return Answer(request.decode(Question).a + 1)

    async def refuse(_request: HttpRequest) -> None:
        raise HttpError(409, "wrong_state", "not now")

    async def fail(_request: HttpRequest) -> None:
        raise ValueError("a mistake of ours")

    running = HttpServer(ctx)
    running.route("POST", "/add", add, public=True, max_bytes=100)
    running.route("POST", "/internal", add)
    running.route("GET", "/refuse", refuse, public=True)
    running.route("GET", "/fail", fail, public=True)
    for method in ("GET", "PUT"):
        running.route(method, "/items/{item}", refuse, public=True)
    await running.start()
    ctx.process.addresses = Addresses(ctx.common, {"RINGBACK_CONFIG_PORT": str(running.address[1])})
    yield running
    await running.stop()


async def test_a_struct_goes_and_a_struct_comes_back(server: HttpServer, ctx: Context) -> None:
    assert (await HttpClient(ctx, "config").post("/add", Question(1), Answer)).sum == 2


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        (b"not json", 400, "not_json"),
        (b"\xff\xfe", 400, "not_json"),
        (b'{"a":"text"}', 400, "invalid_body"),
        (b'{"a":1,"pad":"' + b"x" * 200 + b'"}', 413, "too_large"),
    ],
)
async def test_a_bad_body_is_refused_with_its_reason(
    server: HttpServer, ctx: Context, body: bytes, status: int, slug: str
) -> None:
    with pytest.raises(HttpFailure) as caught:
        await HttpClient(ctx, "config").request("POST", "/add", body)
    assert (caught.value.status, caught.value.slug) == (status, slug)


async def test_a_body_that_does_not_come_is_waited_for_only_so_long(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "_BODY_S", 0.05)
    reader, writer = await asyncio.open_connection(*server.address)
    writer.write(b'POST /add HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{"a"')
    assert b" 408 " in await asyncio.wait_for(reader.readline(), 20)
    writer.close()


async def test_an_unknown_field_is_ignored(server: HttpServer, ctx: Context) -> None:
    assert (await HttpClient(ctx, "config").post("/add", {"a": 1, "later": True}, Answer)).sum == 2


async def test_a_refusal_carries_slug_and_correlation_id(server: HttpServer) -> None:
    host, port = server.address
    async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{port}/refuse") as response:
        body = await response.json()
    assert (response.status, body["error"]) == (409, "wrong_state")
    assert len(body["corr_id"]) == 36


async def test_a_mistake_of_ours_is_a_500_without_its_text(server: HttpServer) -> None:
    host, port = server.address
    async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{port}/fail") as response:
        text = await response.text()
    assert response.status == 500
    assert "a mistake of ours" not in text


async def test_a_path_of_our_own_asks_for_the_secret(server: HttpServer, ctx: Context) -> None:
    assert (await HttpClient(ctx, "config").post("/internal", Question(1), Answer)).sum == 2
    host, port = server.address
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://{host}:{port}/internal", json={"a": 1}) as response,
    ):
        assert response.status == 401


async def test_the_secret_goes_to_no_address_outside(server: HttpServer, ctx: Context) -> None:
    outside = HttpClient(ctx, "config", base_url="http://{}:{}".format(*server.address))
    with pytest.raises(HttpFailure, match="no_cluster_secret"):
        await outside.post("/internal", Question(1))


async def test_a_request_is_counted_on_both_sides(server: HttpServer, ctx: Context) -> None:
    await HttpClient(ctx, "config", connection="voice-28").post("/add", Question(1))
    text = (await HttpClient(ctx, "config").request("GET", "/metrics")).body.decode()
    assert 'messages_total{connection="voice-28",direction="sent"} 1.0' in text
    assert 'messages_total{connection="voice-28",direction="received"} 1.0' in text


async def test_ready_says_what_is_missing(server: HttpServer, ctx: Context) -> None:
    with pytest.raises(HttpFailure) as caught:
        await HttpClient(ctx, "config").get("/ready")
    assert caught.value.status == 503
    ctx.ready = True
    assert (await HttpClient(ctx, "config").get("/ready"))["checks"] == {"valkey": True}


@pytest.mark.parametrize(
    ("method", "path", "status", "slug", "allow"),
    [
        ("GET", "/nowhere", 404, "path-unknown", None),
        ("PUT", "/health/more", 404, "path-unknown", None),
        ("GET", "/add", 405, "method-not-allowed", "POST"),
        ("HEAD", "/add", 405, "method-not-allowed", "POST"),
        ("DELETE", "/items/7", 405, "method-not-allowed", "GET, PUT"),
        ("POST", "/add", 413, "too_large", None),
    ],
)
async def test_what_no_route_serves_is_refused_in_our_own_form(
    server: HttpServer, method: str, path: str, status: int, slug: str, allow: str | None
) -> None:
    host, port = server.address
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"http://{host}:{port}{path}", data=b"x" * 200) as reply,
    ):
        assert (reply.status, reply.headers.get("Allow")) == (status, allow)
        assert reply.content_type == "application/json"
        if method != "HEAD":
            body = await reply.json()
            assert body["error"] == slug
            assert body["message"] and body["corr_id"]


async def test_nobody_there_is_unavailable(ctx: Context) -> None:
    ctx.process.addresses = Addresses(ctx.common, {"RINGBACK_CONFIG_PORT": "1"})
    with pytest.raises(HttpUnavailable):
        await HttpClient(ctx, "config").get("/health")


async def test_a_path_is_escaped_and_a_header_stays_one_line(server: HttpServer, ctx: Context) -> None:
    client = HttpClient(ctx, "config")
    with pytest.raises(HttpFailure) as caught:
        await client.get("/ref use\r\nX: y/ü/%2F/../x")
    assert caught.value.status == 404
    with pytest.raises(ValueError, match="one line"):
        await client.request("GET", "/refuse", headers={"X": "a\r\nY: b"})
    reply = await client.request("GET", "/health")
    assert reply.headers["content-type"].startswith("application/json")
