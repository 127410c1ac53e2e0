"""The media service on real sockets: a scripted phone stands where sip_cluster and the caller are."""

import asyncio
import socket

import msgspec
import pytest

from ringback.contracts import treatment as t
from ringback.contracts.applications import CallData
from ringback.contracts.configuration import kind_key, version_key
from ringback.contracts.telephony import SipNode
from ringback.contracts.voicemail import VoiceMessage
from ringback.domain.configuration import Mailbox
from ringback.media.recording import read_wav
from ringback.media.tone import which_tone
from ringback.runtime.directory import list_nodes
from ringback.runtime.http import HttpClient
from ringback.runtime.valkey import Valkey
from ringback.testing.phone import CallFailedError, NotHeardError, Phone
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import private_host

HOST = private_host()
TARGET = f"sip:media@{HOST}:5072;transport=tcp"


@pytest.fixture
async def platform(valkey_url, tmp_path):
    valkey = Valkey(valkey_url)
    await valkey.start()
    for box in (Mailbox(id="8500", max_seconds=30), Mailbox(id="8501", max_messages=0)):
        await valkey.call("HSET", kind_key("demo", "dns"), box.id, msgspec.json.encode(box))
    await valkey.call("SET", version_key("demo"), 1)
    await valkey.stop()
    env = {
        "RINGBACK_MEDIA_MAX_CALLS": "3",
        "RINGBACK_MEDIA_DEPOSIT_TRIES": "1",
        "RINGBACK_MEDIA_RTP_SECOND_HOST": "::1",
    }
    async with ServiceHarness(
        "config", "voicemail", "media", valkey_url=valkey_url, host=HOST, data=str(tmp_path), env=env
    ) as running:
        yield running


@pytest.fixture
async def phone(platform):
    async with Phone("+15550100", transport="tcp") as phone:
        yield phone


@pytest.fixture
async def call(phone):
    return await connected(phone)


async def connected(phone):
    headers = (("X-Ringback-Conn-Id", "conn1"), ("X-Ringback-Tenant", "demo"))
    call = await phone.call(TARGET, headers=headers)
    await call.wait_answered()
    return call


async def tell(call, command):
    return await call.info(msgspec.json.encode(command), t.CONTENT_TYPE)


async def ended(call, nth=1, timeout=10.0):
    request = await call.wait_request("INFO", nth=nth, timeout=timeout)
    assert request.content_type == t.CONTENT_TYPE
    return msgspec.json.decode(request.body, type=t.TreatmentEnded)


async def test_music_plays_until_something_else_is_commanded(call):
    assert await tell(call, t.Music(reference="m")) == 200
    await call.hear_speech_or_music()
    assert await tell(call, t.Stop()) == 200
    assert await ended(call) == t.TreatmentEnded(reference="m", reason="interrupted")
    await call.hear_silence()


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
async def test_rfc4566_5_7_who_speaks_ipv6_is_answered_with_an_address_of_that_version(platform):
    async with Phone("+15550100", transport="tcp", host="::1") as phone:
        call = await connected(phone)
        assert await tell(call, t.Music(reference="m")) == 200
        await call.hear_speech_or_music()
        await call.hangup()


async def test_an_announcement_is_heard_then_reported_and_music_follows(call):
    assert await tell(call, t.Play(reference="r1", prompts=("goodbye", "number:7"), then="music")) == 200
    await call.hear_speech_or_music()
    assert await ended(call) == t.TreatmentEnded(reference="r1", reason="finished")
    await call.hear_speech_or_music()


async def test_the_first_command_may_come_with_the_invite(phone):
    first = t.Play(reference="r1", prompts=("beep",), then="music")
    call = await phone.call(TARGET, headers=((t.HEADER, t.in_header(first)),))
    await call.wait_answered()
    assert call.header(t.HEADER) == t.TAKEN
    assert await tell(call, first) == 200  # again, from a node that knows no better: it goes on
    assert await ended(call) == t.TreatmentEnded(reference="r1", reason="finished")
    await call.hear_speech_or_music()


@pytest.mark.parametrize("text", ['{"do":"play","prompts":["nosuch"]}', '{"do":"stop"}', "not JSON"])
async def test_a_first_command_that_cannot_be_begun_is_not_taken(phone, text):
    call = await phone.call(TARGET, headers=((t.HEADER, text),))
    await call.wait_answered()
    assert call.header(t.HEADER) is None
    assert await tell(call, t.Play(reference="r1", prompts=("beep",))) == 200
    assert await ended(call) == t.TreatmentEnded(reference="r1", reason="finished")


