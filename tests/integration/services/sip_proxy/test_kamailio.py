"""A Kamailio between us and the phone: as a carrier with lines and challenges, and as a proxy in the way."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.integration.services.sip_proxy.conftest import PASSWORDS, Part, configuration, publish
from tests.integration.services.sip_proxy.kamailio import IS_THERE, kamailio_of

from ringback.domain.configuration import Gateway, Line, Trunk
from ringback.sip import Dialog, Request, Response
from ringback.sip.sdp import build_offer
from ringback.sip.transport import Destination
from ringback.testing.phone import Phone
from ringback.testing.servers import run_host

Stage = Any
HOST, FAR, BEHIND = run_host(62), run_host(93), run_host(94)
DOMAIN = "demo.example"
LIMIT = 20.0
pytestmark = pytest.mark.skipif(not IS_THERE, reason="kamailio is not installed (Debian: kamailio)")


@pytest.fixture
async def kamailio(tmp_path: Path) -> AsyncIterator[None]:
    """A running Kamailio of our configuration."""
    async with kamailio_of("kamailio.cfg", tmp_path, HOST=FAR, PHONE=BEHIND, EDGE=HOST):
        yield


@pytest.fixture
def proxy_settings() -> dict[str, str]:
    return {"RINGBACK_SIP_PROXY_TRUNK_PASSWORDS": "demo/line pass word"}


async def test_kamailio_as_a_carrier_registers_us_and_calls_go_both_ways(
    stage: Stage, kamailio: None
) -> None:
    """RFC 3261 10.2, 22.2, 22.3, 16.12: REGISTER and INVITE challenged by somebody else's code."""
    node = await stage.node("n1")
    far = await stage.part("far", BEHIND, 5060)
    line = Line(f"sip:{FAR}:5060", "account", "carrier.test", 600)
    trunk = Trunk(id="line", gateways=(Gateway(FAR),), numbers=("+!",), line=line, options_s=0.2)
    whole = configuration()
    await publish(stage.harness.process.valkey, msgspec.structs.replace(whole, dns=(*whole.dns, trunk)))
    kept = stage.proxy._core.trunks._kept
    async with asyncio.timeout(2 * LIMIT):
        while not (known := kept.get(("demo", "line"))) or known.told != "in":
            await asyncio.sleep(0.02)

    invite = from_node(node, "+15550100", "trunk=line")
    answer = await node.endpoint.send_request(invite, stage.inside).final(LIMIT)
    assert answer.status == 200
    _, got = await far.next("INVITE")
    assert (got.uri.user, got.cseq.number) == ("+15550100", 2)
    await hang_up(node, invite, answer)
    assert (await far.next("ACK"))[1].cseq.number == 2
    assert (await far.next("BYE"))[1].cseq.number == 3

    call = far.request("INVITE", f"sip:+12025550100@{FAR}", "sip:+15550199@carrier.test")
    answer = await far.endpoint.send_request(call, Destination("udp", FAR, 5060)).final(LIMIT)
    assert answer.status == 200
    _, got = await node.next("INVITE")
    assert (got.get("X-Ringback-Origin"), got.uri.user) == ("trunk=line", "+12025550100")
    await hang_up(far, call, answer)
    await node.next("BYE")


async def test_kamailio_between_the_phone_and_us_leads_calls_both_ways(stage: Stage, kamailio: None) -> None:
    """RFC 3327 5.3, RFC 3261 16.12: the phone is reached through the proxy that it came by."""
    node = await stage.node("n1")
    phone = Phone("1001", PASSWORDS["1001"], proxy=(FAR, 5062), domain=DOMAIN, host=BEHIND)
    await phone.start()
    try:
        async with asyncio.timeout(LIMIT):
            await phone.register()
        call = phone.dial("8000")
        await node.next("INVITE")
        await call.wait_answered(LIMIT)
        await call.hangup()
        await node.next("BYE")

        invite = from_node(node, "1001", "dn=1001")
        tx = node.endpoint.send_request(invite, stage.inside)
        ringing = await phone.wait_call(LIMIT)
        answering = asyncio.ensure_future(ringing.answer())
        answer = await tx.final(LIMIT)
        assert any(f"{FAR}:5062" in route for route in answer.get_all("Record-Route"))
        dialog = Dialog.from_response(invite, answer)
        node.endpoint.send_ack(dialog.ack(1), dialog.destination)
        await answering
        bye = node.endpoint.send_request(dialog.request("BYE"), dialog.destination)
        assert (await bye.final(LIMIT)).status == 200
        await ringing.wait_ended(LIMIT)
    finally:
        await phone.close()


def from_node(node: Part, number: str, target: str) -> Request:
    """A call of the platform."""
    made = node.request(
        "INVITE",
        f"sip:{number}@{DOMAIN}",
        f"sip:8000@{DOMAIN}",
        ("X-Ringback-Tenant", "demo"),
        ("X-Ringback-Target", target),
    )
    made.set("Contact", f"<sip:node@{node.address[0]}:{node.address[1]};transport=tcp>")
    made.set_body(build_offer(HOST, 40_000, "2").to_bytes())
    return made


async def hang_up(part: Part, invite: Request, answer: Response) -> None:
    """ACK and BYE."""
    dialog = Dialog.from_response(invite, answer)
    part.endpoint.send_ack(dialog.ack(invite.cseq.number), dialog.destination)
    bye = part.endpoint.send_request(dialog.request("BYE"), dialog.destination)
    assert (await bye.final(LIMIT)).status == 200
