"""Answers of every shape, and connections that break, on real sockets."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ringback.runtime.http_wire import MAX_CONNECTIONS, Address, HttpWires
from ringback.testing.servers import run_host

ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: 7\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Listener:
    """A server whose behaviour a test sets; counts connections and requests."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.connections = self.requests = 0
        self.hold = asyncio.Event()
        self.hold.set()
        self.pieces = 1 << 20

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.requests += 1
                await self.hold.wait()
                answer = self.answers.pop(0) if self.answers else OK
                for start in range(0, len(answer), self.pieces):
                    writer.write(answer[start : start + self.pieces])
                    await writer.drain()
                    await asyncio.sleep(0)
                if b"close" in answer or not answer:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@pytest.fixture
async def listener() -> Listener:
    return Listener()


@pytest.fixture
async def address(listener: Listener) -> AsyncIterator[Address]:
    server = await asyncio.start_server(listener.serve, run_host(77), 0)
    yield server.sockets[0].getsockname()[:2]
    listener.hold.set()
    server.close()


@pytest.fixture
async def wires() -> AsyncIterator[HttpWires]:
    made = HttpWires()
    yield made
    made.close()


async def test_one_connection_carries_one_request_after_the_other(
    wires: HttpWires, listener: Listener, address: Address
) -> None:
    for _ in range(5):
        reply = await wires.request(address, ASK, 5.0)
        assert (reply.status, reply.body, reply.headers.get("etag"), reply.headers["ETAG"]) == (
            200,
            b"ok",
            "7",
            "7",
        )
    assert listener.connections == 1


@pytest.mark.parametrize("pieces", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    ("answer", "status", "body", "kept"),
    [
        (b"HTTP/1.1 304 Not Modified\r\nETag: 1\r\n\r\n", 304, b"", True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok", True),
        (
            CHUNKED + b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
            200,
            b"abc0123456789",
            True,
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n",
            200,
            b"a",
            True,
        ),
        (b"HTTP/1.1 413 No\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx", 413, b"x", False),
        (b"HTTP/1.1 200 OK\r\nX: close\r\n\r\nuntil the end", 200, b"until the end", False),
    ],
)
async def test_a_body_ends_where_it_says(
    wires: HttpWires,
    listener: Listener,
    address: Address,
    answer: bytes,
    status: int,
    body: bytes,
    kept: bool,
    pieces: int,
) -> None:
    """RFC 9112 6.3, 7.1, 9.6; RFC 9110 15.2."""
    listener.answers, listener.pieces = [answer], pieces
    reply = await wires.request(address, ASK, 5.0)
    assert (reply.status, reply.body) == (status, body)
    listener.pieces = 1 << 20
    assert (await wires.request(address, ASK, 5.0)).body == b"ok"
    assert listener.connections == (1 if kept else 2)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX: close\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        CHUNKED + b"what\r\n",
        b"SSH-2.0-close\r\n\r\n",
    ],
)
async def test_what_is_no_whole_answer_is_an_error_and_the_next_request_goes_through(
    wires: HttpWires, listener: Listener, address: Address, answer: bytes
) -> None:
    listener.answers = [answer]
    with pytest.raises(ConnectionError):
        await wires.request(address, ASK, 5.0)
    assert (await wires.request(address, ASK, 5.0)).body == b"ok"


async def test_a_late_answer_reaches_nobody_else(
    wires: HttpWires, listener: Listener, address: Address
) -> None:
    for _ in range(2):
        listener.hold.clear()
        with pytest.raises(TimeoutError):
            await wires.request(address, ASK, 0.05)
        gone = asyncio.create_task(wires.request(address, ASK, 5.0))
        seen = listener.requests
        async with asyncio.timeout(5):
            while listener.requests == seen:
                await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait({gone})
        listener.answers = [b"HTTP/1.1 500 Late\r\nContent-Length: 0\r\n\r\n"] * 2
        listener.hold.set()
        async with asyncio.timeout(5):
            while listener.answers:
                await asyncio.sleep(0)
        assert (await wires.request(address, ASK, 5.0)).status == 200
    assert listener.connections == 5


async def test_no_more_connections_than_allowed(
    wires: HttpWires, listener: Listener, address: Address
) -> None:
    listener.hold.clear()
    asked = [asyncio.create_task(wires.request(address, ASK, 5.0)) for _ in range(2 * MAX_CONNECTIONS)]
    async with asyncio.timeout(5):
        while listener.requests < MAX_CONNECTIONS:
            await asyncio.sleep(0)
    listener.hold.set()
    assert {reply.status for reply in await asyncio.gather(*asked)} == {200}
    assert (listener.connections, listener.requests) == (MAX_CONNECTIONS, 2 * MAX_CONNECTIONS)
