"""User agents that this project did not write, against the proxy and the registrar."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ringback.contracts.sip import Binding, bindings_key
from ringback.sip import Dialog, Request
from ringback.sip.exchange import ServerTransaction
from ringback.sip.sdp import Sdp, build_answer, build_offer
from ringback.testing.servers import run_host

baresip = pytest.importorskip("baresip", reason="the baresip-python wheel is not installed")

Stage = Any
HOST = run_host(62)
DOMAIN = "demo.example"
SECRET = "first secret"
LIMIT = 20.0


@pytest.fixture
async def runtime() -> AsyncIterator[Any]:
    running = baresip.Runtime()
    await running.start(baresip.Config(net_interface="127.0.0.1", audio_driver="aumem"))
    yield running
    await running.close()


@pytest.fixture(params=["udp", "tcp"])
async def agent(request: pytest.FixtureRequest, stage: Stage, runtime: Any) -> Any:
    account = baresip.Account(
        "1001",
        DOMAIN,
        SECRET,
        registrar=f"{HOST}:5060;transport={request.param}",
        reg_interval=60,
        transport=request.param,
    )
    return await baresip.UserAgent.create(runtime, account)


def speak(tx: ServerTransaction, request: Request) -> None:
    """Answer a call with audio, and anything else with 200."""
    if not tx.can_respond:
        return
    contact = ("Contact", str(tx._endpoint.contact(tx.source, "node")))
    body = b""
    if request.method == "INVITE":
        body = build_answer(Sdp.parse(request.body), HOST, 40_000, "1").to_bytes()
    tx.reply(200, headers=[contact], body=body)


async def test_baresip_registers_calls_is_called_and_leaves(stage: Stage, agent: Any) -> None:
    node = await stage.node("n1")
    node.behaviour = speak
    await agent.register(timeout=LIMIT)
    (row,) = await stage.harness.process.valkey.call("HVALS", bindings_key("demo", "1001"))
    assert msgspec.json.decode(row, type=Binding).user_agent.startswith("baresip")

    call = await agent.dial(f"sip:8000@{DOMAIN}")
    await call.wait_established(LIMIT)
    assert (await node.next("INVITE"))[1].get("X-Ringback-Origin") == "dn=1001"
    await node.next("ACK")
    await call.hangup()
    await node.next("BYE")

    await be_called(stage, node, agent)
    await agent.unregister(timeout=LIMIT)
    assert not await stage.harness.process.valkey.call("EXISTS", bindings_key("demo", "1001"))


async def be_called(stage: Stage, node: Any, agent: Any) -> None:
    rings: asyncio.Queue[Any] = asyncio.Queue()
    agent.on_incoming(rings.put_nowait)
    invite = node.request(
        "INVITE",
        f"sip:1001@{DOMAIN}",
        f"sip:8000@{DOMAIN}",
        ("X-Ringback-Tenant", "demo"),
        ("X-Ringback-Target", "dn=1001"),
    )
    invite.set("Contact", f"<sip:node@{node.address[0]}:{node.address[1]};transport=tcp>")
    invite.set_body(build_offer(HOST, 40_000, "2").to_bytes())
    tx = node.endpoint.send_request(invite, stage.inside)
    incoming = await asyncio.wait_for(rings.get(), LIMIT)
    await incoming.answer()
    response = await tx.final(LIMIT)
    assert response.status == 200
    assert Sdp.parse(response.body).audio is not None
    await end(node, invite, response, tx)


async def end(node: Any, invite: Request, response: Any, tx: Any) -> None:
    dialog = Dialog.from_response(invite, response)
    tx.send_ack(dialog.ack(1), dialog.destination)
    bye = node.endpoint.send_request(dialog.request("BYE"), dialog.destination)
    assert (await bye.final(LIMIT)).status == 200


async def test_baresip_with_a_wrong_password_is_not_registered(stage: Stage, runtime: Any) -> None:
    account = baresip.Account("1001", DOMAIN, "wrong", registrar=f"{HOST}:5060", reg_interval=60)
    agent = await baresip.UserAgent.create(runtime, account)
    with pytest.raises(baresip.RegistrationError):
        await agent.register(timeout=LIMIT)
    assert not await stage.harness.process.valkey.call("EXISTS", bindings_key("demo", "1001"))


async def test_pjsip_registers_calls_hangs_up_and_leaves(stage: Stage) -> None:
    pytest.importorskip("pjsua2", reason="the pjsua2-python wheel is not installed")
    node = await stage.node("n1")
    node.behaviour = speak
    script = Path(__file__).parents[3] / "pjsip" / "agent.py"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(script), HOST, "1001", SECRET, f"sip:8000@{HOST}"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 40)
    told = [line for line in output.decode().splitlines() if line.startswith(("registration", "call"))]
    assert told == ["registration 200", "call CONFIRMED", "call DISCONNECTED", "registration 200"]
    assert (await node.next("INVITE"))[1].get("X-Ringback-Origin") == "dn=1001"
    await node.next("BYE")
