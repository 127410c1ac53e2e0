"""kill -9 of sip_proxy while a phone rings: what the caller does then reaches the call."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.integration.services.sip_proxy.conftest import Part, configuration, publish
from tests.integration.services.started import configured

from ringback.contracts.telephony import ClusterNode
from ringback.runtime.directory import announce
from ringback.sip import Dialog, Request, Response
from ringback.sip.build import cancel_for
from ringback.sip.transport import Destination
from ringback.testing.platform import SECRET, ServiceHarness
from ringback.testing.servers import run_host

HOST, CARRIER = run_host(64), run_host(50)
LIMIT = 40.0


@dataclass
class Proxy:
    """sip_proxy in a process of its own."""

    env: dict[str, str]
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ringback", "run", "sip_proxy"),
            env=self.env,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()


@pytest.fixture
async def world(valkey_url: str, tmp_path: Any) -> AsyncIterator[tuple[Proxy, ServiceHarness]]:
    env = {
        **os.environ,
        "RINGBACK_HOST": HOST,
        "RINGBACK_DATA": str(tmp_path),
        "RINGBACK_VALKEY_URL": valkey_url,
        "RINGBACK_CLUSTER_SECRET": SECRET,
        "RINGBACK_KAFKA_BOOTSTRAP": "",
        "RINGBACK_SIP_PROXY_DIRECTORY_S": "0.1",
        "RINGBACK_SIP_PROXY_NODE_OPTIONS_S": "0",
    }
    async with ServiceHarness("config", valkey_url=valkey_url, host=HOST) as running:
        await publish(running.process.valkey, configuration())
        await configured(running["config"], LIMIT)
        proxy = Proxy(env)
        yield proxy, running
        if proxy.process is not None and proxy.process.returncode is None:
            await proxy.kill()


async def node(running: ServiceHarness, name: str) -> Part:
    part = Part(name)
    part.behaviour = ring
    part.address = await part.endpoint.listen_tcp(HOST)
    entry = ClusterNode(node=name, http="", sip_host=HOST, sip_port=part.address[1])
    await announce(running.process.valkey, "sip_cluster", name, entry, 600)
    return part


def ring(tx: Any, request: Request) -> None:
    if request.method == "INVITE":
        tx.reply(180)
    elif tx.can_respond:
        tx.reply(200)


async def up(carrier: Part, edge: Destination) -> None:
    """Wait until the proxy answers."""
    async with asyncio.timeout(LIMIT):
        while True:
            asked = carrier.request("OPTIONS", f"sip:{HOST}", "sip:+1@carrier.example")
            try:
                response = await carrier.endpoint.send_request(asked, edge).final(2.0)
            except TimeoutError:
                continue
            if not response.local:
                return
            await asyncio.sleep(0.05)


async def test_after_kill_9_while_a_phone_rings_the_caller_can_cancel_and_can_be_answered(
    world: tuple[Proxy, ServiceHarness],
) -> None:
    """RFC 3261 16.10, 16.11, 17.1.1.3, 13.2.2.4; 9.1 of a re-INVITE too."""
    proxy, running = world
    nodes = [await node(running, name) for name in ("n1", "n2")]
    carrier = Part("carrier")
    carrier.address = await carrier.endpoint.listen_udp(CARRIER, 5060)
    edge = Destination("udp", HOST, 5060)
    try:
        await proxy.start()
        await up(carrier, edge)
        calls = [await ringing(carrier, edge, nodes) for _ in range(2)]
        dialog, *again = await asked_again(carrier, edge, nodes)
        await proxy.kill()
        await proxy.start()
        await up(carrier, edge)
        await cancelled(carrier, edge, nodes, *calls[0])
        await answered(carrier, nodes, *calls[1])
        await cancelled(carrier, edge, nodes, *again)
        bye = carrier.endpoint.send_request(dialog.request("BYE"), dialog.destination)
        assert (await bye.final(LIMIT)).status == 200
        unknown = cancel_for(calls[0][0])
        unknown.replace_via(unknown.via.with_params(branch="z9hG4bKnever"))
        unknown.set("Call-ID", "never")
        assert await answer_to(carrier, edge, unknown) == 481
    finally:
        for part in (*nodes, carrier):
            await part.endpoint.close()


async def asked_again(
    carrier: Part, edge: Destination, nodes: list[Part]
) -> tuple[Dialog, Request, Any, Any]:
    """A call that stands and a re-INVITE that waits: its dialog, and what `ringing` gives."""
    invite, client, server = await ringing(carrier, edge, nodes)
    dialog = await taken(invite, client, server)
    reinvite = dialog.request("INVITE", contact=invite.contact)
    return dialog, *await ringing(carrier, dialog.destination, nodes, reinvite)


async def ringing(
    carrier: Part, edge: Destination, nodes: list[Part], invite: Request | None = None
) -> tuple[Request, Any, Any]:
    """A call that rings: the INVITE, its transaction at the caller and at a node."""
    invite = invite or carrier.request("INVITE", f"sip:8000@{HOST}", "sip:+1@carrier.example")
    client = carrier.endpoint.send_request(invite, edge)
    async for response in client:
        if response.status == 180:
            break
    waiting = [asyncio.ensure_future(part.next("INVITE")) for part in nodes]
    done, others = await asyncio.wait(waiting, timeout=LIMIT, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    return client.request, client, done.pop().result()[0]


async def cancelled(
    carrier: Part, edge: Destination, nodes: list[Part], invite: Request, client: Any, server: Any
) -> None:
    """The node hears the CANCEL, the caller its 487, the node the ACK."""
    server.on_cancel = lambda: server.reply(487)
    client.cancel()
    assert (await client.final(LIMIT)).status == 487
    assert server.cancelled
    async with asyncio.timeout(LIMIT):
        while server._core.machine.state.name not in ("CONFIRMED", "TERMINATED"):
            await asyncio.sleep(0.02)


async def answered(carrier: Part, nodes: list[Part], invite: Request, client: Any, server: Any) -> None:
    """The node answers, the caller hears it, its ACK and its BYE find the node."""
    dialog = await taken(invite, client, server)
    bye = carrier.endpoint.send_request(dialog.request("BYE"), dialog.destination)
    assert (await bye.final(LIMIT)).status == 200


async def taken(invite: Request, client: Any, server: Any) -> Dialog:
    """200 and ACK; the caller's dialog."""
    contact = ("Contact", f"<sip:n@{HOST}:{server._endpoint.local_address('tcp', HOST)[1]};transport=tcp>")
    response = Response(200)
    response.headers = list(server.reply(183, headers=[contact]).headers)
    acknowledged = server.accept(response)
    answer = await client.final(LIMIT)
    assert answer.status == 200
    assert "5080" not in "".join(answer.get_all("Record-Route"))
    dialog = Dialog.from_response(invite, answer)
    client.send_ack(dialog.ack(1), dialog.destination)
    assert await asyncio.wait_for(acknowledged, LIMIT) is not None
    return dialog


async def answer_to(carrier: Part, edge: Destination, request: Request) -> int:
    """The status of the answer to a request that is sent with a Via of its own."""
    request.remove("Via")
    return int((await carrier.endpoint.send_request(request, edge).final(LIMIT)).status)
