"""Requests between services, against servers that do everything a server may do (RFC 9110, RFC 9112)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from ringback.runtime.http_wire import Address, HttpWires, Unreached
from ringback.testing.servers import private_host

Say = Callable[[asyncio.StreamWriter, int], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Server:
    """Answers the n-th request as it is told."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self.connections = 0
        self.requests = 0
        self.most = 0
        self._now = 0
        self.ended = asyncio.Event()
        self.writers: list[asyncio.StreamWriter] = []

    async def start(self) -> Address:
        self.server = await asyncio.start_server(self._serve, private_host(), 0)
        STARTED.append(self)
        host, port = self.server.sockets[0].getsockname()
        return host, port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                self.requests += 1
                self._now += 1
                self.most = max(self.most, self._now)
                await self._say(writer, self.requests)
                self._now -= 1
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            self.ended.set()


STARTED: list[Server] = []


@pytest.fixture
async def wires() -> AsyncIterator[HttpWires]:
    found = HttpWires()
    yield found
    found.close()
    for server in STARTED:
        server.server.close()
        for writer in server.writers:
            writer.transport.abort()
    STARTED.clear()
    await asyncio.sleep(0.01)  # connections end in the next turns of the loop


async def saying(*parts: bytes) -> tuple[Server, Address]:
    async def say(writer: asyncio.StreamWriter, _n: int) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)

    server = Server(say)
    return server, await server.start()


async def test_one_connection_carries_one_request_after_another(wires: HttpWires) -> None:
    server, address = await saying(OK)
    for _ in range(3):
        answer = await wires.ask(address, ASK, 5.0, safe=True)
        assert (answer.status, answer.body, answer.headers) == (200, b"ok", [(b"Content-Length", b"2")])
    assert (server.connections, server.requests) == (1, 3)


async def test_answers_in_pieces_chunks_and_after_an_interim_one_are_whole(wires: HttpWires) -> None:
    """RFC 9112 7.1, RFC 9110 15.2."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    for parts in ([b"HTTP/1.1 100 Continue\r\n\r\n", chunked], [chunked[:20], chunked[20:48], chunked[48:]]):
        _, address = await saying(*parts)
        for _ in range(2):
            assert (await wires.ask(address, ASK, 5.0, safe=True)).body == b"abc"


async def test_a_connection_that_the_other_side_closes_is_not_used_again(wires: HttpWires) -> None:
    """RFC 9112 9.6."""
    server, address = await saying(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    for _ in range(2):
        assert (await wires.ask(address, ASK, 5.0, safe=False)).status == 204
    assert server.connections == 2


async def test_what_was_sent_into_a_closing_connection_goes_again_only_when_that_is_safe(
    wires: HttpWires,
) -> None:
    """RFC 9110 9.2.2, RFC 9112 9.3.1."""

    async def say(writer: asyncio.StreamWriter, n: int) -> None:
        if n % 2:
            writer.write(OK)
        else:
            writer.transport.abort()

    server = Server(say)
    address = await server.start()
    assert (await wires.ask(address, ASK, 5.0, safe=True)).status == 200
    assert (await wires.ask(address, ASK, 5.0, safe=True)).status == 200
    assert server.requests == 3
    with pytest.raises(ConnectionError):
        await wires.ask(address, ASK, 5.0, safe=False)


@pytest.mark.parametrize("said", [b"SIP/2.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"])
async def test_an_answer_that_is_not_http_is_no_answer(wires: HttpWires, said: bytes) -> None:
    server, address = await saying(said)
    with pytest.raises(ConnectionError):
        await wires.ask(address, ASK, 5.0, safe=True)
    assert server.requests == 1


async def test_more_than_was_asked_for_closes_the_connection(wires: HttpWires) -> None:
    server, address = await saying(OK)
    await wires.ask(address, ASK, 5.0, safe=True)
    server.writers[0].write(OK)
    async with asyncio.timeout(20):
        await server.ended.wait()
    await wires.ask(address, ASK, 5.0, safe=True)
    assert server.connections == 2


async def test_a_connection_that_nobody_has_used_for_long_is_closed(wires: HttpWires) -> None:
    server, address = await saying(OK)
    await asyncio.gather(*(wires.ask(address, ASK, 5.0, safe=True) for _ in range(2)))
    assert server.connections == 2
    wires._idle[address][0].idle_since -= 60
    await wires.ask(address, ASK, 5.0, safe=True)
    async with asyncio.timeout(20):
        await server.ended.wait()
    assert server.connections == 2


async def test_who_says_nothing_has_not_answered_in_time(wires: HttpWires) -> None:
    server, address = await saying()
    with pytest.raises(TimeoutError):
        await wires.ask(address, ASK, 0.05, safe=True)
    asked = asyncio.create_task(wires.ask(address, ASK, 30.0, safe=True))
    async with asyncio.timeout(20):
        while server.requests < 2:
            await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert server.connections == 2


async def test_nobody_there_has_not_seen_the_request(wires: HttpWires) -> None:
    server, address = await saying(OK)
    server.server.close()
    with pytest.raises(Unreached):
        await wires.ask(address, ASK, 5.0, safe=True)


async def test_no_more_than_64_go_to_one_address_at_once(wires: HttpWires) -> None:
    go = asyncio.Event()

    async def say(writer: asyncio.StreamWriter, _n: int) -> None:
        await go.wait()
        writer.write(OK)

    server = Server(say)
    address = await server.start()
    asked = [asyncio.create_task(wires.ask(address, ASK, 10.0, safe=True)) for _ in range(100)]
    async with asyncio.timeout(20):
        while server.requests < 64:
            await asyncio.sleep(0.01)
    go.set()
    assert {answer.status for answer in await asyncio.gather(*asked)} == {200}
    assert (server.most, server.connections) == (64, 64)
