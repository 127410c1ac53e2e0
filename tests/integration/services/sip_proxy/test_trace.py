"""A running proxy tells of the messages that somebody wants to see, and of no others."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.integration.services.sip_proxy.conftest import PASSWORDS
from tests.integration.services.sip_proxy.test_foreign_agents import speak

from ringback.commands.siptools import tracing
from ringback.commands.siptools.phones import call, ping, register
from ringback.contracts.sip_trace import NAMES, STREAM, WANTED, TracedMessage
from ringback.runtime.settings import CommonSettings
from ringback.sip import parse_message
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.sdp import build_offer
from ringback.testing.servers import run_host

Stage = Any
HOST, CARRIER_HOST = run_host(62), run_host(50)
DOMAIN = "demo.example"
LIMIT = 20.0


async def traced(stage: Stage) -> list[TracedMessage]:
    rows = await stage.harness.process.valkey.call("XRANGE", STREAM, "-", "+")
    return [msgspec.json.decode(fields[1], type=TracedMessage) for _, fields in rows]


async def test_only_messages_with_the_wanted_word_are_kept_and_only_while_wanted(stage: Stage) -> None:
    valkey = stage.harness.process.valkey
    edge: SipEndpoint = stage.proxy._edge
    part = await stage.part("asker", HOST)

    async def ask(name: str) -> str:
        uri = f"sip:{name}@{DOMAIN}"
        request = part.request("OPTIONS", uri, uri)
        assert (await part.endpoint.send_request(request, stage.edge).final(LIMIT)).status == 200
        return request.call_id

    await ask("5550100")
    await valkey.call("SET", WANTED, b'["5550100"]', "EX", 30)
    await until(lambda: edge.listener is not None)
    await ask("5550100")
    other = await ask("5550199")
    await until_async(lambda: traced(stage), 2)
    request, response = await traced(stage)
    assert (request.direction, response.direction) == ("in", "out")
    assert request.peer == part.address
    assert (request.service, request.transport, request.local) == ("sip_proxy", "udp", (HOST, 5060))
    await valkey.call("SADD", NAMES, other)  # another service has found out that this is the same call
    await until_async(lambda: traced(stage), 4)
    earlier = (await traced(stage))[2:]
    assert [message.direction for message in earlier] == ["in", "out"]
    assert earlier[0].time < earlier[1].time < response.time + LIMIT
    await valkey.call("DEL", WANTED)
    await until(lambda: edge.listener is None)
    await ask("5550100")
    assert len(await traced(stage)) == 4


async def test_a_call_is_followed_over_the_edge_by_its_call_id_and_written_for_wireshark(
    stage: Stage, valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The word stands in a header of ours, which the carrier is not sent and its answers do not hold."""
    settings = CommonSettings(valkey_url=valkey_url, kafka_bootstrap="", node="tracing")
    monkeypatch.setattr(tracing, "joined_settings", lambda data: settings)
    edge: SipEndpoint = stage.proxy._edge
    carrier = await stage.part("carrier", CARRIER_HOST, 5060)
    carrier.behaviour = speak
    node = await stage.node("n1")
    file = tmp_path / "call.pcap"
    watch = partial(tracing.trace, None, ["conn-4711"], seconds=2.0, pcap=file, whole=False)
    watching = asyncio.get_running_loop().run_in_executor(None, watch)
    await until(lambda: edge.listener is not None)
    for conn_id in ("conn-4711", "conn-9"):
        invite = node.request(
            "INVITE",
            f"sip:+15550100@{DOMAIN}",
            f"sip:8000@{DOMAIN}",
            ("X-Ringback-Tenant", "demo"),
            ("X-Ringback-Target", "trunk=carrier"),
            ("X-Ringback-Conn-Id", conn_id),
        )
        invite.set_body(build_offer(HOST, 40_000, "2").to_bytes())
        assert (await node.endpoint.send_request(invite, stage.inside).final(LIMIT)).status == 200
    assert await watching == 0
    assert file.read_bytes().count(b"INVITE sip:+15550100@") == 2
    first, _ = [(await carrier.next("INVITE"))[1].call_id for _ in range(2)]
    seen = await traced(stage)
    assert {parse_message(message.data).call_id for message in seen} == {first}
    sides = {(message.local[1], message.direction, message.data[:7]) for message in seen}
    assert sides >= {
        (5080, "in", b"INVITE "),
        (5060, "out", b"INVITE "),
        (5060, "in", b"SIP/2.0"),
        (5080, "out", b"SIP/2.0"),
    }
    await until(lambda: edge.listener is None)


async def test_ping_is_answered_and_says_when_nobody_does(stage: Stage) -> None:
    loop = asyncio.get_running_loop()
    assert await loop.run_in_executor(None, lambda: ping(f"{HOST}:5060", times=1)) == 0
    assert await loop.run_in_executor(None, lambda: ping(f"sip:{HOST}:5060;transport=tcp", times=1)) == 0
    assert await loop.run_in_executor(None, lambda: ping(f"sip:{HOST}:1;transport=tcp", times=1)) == 1


async def test_hand_phones_register_and_call_and_their_exit_status_says_whether_it_worked(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    node = await stage.node("n1")
    node.behaviour = speak

    async def run(tool: Callable[..., int], *arguments: object) -> int:
        return await asyncio.get_running_loop().run_in_executor(None, lambda: tool(*arguments))

    for password, transport, status in ((PASSWORDS["1001"], "tcp", 0), ("wrong", "udp", 1)):
        server = ("1001", password, f"{HOST}:5060", DOMAIN, transport)
        assert await run(register, *server, 0) == status
        assert await run(call, "8000", *server, 1) == status
    told = capsys.readouterr().out
    assert "is registered at" in told
    assert "answered" in told
    assert told.count("The password is wrong") == 2
    assert PASSWORDS["1001"] not in told
    assert (await node.next("INVITE"))[1].get("X-Ringback-Origin") == "dn=1001"
    await node.next("BYE")


async def until(done: Any) -> None:
    async with asyncio.timeout(LIMIT):
        while not done():
            await asyncio.sleep(0.02)


async def until_async(rows: Any, count: int) -> None:
    async with asyncio.timeout(LIMIT):
        while len(await rows()) < count:
            await asyncio.sleep(0.02)
