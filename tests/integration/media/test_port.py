import asyncio
import gc
import socket
import weakref

import pytest

from ringback.media.player import Player
from ringback.media.port import RtpPort
from ringback.media.ports import NoPortError, PortRange
from ringback.media.rtp import RtpPacket
from ringback.media.session import AudioReceived, DigitReceived
from ringback.media.tone import ToneSource, which_tone

HOST = "127.0.0.1"


class Ear:
    """Collects what a port hears, and lets a test wait for it."""

    def __init__(self):
        self.events = asyncio.Queue()
        self.port = RtpPort.open(HOST, self.events.put_nowait)

    async def audio(self, seconds):
        audio = b""
        while len(audio) < seconds * 16000:
            event = await asyncio.wait_for(self.events.get(), 20)
            if isinstance(event, AudioReceived):
                audio += event.pcm
        return audio

    async def digit(self):
        while not isinstance(event := await asyncio.wait_for(self.events.get(), 20), DigitReceived):
            pass
        return event.digit


@pytest.fixture
async def ears():
    pair = Ear(), Ear()
    yield pair
    for ear in pair:
        ear.port.close()


async def test_two_ports_hear_each_other_and_the_second_learns_where_the_first_is(ears):
    left, right = ears
    left.port.set_remote(right.port.address)
    left.port.session.play(ToneSource(440))
    right.port.session.play(ToneSource(1000))
    assert which_tone(await right.audio(0.2), [440, 1000]) == 440
    assert right.port.remote == left.port.address
    assert which_tone((await left.audio(0.4))[-3200:], [440, 1000]) == 1000


async def test_packets_leave_every_20_milliseconds(ears):
    left, right = ears
    loop = asyncio.get_running_loop()
    start = loop.time()
    left.port.set_remote(right.port.address)
    await right.audio(0.52)
    # On a busy machine they may come late and together, but never before their time.
    assert 0.45 < loop.time() - start < 5.0


async def test_digits_cross(ears):
    left, right = ears
    left.port.set_remote(right.port.address)
    left.port.session.send_dtmf("8")
    assert await right.digit() == "8"


async def test_after_the_latch_a_stranger_is_not_heard(ears):
    left, right = ears
    left.port.set_remote(right.port.address)
    await right.audio(0.02)
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        stranger.sendto(RtpPacket(0, 1, 1, 99, b"\x00" * 160).build(), right.port.address)
        await right.audio(0.1)
        assert right.port.remote == left.port.address
        assert right.port.session.statistics.ssrc != 99
    finally:
        stranger.close()


async def test_a_stray_sender_that_comes_first_gives_way_to_the_described_peer(ears):
    left, right = ears
    right.port.set_remote(left.port.address)
    stray = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        stray.sendto(RtpPacket(0, 1, 1, 99, b"\x00" * 160).build(), right.port.address)
        await right.audio(0.02)
        assert right.port.remote[1] == stray.getsockname()[1]
        left.port.set_remote(right.port.address)
        await right.audio(0.1)
        assert right.port.remote == left.port.address
    finally:
        stray.close()


async def test_noise_that_is_not_rtp_does_not_latch(ears):
    left, right = ears
    noise = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        noise.sendto(b"hello", right.port.address)
        left.port.set_remote(right.port.address)
        await right.audio(0.02)
        assert right.port.remote == left.port.address
        assert right.port.session.malformed == 1
    finally:
        noise.close()


async def test_a_far_end_that_is_not_there_harms_nobody(ears):
    left, right = ears
    gone = RtpPort.open(HOST)
    gone.close()
    gone.close()
    left.port.set_remote(("127.0.0.1", 9))
    right.port.set_remote(left.port.address)
    await left.audio(0.1)
    right.port.set_remote(None)


def test_a_port_range_gives_even_ports_in_turn_and_then_no_more():
    probe = PortRange().bind(HOST)
    low = probe.getsockname()[1] & ~1
    probe.close()
    ports = PortRange(low, low + 3)
    sockets = [ports.bind(HOST), ports.bind(HOST)]
    try:
        assert [sock.getsockname()[1] for sock in sockets] == [low, low + 2]
        with pytest.raises(NoPortError):
            ports.bind(HOST)
    finally:
        for sock in sockets:
            sock.close()


def test_a_port_range_without_an_even_port_is_refused():
    with pytest.raises(ValueError, match="even"):
        PortRange(4001, 4001)


async def test_a_handler_that_fails_stops_neither_its_port_nor_the_others(ears, caplog):
    left, right = ears
    left.port.session.send_dtmf("1")
    failures = []

    def fail(event):
        failures.append(event)
        raise RuntimeError("a broken handler")

    broken = RtpPort.open(HOST, fail)
    try:
        broken.session.play(Player([b"\xff" * 160]))
        left.port.set_remote(broken.address)
        right.port.set_remote(left.port.address)
        await left.audio(0.3)
        assert len(failures) > 1
        assert "the handler of PlaybackEnded failed" in caplog.text
    finally:
        broken.close()


async def test_a_closed_port_and_who_heard_it_are_gone_without_the_garbage_collector():
    class Listener:
        def __init__(self):
            self.port = RtpPort.open("127.0.0.1", self.hear)

        def hear(self, _event):
            """Knows the port that knows it."""

    listener = Listener()
    gone = weakref.ref(listener)
    gc.disable()
    try:
        listener.port.close()
        del listener
        assert gone() is None
    finally:
        gc.enable()
