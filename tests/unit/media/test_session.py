from ringback.media import prompts
from ringback.media.dtmf import digit_tone
from ringback.media.g711 import PCMA, PCMU, pcm_to_ulaw
from ringback.media.player import Player
from ringback.media.rtp import RtpPacket
from ringback.media.session import AudioReceived, DigitReceived, PlaybackEnded, RtpSession
from ringback.media.tone import ToneSource, which_tone


def transfer(sender, receiver, ticks):
    """Carry *ticks* frames from one session to the other; returns all that the receiver heard."""
    events = []
    for tick in range(ticks):
        if (datagram := sender.pull()) is not None:
            receiver.receive(datagram, tick * 0.02)
        events += receiver.take_events()
    return events


def audio_of(events):
    return b"".join(event.pcm for event in events if isinstance(event, AudioReceived))


def digits_of(events):
    return "".join(event.digit for event in events if isinstance(event, DigitReceived))


def test_a_tone_is_heard_at_the_other_end():
    sender = RtpSession(1, sequence=65530, timestamp=2**32 - 500)
    sender.play(ToneSource(440))
    receiver = RtpSession(2)
    assert which_tone(audio_of(transfer(sender, receiver, 20)), [440, 1000]) == 440
    assert (receiver.statistics.received, receiver.statistics.lost) == (20, 0)


def test_the_two_ends_may_use_different_codecs():
    sender = RtpSession(1, codec=PCMA)
    sender.play(ToneSource(1000))
    assert which_tone(audio_of(transfer(sender, RtpSession(2, codec=PCMU), 10)), [440, 1000]) == 1000


def test_without_a_source_silence_is_sent():
    events = transfer(RtpSession(1), RtpSession(2), 3)
    assert [event.payload for event in events] == [PCMU.silence] * 3


def test_digits_arrive_as_events_between_the_audio():
    sender, receiver = RtpSession(1), RtpSession(2)
    sender.play(ToneSource(440))
    sender.send_dtmf("12#")
    events = transfer(sender, receiver, 40)
    assert digits_of(events) == "12#"
    assert which_tone(audio_of(events)[-3200:], [440, 1000]) == 440
    assert receiver.statistics.lost == 0


def test_inband_digits_are_heard_when_asked_for():
    sender, receiver = RtpSession(1), RtpSession(2, detect_inband=True)
    sender.play(Player([pcm_to_ulaw(digit_tone("5"))]))
    assert [event for event in transfer(sender, receiver, 10) if isinstance(event, DigitReceived)] == [
        DigitReceived("5", inband=True)
    ]


def test_a_playback_says_when_it_has_ended_and_silence_follows():
    sender = RtpSession(1)
    player = Player([b"a" * 320])
    sender.play(player)
    payloads = [RtpPacket.parse(sender.pull()).payload for _ in range(3)]
    assert payloads == [b"a" * 160, b"a" * 160, PCMU.silence]
    assert sender.take_events() == [PlaybackEnded(player)]
    assert sender.source is None


def test_a_talkspurt_begins_with_the_marker_and_goes_on_without():
    sender = RtpSession(1)
    sender.play(Player.of([prompts.BEEP]))
    assert [RtpPacket.parse(sender.pull()).marker for _ in range(3)] == [True, False, False]


def test_a_held_session_sends_nothing_but_time_goes_on():
    sender = RtpSession(1, timestamp=0)
    sender.sending = False
    assert [sender.pull(), sender.pull()] == [None, None]
    sender.sending = True
    packet = RtpPacket.parse(sender.pull())
    assert (packet.sequence, packet.timestamp, packet.marker) == (0, 320, True)


def test_a_session_that_does_not_receive_hears_nothing_but_counts():
    sender, receiver = RtpSession(1), RtpSession(2)
    receiver.receiving = False
    assert transfer(sender, receiver, 5) == []
    assert receiver.statistics.received == 5


def test_hostile_datagrams_are_counted_and_change_nothing():
    receiver = RtpSession(2)
    assert not receiver.receive(b"not rtp", 0)
    assert not receiver.receive(RtpPacket(34, 1, 1, 1, b"video").build(), 0)
    assert not receiver.receive(RtpPacket(101, 1, 1, 1, b"\x01").build(), 0)
    assert receiver.malformed == 3
    assert receiver.take_events() == []
    assert receiver.statistics.received == 0
