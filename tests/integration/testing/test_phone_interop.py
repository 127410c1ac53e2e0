"""The scripted phone against baresip, a user agent that this project did not write."""

import asyncio

import pytest

from ringback.media.tone import sine, which_tone
from ringback.testing.phone import NotHeardError, Phone

baresip = pytest.importorskip("baresip")


class Peer:
    """A baresip user agent; it speaks a tone and tells what it hears."""

    def __init__(self, agent, runtime):
        self.agent, self.runtime = agent, runtime

    async def speak(self, call, hz, seconds=3.0):
        audio = sine(hz, seconds)
        assert call.audio.info().tx_sample_rate == 8000
        at = 0
        while at < len(audio):
            at += call.audio.write(audio[at : at + 6400])
            await asyncio.sleep(0.02)

    async def hears(self, call, candidates, timeout=5.0):
        heard = b""
        async with asyncio.timeout(timeout):
            while (tone := which_tone(heard[-3200:], candidates)) is None:
                try:
                    heard += call.audio.read(3200)
                except baresip.AudioRestarted:
                    heard = b""  # a renegotiation replaced the stream: what came before is gone
                await asyncio.sleep(0.02)
        return tone


@pytest.fixture
async def runtime():
    running = baresip.Runtime()
    await running.start(baresip.Config(net_interface="127.0.0.1", audio_driver="aumem"))
    yield running
    await running.close()


@pytest.fixture(params=["udp", "tcp"])
async def world(request, runtime):
    async with Phone("alice", transport=request.param) as phone:
        host, port = phone.address
        account = baresip.Account("bob", f"{host}:{port}", "", reg_interval=0, transport=request.param)
        agent = await baresip.UserAgent.create(runtime, account)
        yield phone, Peer(agent, runtime)


async def test_it_answers_a_foreign_call_and_both_hear_each_other(world):
    phone, peer = world
    theirs = await peer.agent.dial(phone.uri)
    ours = await phone.wait_call()
    ours.ring()
    await asyncio.gather(ours.answer(), theirs.wait_established(5))
    ours.play_tone(440)
    assert await peer.hears(theirs, [440, 1000]) == 440
    speaking = asyncio.ensure_future(peer.speak(theirs, 1000))
    await ours.hear_tone(1000)
    speaking.cancel()
    await theirs.send_dtmf("42")
    assert await ours.hear_digits(2) == "42"
    await theirs.hangup()
    await ours.wait_ended()
    assert ours.ended_by_peer


async def test_a_foreign_hold_silences_us_and_its_retrieve_lets_us_speak(world):
    phone, peer = world
    theirs = await peer.agent.dial(phone.uri)
    ours = await phone.wait_call()
    await asyncio.gather(ours.answer(), theirs.wait_established(5))
    await theirs.hold()
    await ours.wait_held()
    assert not ours.port.session.sending
    with pytest.raises(NotHeardError):
        await ours.hear_tone(1000, timeout=0.3)
    await theirs.resume()
    await ours.wait_retrieved()
    ours.play_tone(440)
    assert await peer.hears(theirs, [440, 1000]) == 440
    await ours.hangup()
