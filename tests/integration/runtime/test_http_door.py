"""Connections that ask for nothing, ask slowly, or do not take their answer; on real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest
from prometheus_client import generate_latest

from ringback.runtime import http_door, unread
from ringback.runtime.context import Context
from ringback.runtime.http import HttpRequest, HttpResponse, HttpServer
from ringback.runtime.http_door import HttpDoor
from ringback.runtime.published import Published
from ringback.testing.servers import private_host

ONE, OTHER = private_host(), private_host()
LIMIT_S = 10.0
PING = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 8 * 1024 * 1024


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tenths of seconds in place of tens."""
    for name, seconds in (("HEAD_S", 0.5), ("IDLE_S", 0.7), ("ROUND_S", 0.1)):
        monkeypatch.setattr(http_door, name, seconds)
    monkeypatch.setattr(unread, "UNREAD_S", 0.5)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what is not about time."""
    for name in ("HEAD_S", "IDLE_S"):
        monkeypatch.setattr(http_door, name, 60.0)


@asynccontextmanager
async def serving(ctx: Context, **settings: object) -> AsyncIterator[HttpServer]:
    async def ping(_request: HttpRequest) -> HttpResponse:
        return HttpResponse({"pong": True})

    async def large(_request: HttpRequest) -> HttpResponse:
        return HttpResponse(b"x" * LARGE, content_type="application/octet-stream")

    ctx.process.common = msgspec.structs.replace(ctx.common, **settings)
    server = HttpServer(ctx)
    server.route("GET", "/ping", ping, public=True)
    server.route("GET", "/large", large, public=True)
    await server.start()
    yield server
    await server.stop()


def door(ctx: Context) -> HttpDoor:
    return ctx.http_doors["http"]


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def says(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> bytes:
        """The first line of the answer; empty when the connection ends without one."""
        try:
            async with asyncio.timeout(LIMIT_S):
                return await self.reader.readline()
        except ConnectionError:
            return b""

    def close(self) -> None:
        self.writer.transport.abort()


async def connect(server: HttpServer, address: str = ONE, buffer: int = 0) -> Client:
    sock = socket.socket()
    if buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    sock.setblocking(False)
    sock.bind((address, 0))
    await asyncio.get_running_loop().sock_connect(sock, server.address)
    return Client(*await asyncio.open_connection(sock=sock, limit=buffer or 2**16))


async def crowd(stack: AsyncExitStack, server: HttpServer, number: int, address: str = ONE) -> list[Client]:
    clients = [await connect(server, address) for _ in range(number)]
    for client in clients:
        stack.callback(client.close)
    return clients


async def comes(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.02)


async def answers(server: HttpServer, address: str = OTHER) -> bool:
    """Whether somebody else is served."""
    client = await connect(server, address)
    await client.says(PING)
    served = await client.head() == b"HTTP/1.1 200 OK\r\n"
    client.close()
    return served


async def test_2000_connections_that_ask_for_nothing_leave_room_for_others_and_have_to_go(
    ctx: Context, monkeypatch: pytest.MonkeyPatch, unhurried: None
) -> None:
    async with serving(ctx) as server, AsyncExitStack() as stack:
        clients = await crowd(stack, server, 2000)
        assert [await client.head() for client in clients[500:510]] == [
            b"HTTP/1.1 503 Service Unavailable\r\n"
        ] * 10
        await comes(lambda: door(ctx).turned_away["too_many_of_one_address"] == 1500)
        assert door(ctx).open == 500
        assert await answers(server)
        assert not await answers(server, ONE)
        ctx.metrics.register(Published(ctx))
        told = generate_latest(ctx.metrics).decode()
        assert 'http_server_connections{listener="http"} 500.0' in told
        assert 'turned_away_total{listener="http",reason="too_many_of_one_address"} 1501.0' in told
        monkeypatch.setattr(http_door, "HEAD_S", 0.0)
        await comes(lambda: door(ctx).open == 0)
        assert door(ctx).turned_away["no_request"] == 500
        assert await answers(server, ONE)


async def test_who_has_asked_for_nothing_goes_first_where_there_is_no_room(
    ctx: Context, unhurried: None
) -> None:
    async with serving(ctx, http_connections=4) as server, AsyncExitStack() as stack:
        asking = await crowd(stack, server, 2, OTHER)
        for client in asking:
            await client.says(PING)
            assert await client.head() == b"HTTP/1.1 200 OK\r\n"
        first, second = await crowd(stack, server, 2)
        assert await answers(server)
        assert await first.head() == b""
        await comes(lambda: door(ctx).open == 3)
        for client in (second, *(await crowd(stack, server, 1))):
            await client.says(PING)
            assert await client.head() == b"HTTP/1.1 200 OK\r\n"
        assert not await answers(server)  # all four have asked
        for client in asking:
            await client.says(PING)
            assert await client.head()


@pytest.mark.parametrize("settings", [{"http_proxies": (ONE,)}, {}])
async def test_a_proxy_that_is_named_may_have_any_number(
    ctx: Context, settings: dict[str, object], unhurried: None
) -> None:
    async with serving(ctx, http_connections_of_one=3, **settings) as server, AsyncExitStack() as stack:
        for client in await crowd(stack, server, 3):
            await client.says(PING)
        assert await answers(server, ONE) == bool(settings)


async def test_a_head_that_comes_byte_by_byte_has_its_time(ctx: Context) -> None:
    """RFC 9112 9.5; the clock does not begin again with each byte, nor in the second request."""
    async with serving(ctx) as server, AsyncExitStack() as stack:
        client, again = await crowd(stack, server, 2)
        await again.says(PING)
        for byte in b"GET /ping HTTP/1.1\r\nX: " + b"y" * 1000:
            if not door(ctx).open:
                break
            for slow in (client, again):
                if not slow.writer.transport.is_closing():
                    slow.writer.write(bytes([byte]))
            await asyncio.sleep(0.02)
        assert door(ctx).open == 0
        assert door(ctx).turned_away == {"no_request": 1}  # aiohttp closes the other one by itself


@pytest.mark.parametrize("by_the_kernel", [True, False])
async def test_an_answer_that_nobody_reads_is_given_up(
    ctx: Context, monkeypatch: pytest.MonkeyPatch, by_the_kernel: bool
) -> None:
    if not by_the_kernel:
        monkeypatch.setattr(unread, "give_up_when_unread", lambda transport: None)
    async with serving(ctx) as server, AsyncExitStack() as stack:
        for _ in range(20):
            client = await connect(server, buffer=4096)
            stack.callback(client.close)
            await client.says(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await answers(server)
        await comes(lambda: door(ctx).open == 0)  # none of them has closed


async def test_an_answer_that_is_read_slowly_comes_whole(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unread, "UNREAD_S", 10.0)  # a busy machine may not read for a while, too
    async with serving(ctx) as server, AsyncExitStack() as stack:
        client = await connect(server, buffer=65536)
        stack.callback(client.close)
        await client.says(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        got = 0
        while data := await asyncio.wait_for(client.reader.read(256 * 1024), LIMIT_S):
            got += len(data)
            await asyncio.sleep(0.01)
        assert got > LARGE
        assert not door(ctx).turned_away


async def test_a_head_that_is_too_large_is_refused(ctx: Context) -> None:
    """RFC 6585 5: a line of more than 8 KiB, more than 128 headers."""
    async with serving(ctx) as server:
        for head in (b"X: " + b"y" * 9000 + b"\r\n", b"".join(b"X-%d: y\r\n" % each for each in range(200))):
            client = await connect(server)
            await client.says(b"GET /ping HTTP/1.1\r\n" + head + b"\r\n")
            assert (await client.head()).split()[1] in (b"400", b"431")
            client.close()
