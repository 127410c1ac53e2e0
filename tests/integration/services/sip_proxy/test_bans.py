"""Guessers and senders of rubbish are banned by a running proxy; operators see and lift it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.integration.services.sip_proxy.conftest import Part

from ringback.contracts.sip import Ban
from ringback.runtime.http import HttpClient, HttpFailure
from ringback.services.sip_proxy.bans import BanRules, Offence
from ringback.services.sip_proxy.points import SharedPoints
from ringback.sip import Response, parse_message
from ringback.sip.transport import Source
from ringback.testing.servers import run_host

Stage = Any
HOST = run_host(62)
GUESSER = run_host(63)
DOMAIN = "demo.example"
LIMIT = 20.0


@pytest.fixture
def proxy_settings() -> dict[str, str]:
    return {"RINGBACK_SIP_PROXY_NEVER_BANNED": "192.0.2.0/24", "RINGBACK_SIP_PROXY_BAN_POINTS": "5"}


@pytest.fixture
async def control(stage: Stage) -> AsyncIterator[HttpClient]:
    yield HttpClient(stage.harness.context(), "sip_proxy")


async def banned(control: HttpClient, *sources: str) -> list[Ban]:
    async with asyncio.timeout(LIMIT):
        while True:
            found: list[Ban] = await control.get("/bans", list[Ban])
            if [ban.source for ban in found] == list(sources):
                return found
            await asyncio.sleep(0.02)


async def guess(stage: Stage, part: Part) -> Response:
    request = part.request("REGISTER", f"sip:{DOMAIN}", f"sip:4711@{DOMAIN}")
    request.set("To", f"<sip:4711@{DOMAIN}>")
    response: Response = await stage.as_phone(part, request)
    return response


async def test_who_guesses_passwords_is_not_answered_until_the_ban_is_lifted(
    stage: Stage, control: HttpClient
) -> None:
    part = await stage.part("guesser", GUESSER)
    for _ in range(3):
        assert (await guess(stage, part)).status == 401
    (ban,) = await banned(control, GUESSER)
    assert (ban.reason, ban.count) == ("password", 1)
    assert await quiet(GUESSER)

    assert not await quiet(HOST, LIMIT)  # others are served
    await control.request("DELETE", f"/bans/{GUESSER}")
    await banned(control)
    assert not await quiet(GUESSER, LIMIT)
    with pytest.raises(HttpFailure, match="is not banned"):
        await control.request("DELETE", f"/bans/{GUESSER}")


async def test_a_phone_with_a_wrong_password_is_banned_without_those_behind_the_same_address(
    stage: Stage, control: HttpClient
) -> None:
    honest, wrong = await stage.part("1001", GUESSER), await stage.part("guesser", GUESSER)
    register = honest.request("REGISTER", f"sip:{DOMAIN}", f"sip:1001@{DOMAIN}")
    register.set("To", f"<sip:1001@{DOMAIN}>")
    assert (await stage.as_phone(honest, register)).status == 200
    for _ in range(3):
        assert (await guess(stage, wrong)).status == 401
    place = f"{GUESSER}:{wrong.address[1]}"
    (ban,) = await banned(control, place)
    assert ban.reason == "password"
    again = wrong.request("OPTIONS", f"sip:{HOST}", f"sip:4711@{DOMAIN}")
    with pytest.raises(TimeoutError):
        await wrong.endpoint.send_request(again, stage.edge).final(0.5)
    options = honest.request("OPTIONS", f"sip:{HOST}", f"sip:1001@{DOMAIN}")
    assert (await honest.endpoint.send_request(options, stage.edge).final(LIMIT)).status == 200
    await control.request("DELETE", f"/bans/{place}")
    assert (await wrong.endpoint.send_request(again.copy(), stage.edge).final(LIMIT)).status == 200


async def test_what_another_proxy_has_seen_counts_here(stage: Stage, control: HttpClient) -> None:
    valkey = stage.harness.process.valkey
    other = SharedPoints(valkey, BanRules(points=5.0, window_s=60.0, first_s=60.0, longest_s=86_400.0))
    for _ in range(2):
        other.add(Source("udp", GUESSER, 5060), Offence.PASSWORD)
    assert await other.flush() == []
    part = await stage.part("guesser", GUESSER)
    assert (await guess(stage, part)).status == 401
    (ban,) = await banned(control, GUESSER)
    assert (ban.reason, ban.count) == ("password", 1)
    assert await quiet(GUESSER)


async def test_torn_messages_over_tcp_cost_the_connection_and_then_the_place(
    stage: Stage, control: HttpClient
) -> None:
    for _ in range(6):
        _, writer = await asyncio.open_connection(HOST, 5060, local_addr=(GUESSER, 0))
        writer.write(b"INVITE sip:x SIP/2.0\r\nContent-Length: many\r\n\r\n")
        writer.close()
    (ban,) = await banned(control, GUESSER)
    assert ban.reason == "garbage"
    reader, writer = await asyncio.open_connection(HOST, 5060, local_addr=(GUESSER, 0))
    writer.write(options(GUESSER, "TCP"))
    assert await asyncio.wait_for(reader.read(), LIMIT) == b""
    writer.close()


async def test_a_ban_of_another_proxy_holds_here_too(stage: Stage, control: HttpClient) -> None:
    ban = b'{"source":"%s","reason":"flood","until":99999999999,"count":2}' % GUESSER.encode()
    await stage.harness.process.valkey.call("HSET", "ringback:sip:bans", GUESSER, ban)
    async with asyncio.timeout(LIMIT):
        while not await quiet(GUESSER):
            await asyncio.sleep(0.05)


async def test_a_trunk_is_never_banned(stage: Stage, control: HttpClient) -> None:
    carrier = await stage.part("carrier", run_host(50))
    node = await stage.node("n1")
    for _ in range(50):
        carrier.endpoint._sockets.send(b"INVITE rubbish\r\n\r\n", stage.edge, lambda: None)
    request = carrier.request("INVITE", f"sip:8000@{DOMAIN}", "sip:+15550100@carrier.test")
    assert (await carrier.endpoint.send_request(request, stage.edge).final(LIMIT)).status == 200
    await node.next("INVITE")
    assert await control.get("/bans", list[Ban]) == []


def options(host: str, transport: str, port: int = 5060) -> bytes:
    return (
        f"OPTIONS sip:{DOMAIN} SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport} {host}:{port};branch=z9hG4bKq{port};rport\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:a@b.test>;tag=1\r\nTo: <sip:a@b.test>\r\n"
        f"Call-ID: {host}-{port}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    ).encode()


async def quiet(host: str, patience_s: float = 0.5) -> bool:
    """True if the proxy does not answer an OPTIONS from this address."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind((host, 0))
        await loop.sock_sendto(sock, options(host, "UDP", sock.getsockname()[1]), (HOST, 5060))
        try:
            data = await asyncio.wait_for(loop.sock_recv(sock, 65_535), patience_s)
        except TimeoutError:
            return True
        assert isinstance(parse_message(data), Response)
        return False