async def test_a_command_without_a_reference_is_not_reported(call):
    await tell(call, t.Play(prompts=("beep",)))
    await call.hear_tone(1000)
    await tell(call, t.Play(reference="second"))
    assert (await ended(call)).reference == "second"


async def test_digits_are_collected_and_the_first_one_silences_the_prompt(call):
    await tell(call, t.Collect(reference="c", prompts=("callback-offer",), max_digits=2))
    await call.hear_speech_or_music()
    call.send_dtmf("12")
    assert await ended(call) == t.TreatmentEnded(reference="c", reason="finished", digits="12")
    await call.hear_silence()


async def test_a_caller_who_presses_nothing_is_a_timeout(call):
    await tell(call, t.Collect(reference="c", prompts=("number-1",), timeout_s=0.3))
    assert await ended(call) == t.TreatmentEnded(reference="c", reason="timeout")


async def messages(platform, box="8500"):
    client = HttpClient(platform.context(), "voicemail")
    return await client.get(f"/fs/mailboxes/demo/{box}/messages", list[VoiceMessage])


async def test_a_message_is_recorded_and_deposited_when_the_caller_presses_hash(call, platform):
    await tell(call, t.Record(reference="v", mailbox="8500"))
    await call.hear_speech_or_music()
    await call.hear_tone(1000, timeout=10)
    call.play_tone(440)
    await call.hear_silence()
    await asyncio.sleep(1.3)  # the length of the message, not a wait for something
    call.send_dtmf("#")
    assert await ended(call) == t.TreatmentEnded(reference="v", reason="finished")
    (message,) = await messages(platform)
    assert (message.from_number, message.conn_id) == ("+15550100", "conn1")
    assert message.seconds > 1
    client = HttpClient(platform.context(), "voicemail")
    reply = await client.request("GET", f"/fs/mailboxes/demo/8500/messages/{message.id}/audio")
    assert which_tone(read_wav(reply.body)[8000:24000], [440, 1000]) == 440


async def test_the_longest_message_ends_by_itself(call, platform):
    await tell(call, t.Record(reference="v", mailbox="8500", max_s=1.5))
    assert (await ended(call, timeout=15)).reason == "max"
    assert (await messages(platform))[0].seconds == 1.5


class Known:
    """What orchestration would say of a call, and for which it was asked."""

    def __init__(self):
        self.asked = []

    async def of(self, conn_id):
        self.asked.append(conn_id)
        return CallData(tenant="demo", conn_id=conn_id, session_id="s", kind="inbound", ani="+15550199")


async def test_a_message_is_kept_on_hang_up_and_only_for_one_is_asked_who_called(call, platform):
    known = platform["media"].calls.call_data = Known()
    await tell(call, t.Play(reference="p"))
    await ended(call)
    assert known.asked == []
    await tell(call, t.Record(mailbox="8500"))
    await call.hear_tone(1000, timeout=10)
    call.play_tone(440)
    await asyncio.sleep(1.3)  # the length of the message, not a wait for something
    await call.hangup()
    await asyncio.wait_for(platform["media"].drain(), 20)
    assert [message.from_number for message in await messages(platform)] == ["+15550199"]
    assert known.asked == ["conn1"]


@pytest.mark.parametrize("box", ["8501", "8599"])
async def test_a_mailbox_that_is_full_or_unknown_ends_with_an_error(call, box):
    await tell(call, t.Record(reference="v", mailbox=box))
    assert (await ended(call)).reason == "error"


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", t.CONTENT_TYPE, 400),
        (b'{"do":"sing"}', t.CONTENT_TYPE, 400),
        (b'{"do":"play","prompts":["nope"]}', t.CONTENT_TYPE, 400),
        (b'{"do":"play","prompts":["number:x"]}', t.CONTENT_TYPE, 400),
        (b'{"do":"record"}', t.CONTENT_TYPE, 400),
        (b"Signal=5", "application/dtmf-relay", 415),
    ],
)
async def test_a_bad_command_is_refused_and_what_plays_goes_on(call, body, content_type, status):
    await tell(call, t.Music())
    assert await call.info(body, content_type) == status
    await call.hear_speech_or_music()


