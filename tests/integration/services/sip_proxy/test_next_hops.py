"""Trunks whose gateways are names: SRV, the next address, the next trunk (RFC 3263) through a proxy."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from tests.integration.services.sip_proxy.conftest import answer, configuration, publish

from ringback.domain.configuration import Gateway, Trunk
from ringback.sip import Dialog, Request, Response
from ringback.sip.exchange import ServerTransaction
from ringback.testing.dns_server import DnsServer
from ringback.testing.servers import run_host

Stage = Any
FAR = run_host(91)
ZONE = {
    ("_sip._udp.carrier.test", "SRV"): ["10 0 5080 one.carrier.test.", "20 0 5081 one.carrier.test."],
    ("one.carrier.test", "A"): [FAR],
    ("contact.carrier.test", "A"): [FAR],
}
TRUNKS = (
    Trunk(id="named", gateways=(Gateway("carrier.test", 0, ""),), numbers=("+!",)),
    Trunk(id="lost", gateways=(Gateway("nowhere.test", 0, ""),), numbers=("+!",)),
    Trunk(
        id="ranked",
        gateways=(Gateway(FAR, 5080, priority=2), Gateway(FAR, 5081, priority=1)),
        numbers=("+!",),
    ),
)


@pytest.fixture
async def names() -> AsyncIterator[DnsServer]:
    server = DnsServer(ZONE)
    await server.start(FAR)
    yield server
    await server.stop()


@pytest.fixture
async def proxy_settings(names: DnsServer) -> dict[str, str]:
    return {"RINGBACK_SIP_PROXY_NAMESERVERS": names.name, "RINGBACK_SIP_PROXY_FAILOVER_S": "20"}


def refuse(tx: ServerTransaction, request: Request) -> None:
    """As an overloaded gateway does."""
    if tx.can_respond:
        tx.reply(503, headers=[("Retry-After", "60")])


def deaf(tx: ServerTransaction, request: Request) -> None:
    """Say nothing: the endpoint itself sends 100 only after 200 ms."""


async def test_a_trunk_by_name_and_the_next_where_the_first_refuses_is_silent_or_unknown(
    stage: Stage,
) -> None:
    whole = configuration()
    await publish(stage.harness.process.valkey, msgspec.structs.replace(whole, dns=(*whole.dns, *TRUNKS)))
    node = await stage.node("n1")
    one, two = await stage.part("one", FAR, 5080), await stage.part("two", FAR, 5081)

    async def call(target: str) -> Response:
        request = node.request(
            "INVITE",
            "sip:+15550100@demo.example",
            "sip:8000@demo.example",
            ("X-Ringback-Tenant", "demo"),
            ("X-Ringback-Target", f"trunk={target}"),
        )
        final: Response = await node.endpoint.send_request(request, stage.inside).final(20)
        return final

    async with asyncio.timeout(20):
        while (first := await call("named")).status == 404:  # until the proxy has read the configuration
            await asyncio.sleep(0.02)
    assert first.status == 200
    assert (await one.next("INVITE"))[1].raw_uri == "sip:+15550100@carrier.test"
    assert (await call("ranked")).status == 200  # the lowest priority first
    assert (await two.next("INVITE"))[1].raw_uri == f"sip:+15550100@{FAR}:5081"

    one.behaviour = refuse
    assert (await call("named")).status == 200
    await one.next("INVITE")
    await two.next("INVITE")
    one.behaviour = deaf
    assert (await call("named")).status == 200  # spared as it has asked: the second comes first
    assert one.got.empty()
    await two.next("INVITE")

    stage.proxy._core.failover_s = 0.1  # a busy machine is no silent gateway, but now one is
    two.behaviour = deaf
    one.behaviour = answer
    assert (await call("named")).status == 200  # two is silent: one after all
    await one.next("INVITE")

    stage.proxy._core.failover_s, two.behaviour = 20.0, answer
    assert (await call("lost")).status == 503
    assert (await call("lost,ranked")).status == 200
    assert (await call("none")).status == 404


async def test_a_contact_by_name_is_asked_for_and_then_at_hand(stage: Stage, names: DnsServer) -> None:
    node = await stage.node("n1")
    carrier = await stage.part("carrier", FAR, 5082)

    def by_name(tx: ServerTransaction, request: Request) -> None:
        if tx.can_respond:
            tx.reply(200, headers=[("Contact", "<sip:gw@contact.carrier.test:5082>")])

    carrier.behaviour = by_name
    whole = configuration()
    trunk = Trunk(id="contact", gateways=(Gateway(FAR, 5082),), numbers=("+!",))
    await publish(stage.harness.process.valkey, msgspec.structs.replace(whole, dns=(*whole.dns, trunk)))
    invite = node.request(
        "INVITE",
        "sip:+15550100@demo.example",
        "sip:8000@demo.example",
        ("X-Ringback-Tenant", "demo"),
        ("X-Ringback-Target", "trunk=contact"),
    )
    async with asyncio.timeout(20):
        while (final := await node.endpoint.send_request(invite.copy(), stage.inside).final()).status == 404:
            await asyncio.sleep(0.02)
    assert final.status == 200
    dialog = Dialog.from_response(invite, final)
    node.endpoint.send_ack(dialog.ack(1), dialog.destination)
    bye = node.endpoint.send_request(dialog.request("BYE"), dialog.destination)
    assert (await bye.final(20)).status == 200
    assert names.asked["contact.carrier.test", "A"] == 1
