"""Calls through sip_proxy, the node and media, with phones that hear: what is said is what arrives."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.services.started import configured

from ringback.contracts import telephony as t
from ringback.contracts.events import CallEvent, calls_stream
from ringback.domain.configuration import (
    Configuration,
    Extension,
    Gateway,
    Mailbox,
    RoutePoint,
    Tenant,
    Trunk,
    digest_hashes,
)
from ringback.runtime.http import HttpClient
from ringback.runtime.migrate import migrate
from ringback.runtime.streams import parse_entries
from ringback.services.tenant.configuration import ConfigurationStore
from ringback.testing.phone import Phone, PhoneCarrier
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import private_host

HOST = private_host()
DOMAIN = "demo.example"
PASSWORD = "for-this-test"
DTMF_RELAY = "application/dtmf-relay"
CUSTOMER = "+12025550123"
SERVICES = (
    "config",
    "dialplan",
    "registrar",
    "media",
    "sip_cluster",
    "sip_proxy",  # last: it finds the others in the directory
    "frontend",
    "voicemail",
)


def configuration() -> Configuration:
    md5, sha256 = digest_hashes("1001", DOMAIN, PASSWORD)
    gateways = (Gateway(HOST, 5090, "udp"),)
    return Configuration(
        tenant=Tenant(id="demo", domain=DOMAIN, country="US"),
        dns=(
            Extension(id="1001", ha1_md5=md5, ha1_sha256=sha256, mailbox="8500"),
            RoutePoint(id="8000", script="sales"),
            Mailbox(id="8500", max_seconds=5),
            Trunk(id="carrier", addresses=("127.0.0.0/8",), gateways=gateways, numbers=("+!",)),
        ),
    )


class World:
    def __init__(self, harness: ServiceHarness, phone: Phone, carrier: PhoneCarrier) -> None:
        self.harness = harness
        self.phone = phone
        self.carrier = carrier
        self.frontend = HttpClient(harness.context("orchestration"), "frontend")

    async def ask(self, request: t.CallRequest) -> t.RequestReply:
        return await self.frontend.post("/requests", request, t.RequestReply)

    async def event(self, name: str) -> CallEvent:
        """The first event of that name in this test."""
        async with asyncio.timeout(10):
            while True:
                valkey = self.harness.process.valkey
                rows = await valkey.call("XRANGE", calls_stream("demo"), "-", "+")
                for entry in parse_entries("calls", rows):
                    event = entry.json(CallEvent)
                    if event.id == name:
                        return event
                await asyncio.sleep(0.02)


@pytest.fixture
async def world(valkey_url: str, postgres_dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    await migrate(postgres_dsn, ["tenant"])
    async with ServiceHarness(
        *SERVICES, valkey_url=valkey_url, postgres_dsn=postgres_dsn, host=HOST, data=str(tmp_path)
    ) as harness:
        await harness.process.postgres.start()
        await ConfigurationStore(harness.context("tenant"), "demo").import_(configuration())
        await configured(harness["sip_cluster"], 10)
        edge = (HOST, 5060)
        async with (
            Phone("1001", PASSWORD, proxy=edge, domain=DOMAIN, host=HOST) as phone,
            PhoneCarrier(proxy=edge, host=HOST, port=5090) as carrier,
        ):
            await phone.register()
            yield World(harness, phone, carrier)


async def test_the_caller_hears_music_then_the_agent_and_music_again_on_hold(world: World) -> None:
    caller = await world.carrier.call("8000", from_number="+15550001")
    arrived = await world.event("EventRouteRequest")
    conn_id = arrived.conn_id
    await world.ask(
        t.RequestApplyTreatment(
            tenant="demo", conn_id=conn_id, treatment_type="CollectDigits", max_digits=4, timeout=20.0
        )
    )
    await caller.wait_answered()
    await presses_by_info_and_by_both(caller)
    assert (await world.event("EventTreatmentEnd")).digits == "42"
    music = t.RequestApplyTreatment(tenant="demo", conn_id=conn_id, treatment_type="Music")
    await world.ask(music)
    await caller.hear_speech_or_music()
    await world.ask(t.RequestRouteCall(tenant="demo", conn_id=conn_id, other_dn="1001", agent_id="anna"))
    agent = await world.phone.wait_call()
    agent.ring()
    await caller.hear_speech_or_music()
    await agent.answer()
    await world.event("EventEstablished")
    await talk(caller, agent)
    assert await caller.info(b"11", "application/dtmf") == 200
    pressed = await agent.wait_request("INFO")
    assert (pressed.content_type, pressed.body) == (DTMF_RELAY, b"Signal=#\r\nDuration=160\r\n")
    await agent.hold()
    await caller.hear_speech_or_music()
    await agent.retrieve()
    await talk(caller, agent)
    await caller.hangup()
    await agent.wait_ended()
    deleted = await world.event("EventCallDeleted")
    assert (deleted.result_class, deleted.reason) == ("success", "caller_hung_up")


async def presses_by_info_and_by_both(caller: Any) -> None:
    """RFC 6086 bodies: 4 and the end by INFO alone, 2 by RTP as well, as some telephones do for each key."""
    assert await caller.info(b"Signal=4\r\nDuration=160\r\n", DTMF_RELAY) == 200
    caller.send_dtmf("2")
    assert await caller.info(b"Signal=2\r\nDuration=160\r\n", DTMF_RELAY) == 200
    await asyncio.sleep(0.4)  # the length of the key in the RTP, not a wait for something
    assert await caller.info(b"Signal=#", DTMF_RELAY) == 200


async def talk(caller: Any, agent: Any) -> None:
    """Both sides hear each other's tone."""
    caller.play_tone(440)
    agent.play_tone(880)
    await agent.hear_tone(440)
    await caller.hear_tone(880)


async def test_a_customer_who_is_called_back_hears_the_agent(world: World) -> None:
    world.carrier.answers(CUSTOMER, after=0.1, tone_hz=440)
    request = t.RequestMakeCall(tenant="demo", this_dn="8000", other_dn=CUSTOMER, idempotency_key="k")
    made = await world.ask(request)
    await world.event("EventEstablished")
    customer = await world.carrier.wait_call()
    await customer.hear_speech_or_music()
    await world.ask(t.RequestRouteCall(tenant="demo", conn_id=made.conn_id, other_dn="1001"))
    agent = await world.phone.wait_call()
    await agent.answer()
    agent.play_tone(880)
    await agent.hear_tone(440)
    await customer.hear_tone(880)
    await agent.hangup()
    await customer.wait_ended()


async def test_an_agent_who_does_not_answer_leaves_the_caller_with_the_music(world: World) -> None:
    caller = await world.carrier.call("8000", from_number="+15550001")
    conn_id = (await world.event("EventRouteRequest")).conn_id
    await world.ask(t.RequestApplyTreatment(tenant="demo", conn_id=conn_id, treatment_type="Music"))
    await caller.wait_answered()
    await world.ask(t.RequestRouteCall(tenant="demo", conn_id=conn_id, other_dn="1001", timeout=0.5))
    agent = await world.phone.wait_call()
    agent.ring()
    assert await agent.wait_ended() == 487
    assert (await world.event("EventError")).reason == "no_answer"
    await caller.hear_speech_or_music()
    await caller.hangup()
    await world.event("EventAbandoned")


async def test_the_unknown_number_is_404_at_the_edge(world: World) -> None:
    caller = await world.carrier.call("4711", from_number="+15550001")
    assert await caller.wait_ended() == 404
