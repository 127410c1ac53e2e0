"""A third party, with phones that hear: consultation, transfer, conference, keys, music for who waits."""

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
    RoutePoint,
    Tenant,
    Trunk,
    digest_hashes,
)
from ringback.runtime.http import HttpClient
from ringback.runtime.migrate import migrate
from ringback.runtime.streams import parse_entries
from ringback.services.tenant.configuration import ConfigurationStore
from ringback.testing.phone import Call, Phone, PhoneCarrier
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import private_host

HOST = private_host()
DOMAIN = "demo.example"
PASSWORD = "for-this-test"
CUSTOMER = "+12025550123"
SERVICES = ("config", "dialplan", "registrar", "media", "sip_cluster", "sip_proxy", "frontend", "voicemail")
GATEWAYS = (Gateway(HOST, 5090, "udp"),)
CALLER_HZ, ASKER_HZ, THIRD_HZ = 440, 700, 1100


def extension(number: str) -> Extension:
    md5, sha256 = digest_hashes(number, DOMAIN, PASSWORD)
    return Extension(id=number, ha1_md5=md5, ha1_sha256=sha256)


TENANT = Configuration(
    tenant=Tenant(id="demo", domain=DOMAIN, country="US"),
    dns=(
        extension("1001"),
        extension("1002"),
        extension("1003"),
        RoutePoint(id="8000", script="sales"),
        Trunk(
            id="carrier", addresses=("127.0.0.0/8",), gateways=(Gateway(HOST, 5090, "udp"),), numbers=("+!",)
        ),
    ),
)


class World:
    """A caller at the route point, and three phones."""

    def __init__(self, harness: ServiceHarness, phones: list[Phone], carrier: PhoneCarrier) -> None:
        self.harness = harness
        self.asker, self.third, self.other = phones
        self.carrier = carrier
        self.frontend = HttpClient(harness.context("orchestration"), "frontend")
        self.conn_id = ""

    async def ask(self, kind: Any, **more: Any) -> t.RequestReply:
        request = kind(tenant="demo", conn_id=more.pop("conn_id", self.conn_id), **more)
        return await self.frontend.post("/requests", request, t.RequestReply)

    async def event(self, name: str, **wanted: object) -> CallEvent:
        async with asyncio.timeout(10):
            while True:
                rows = await self.harness.process.valkey.call("XRANGE", calls_stream("demo"), "-", "+")
                for entry in parse_entries("calls", rows):
                    event = entry.json(CallEvent)
                    if event.id == name and all(getattr(event, k) == v for k, v in wanted.items()):
                        return event
                await asyncio.sleep(0.02)

    async def talk(self) -> tuple[Call, Call]:
        """The caller and 1001 talk, each with a tone of its own."""
        caller = await self.carrier.call("8000", from_number=CUSTOMER)
        self.conn_id = (await self.event("EventRouteRequest")).conn_id
        await self.ask(t.RequestRouteCall, other_dn="1001")
        asker = await self.asker.wait_call(10)
        await asker.answer()
        await caller.wait_answered()
        caller.play_tone(CALLER_HZ)
        asker.play_tone(ASKER_HZ)
        await caller.hear_tone(ASKER_HZ)
        await asker.hear_tone(CALLER_HZ)
        return caller, asker

    async def consult(self, kind: Any) -> Call:
        """1001 asks 1002, who answers."""
        await self.ask(kind, this_dn="1001", other_dn="1002")
        third = await self.third.wait_call(10)
        await third.answer()
        third.play_tone(THIRD_HZ)
        return third


