import pytest

from ringback.media import prompts
from ringback.media.dtmf import (
    DIGITS,
    DtmfReceiver,
    DtmfSender,
    InbandDtmfDetector,
    TelephoneEvent,
    digit_tone,
)
from ringback.media.g711 import pcm_to_ulaw, ulaw_to_pcm
from ringback.media.rtp import RtpPacket
from ringback.media.tone import sine

PAUSE = bytes(2 * 8 * 80)


def packets_of(digits):
    """What a sender of *digits* puts on the wire, as (marker, timestamp, payload) in RTP packets."""
    sender, packets, now = DtmfSender(), [], 160
    sender.send(digits)
    while sender.pending:
        if (event := sender.next_packet()) is not None:
            stamp = now - event.offset
            packets.append(RtpPacket(101, len(packets), stamp, 1, event.payload, event.marker))
        now += 160
    return packets


class TestRfc4733:
    def test_an_event_has_one_timestamp_one_marker_and_three_ends(self):
        packets = packets_of("5")
        events = [TelephoneEvent.parse(one.payload) for one in packets]
        assert {one.timestamp for one in packets} == {160}
        assert [one.marker for one in packets] == [True] + [False] * 7
        assert [event.end for event in events] == [False] * 5 + [True] * 3
        assert [event.duration for event in events] == [160, 320, 480, 640, 800, 800, 800, 800]
        assert {event.event for event in events} == {5}

    def test_every_digit_is_heard_once_in_order(self):
        receiver = DtmfReceiver()
        heard = [receiver.receive(one) for one in packets_of("0123456789*#ABCD11")]
        assert "".join(digit for digit in heard if digit) == DIGITS + "11"

    @pytest.mark.parametrize("lost", range(8))
    def test_a_digit_is_heard_whichever_seven_packets_are_lost(self, lost):
        receiver = DtmfReceiver()
        assert receiver.receive(packets_of("7")[lost]) == "7"

    def test_a_late_packet_of_an_earlier_event_is_not_a_new_digit(self):
        packets = packets_of("12")
        receiver = DtmfReceiver()
        assert [receiver.receive(packets[at]) for at in (0, 8, 1)] == ["1", "2", None]

    def test_an_event_that_is_not_a_digit_is_passed_over(self):
        payload = TelephoneEvent(36, False, 0, 160).build()
        assert DtmfReceiver().receive(RtpPacket(101, 1, 1, 1, payload)) is None

    def test_a_short_payload_is_an_error(self):
        with pytest.raises(ValueError, match="shorter"):
            TelephoneEvent.parse(b"\x01")

    def test_what_is_not_a_digit_is_refused_whole(self):
        sender = DtmfSender()
        with pytest.raises(ValueError, match="not DTMF"):
            sender.send("12x")
        assert not sender.pending


class TestInband:
    def test_all_sixteen_digits_are_heard_through_g711(self):
        audio = b"".join(digit_tone(digit, 0.08) + PAUSE for digit in DIGITS)
        detector = InbandDtmfDetector()
        through = ulaw_to_pcm(pcm_to_ulaw(audio))
        heard = [
            digit for at in range(0, len(through), 320) for digit in detector.push(through[at : at + 320])
        ]
        assert "".join(heard) == DIGITS

    def test_the_same_digit_twice_is_heard_twice(self):
        audio = (digit_tone("4") + PAUSE) * 2
        assert InbandDtmfDetector().push(audio) == ["4", "4"]

    def test_a_long_press_is_one_digit(self):
        assert InbandDtmfDetector().push(digit_tone("9", 1.0)) == ["9"]

    @pytest.mark.parametrize("name", ["welcome", "callback-offer", "number-not-available", "music", "beep"])
    def test_speech_and_music_are_not_digits(self, name):
        assert InbandDtmfDetector().push(ulaw_to_pcm(prompts.load(name))) == []

    def test_one_of_the_two_tones_alone_is_not_a_digit(self):
        assert InbandDtmfDetector().push(sine(697, 0.2)) == []