async def test_a_held_caller_gets_nothing_and_then_music_again(call):
    await tell(call, t.Music())
    await call.hear_speech_or_music()
    await call.hold()
    with pytest.raises(NotHeardError):
        await call.hear_speech_or_music(timeout=0.6)
    await call.retrieve()
    await call.hear_speech_or_music()


async def test_beyond_its_limit_calls_are_refused_and_the_others_unharmed(phone, call):
    await tell(call, t.Music())
    more = [await connected(phone) for _ in range(2)]
    refused = await phone.call(TARGET)
    with pytest.raises(CallFailedError) as failure:
        await refused.wait_answered()
    assert failure.value.status == 503
    assert refused.header("Retry-After") == "2"
    await more[0].hangup()
    await (await phone.call(TARGET)).wait_answered()
    await call.hear_speech_or_music()


async def test_it_is_in_the_directory_and_says_when_it_drains(phone, platform):
    valkey = platform.process.valkey
    (node,) = (await list_nodes(valkey, "media", SipNode)).values()
    assert (node.sip_host, node.sip_port, node.draining) == (HOST, 5072, False)
    await platform["media"].drain()
    (node,) = (await list_nodes(valkey, "media", SipNode)).values()
    assert node.draining
    refused = await phone.call(TARGET)
    with pytest.raises(CallFailedError, match="503"):
        await refused.wait_answered()


async def test_when_the_service_stops_its_calls_get_a_bye(call, platform):
    await platform["media"].stop()
    await call.wait_ended()
    assert call.ended_by_peer


async def test_a_peer_that_has_forgotten_the_call_ends_it(phone, call, platform):
    calls = platform["media"].calls
    (leg,) = calls._legs.values()
    phone.remove(call)
    call.port.close()
    leg.ask_for_life()
    await asyncio.wait_for(calls.drained(), 20)
    assert leg.closed


async def test_a_request_for_a_call_that_is_not_there_is_481(call, platform):
    (leg,) = platform["media"].calls._legs.values()
    leg.close()
    assert await tell(call, t.Music()) == 481


async def test_what_the_network_did_not_take_is_counted_once_a_call_has_ended(call, platform):
    (leg,) = platform["media"].calls._legs.values()

    def full(*_):
        raise BlockingIOError

    leg.port._send = full
    assert await tell(call, t.Music()) == 200
    async with asyncio.timeout(20):
        while not leg.port.unsent:
            await asyncio.sleep(0)
    unsent = leg.port.unsent
    leg.close()
    metrics = (await HttpClient(platform.context(), "media").request("GET", "/metrics")).body.decode()
    assert f"ringback_media_unsent_packets_total {unsent}.0" in metrics


async def test_its_connections_are_counted(call, platform):
    await tell(call, t.Record(reference="v", mailbox="8500"))
    await call.hear_speech_or_music()
    metrics = (await HttpClient(platform.context(), "media").request("GET", "/metrics")).body.decode()
    for row, direction in (("voice-58", "sent"), ("voice-58", "received"), ("voice-18", "sent")):
        assert f'connection="{row}",direction="{direction}"' in metrics
    assert "ringback_media_calls 1.0" in metrics
    assert 'ringback_media_commands_total{do="record"} 1.0' in metrics


@pytest.mark.parametrize(
    ("prompts", "heard"),
    [(("goodbye",), "PERSON"), (("voicemail-greeting", "voicemail-greeting"), "ANSWERING_MACHINE")],
)
async def test_it_is_heard_who_or_what_has_answered(call, prompts, heard):
    await tell(call, t.Detect(reference="d1", timeout_s=8.0))
    call.play_prompts(*prompts)
    found = await ended(call)
    assert (found.reference, found.reason, found.heard) == ("d1", "finished", heard)


async def test_the_beep_of_an_answering_machine_is_heard_when_it_has_ended(call):
    await tell(call, t.Detect(reference="b1", what="beep", timeout_s=10.0))
    call.play_prompts("voicemail-greeting", "beep")
    assert (await ended(call)).heard == "BEEP"


async def test_listening_ends_by_its_time(call):
    await tell(call, t.Detect(reference="d2", timeout_s=0.3))
    found = await ended(call)
    assert (found.reason, found.heard) == ("timeout", "PERSON")