@pytest.fixture
async def world(valkey_url: str, postgres_dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    await migrate(postgres_dsn, ["tenant"])
    async with ServiceHarness(
        *SERVICES, valkey_url=valkey_url, postgres_dsn=postgres_dsn, host=HOST, data=str(tmp_path)
    ) as harness:
        await harness.process.postgres.start()
        await ConfigurationStore(harness.context("tenant"), "demo").import_(TENANT)
        await configured(harness["sip_cluster"], 10)
        edge = (HOST, 5060)
        phones = [Phone(n, PASSWORD, proxy=edge, domain=DOMAIN, host=HOST) for n in ("1001", "1002", "1003")]
        async with phones[0], phones[1], phones[2], PhoneCarrier(proxy=edge, host=HOST, port=5090) as carrier:
            for phone in phones:
                await phone.register()
            yield World(harness, phones, carrier)


async def test_a_two_step_transfer_is_heard_and_the_asker_is_free(world: World) -> None:
    caller, asker = await world.talk()
    await world.ask(t.RequestInitiateTransfer, this_dn="1001", other_dn="1002")
    third = await world.third.wait_call(10)
    await caller.hear_speech_or_music()
    await third.answer()
    third.play_tone(THIRD_HZ)
    await third.hear_tone(ASKER_HZ)
    await asker.hear_tone(THIRD_HZ)
    consultation = await world.event("EventEstablished", this_dn="1002")
    assert consultation.previous_conn_id == world.conn_id
    await world.ask(t.RequestCompleteTransfer, this_dn="1001", conn_id=consultation.conn_id)
    await asker.wait_ended()
    await caller.hear_tone(THIRD_HZ)
    await third.hear_tone(CALLER_HZ)
    changed = await world.event("EventPartyChanged", this_dn="1002")
    assert (changed.conn_id, changed.previous_conn_id) == (world.conn_id, consultation.conn_id)
    await caller.hangup()
    await third.wait_ended()


async def test_a_conference_lets_all_three_hear_each_other_and_two_stay(world: World) -> None:
    caller, asker = await world.talk()
    third = await world.consult(t.RequestInitiateConference)
    await asker.hear_tone(THIRD_HZ)
    await world.ask(t.RequestCompleteConference, this_dn="1001")
    await world.event("EventPartyAdded", this_dn="1001")
    third.play_nothing()
    await third.hear_speech_or_music()  # two tones at once
    asker.play_nothing()
    await third.hear_tone(CALLER_HZ)
    await asker.hear_tone(CALLER_HZ)
    caller.play_nothing()
    third.play_tone(THIRD_HZ)
    await caller.hear_tone(THIRD_HZ)
    await asker.hear_tone(THIRD_HZ)
    await third.hear_silence()
    await asker.hangup()
    caller.play_tone(CALLER_HZ)
    await third.hear_tone(CALLER_HZ)
    await caller.hear_tone(THIRD_HZ)
    await world.event("EventPartyDeleted", this_dn="1002")
    await third.hangup()
    await caller.wait_ended()


async def test_keys_and_a_third_party_that_refuses(world: World) -> None:
    caller, asker = await world.talk()
    await world.ask(t.RequestSendDtmf, this_dn="1001", dtmf_digits="42", reference_id="keys")
    assert (await world.event("EventDTMFSent", reference_id="keys")).digits == "42"
    pressed = await caller.wait_request("INFO", nth=2)
    assert (pressed.content_type, pressed.body.split(b"\r\n")[0]) == ("application/dtmf-relay", b"Signal=2")
    await world.ask(t.RequestSingleStepTransfer, this_dn="1001", other_dn="1002", reference_id="away")
    (await world.third.wait_call(10)).reject(486)
    assert (await world.event("EventError", reference_id="away")).reason in ("busy", "rejected")
    await caller.hear_tone(ASKER_HZ)
    await asker.hear_tone(CALLER_HZ)


async def test_between_our_phones_who_is_held_hears_music_and_can_be_given_away(world: World) -> None:
    first = await world.other.call("1001")
    second = await world.asker.wait_call(10)
    await second.answer()
    await first.wait_answered()
    first.play_tone(CALLER_HZ)
    second.play_tone(ASKER_HZ)
    await second.hear_tone(CALLER_HZ)
    await first.hold()
    await second.hear_speech_or_music()
    await first.retrieve()
    await second.hear_tone(CALLER_HZ)
    world.conn_id = (await world.event("EventDialing", this_dn="1003")).conn_id
    await world.ask(t.RequestSingleStepTransfer, this_dn="1003", other_dn="1002")
    third = await world.third.wait_call(10)
    await third.answer()
    third.play_tone(THIRD_HZ)
    await first.wait_ended()
    await second.hear_tone(THIRD_HZ)
    await third.hear_tone(ASKER_HZ)
