"""Wrong messages at a running sip_proxy, over UDP and TCP, from a trunk and from a stranger.

It answers an OPTIONS after each handful, says nothing of a traceback, and does not grow. `make fuzz COUNT=…`
sends more; a fifth of it goes here.
"""

import asyncio
import contextlib
import gc
import os
import socket
from collections.abc import AsyncIterator

import pytest

from ringback.services.sip_proxy.service import SipProxyService
from ringback.sip import Request
from ringback.sip.exchange import ServerTransaction
from ringback.testing.edge_stage import edge_stage
from ringback.testing.hostile import SEEDS, resident_mib
from ringback.testing.mutate import Mutator
from ringback.testing.servers import run_host

HOST, TRUNK, STRANGER = run_host(62), run_host(77), run_host(78)
COUNT = int(os.environ.get("RINGBACK_FUZZ", "4000")) // 5
SEED = int(os.environ.get("RINGBACK_FUZZ_SEED", "1"))
HANDFUL = 40
WARM_UP = 4000
GROWTH_MIB = 48
LIMIT = 10.0


def options(number: int, transport: str) -> bytes:
    return (
        f"OPTIONS sip:{HOST} SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport} x.invalid;branch=z9hG4bK-alive-{number};rport\r\n"
        f"From: <sip:a@b>;tag=1\r\nTo: <sip:{HOST}>\r\nCall-ID: alive-{number}\r\nCSeq: 1 OPTIONS\r\n"
        "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def busy(tx: ServerTransaction, request: Request) -> None:
    """What the node says to every call, so that transactions end."""
    if tx.can_respond:
        tx.reply(486)


@pytest.fixture
async def proxy(valkey_url: str) -> AsyncIterator[SipProxyService]:
    async with edge_stage(valkey_url, HOST, TRUNK, busy) as running:
        yield running


async def alive_by_udp(sock: socket.socket, number: int) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_sendto(sock, options(number, "UDP"), (HOST, 5060))
    async with asyncio.timeout(LIMIT):
        while f"alive-{number}\r".encode() not in await loop.sock_recv(sock, 65_535):
            pass


async def alive_by_tcp(number: int) -> None:
    reader, writer = await asyncio.open_connection(HOST, 5060, local_addr=(TRUNK, 0))
    writer.write(options(number, "TCP"))
    async with asyncio.timeout(LIMIT):
        assert (await reader.readline()).startswith(b"SIP/2.0 200")
    writer.close()


async def throw_by_tcp(messages: list[bytes]) -> None:
    """All on one connection: what follows a torn message is torn, too. A moment is enough for the answers."""
    reader, writer = await asyncio.open_connection(HOST, 5060, local_addr=(TRUNK, 0))
    with contextlib.suppress(ConnectionError, TimeoutError):
        for data in messages:
            writer.write(data)
        writer.write_eof()
        async with asyncio.timeout(0.02):
            while await reader.read(65_535):
                pass
    writer.close()


@pytest.mark.timeout(0)
async def test_a_running_proxy_survives_and_does_not_grow(
    proxy: SipProxyService, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    gc.collect()  # what earlier tests have left says nothing of this one
    caplog.clear()
    mutator, base = Mutator(SEEDS, SEED), 0.0
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for sock, host in zip(sockets, (TRUNK, STRANGER), strict=True):
        sock.setblocking(False)
        sock.bind((host, 0))
    loop = asyncio.get_running_loop()
    for number in range(0, COUNT, HANDFUL):
        messages = [mutator.next() for _ in range(HANDFUL)]
        sock = sockets[number // HANDFUL % 2]
        for data in messages[: HANDFUL * 3 // 4]:
            await loop.sock_sendto(sock, data, (HOST, 5060))
        await throw_by_tcp(messages[HANDFUL * 3 // 4 :])
        await alive_by_udp(sock, number)
        if WARM_UP <= number < WARM_UP + HANDFUL:
            base = resident_mib()
    await alive_by_tcp(COUNT)
    for sock in sockets:
        sock.close()
    assert "Traceback" not in capfd.readouterr().out
    assert [record for record in caplog.records if record.exc_info] == []
    assert await proxy.ctx.valkey.call("PING") == b"PONG"
    if base:
        grown = resident_mib() - base
        assert grown < GROWTH_MIB, f"{grown:.1f} MiB more after {COUNT} messages"
