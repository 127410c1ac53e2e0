import pytest

from ringback.media.g711 import PCMA, PCMU
from ringback.media.port import RtpPort
from ringback.services.media.negotiation import AudioEnd, host_toward
from ringback.sip.errors import SdpError
from ringback.sip.sdp import Sdp

OFFER = """v=0
o=- 1 1 IN IP4 192.0.2.7
s=-
c=IN IP4 192.0.2.7
t=0 0
m=audio 4000 RTP/AVP 8 0 96
a=rtpmap:96 telephone-event/8000
"""


@pytest.fixture
async def end():
    port = RtpPort.open("127.0.0.1")
    yield AudioEnd(port, "77")
    port.close()


def offer(*changes):
    text = OFFER
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text.encode()


class TestRfc3264:
    async def test_an_answer_takes_the_first_codec_of_the_offer_and_its_event_payload(self, end):
        answer = Sdp.parse(end.answer(offer()))
        assert end.port.session.codec is PCMA
        assert end.port.session.telephone_event == 96
        assert end.port.remote == ("192.0.2.7", 4000)
        assert answer.audio_address == end.port.address
        assert [codec.payload for codec in answer.audio.codecs] == [8, 0, 96]

    async def test_an_answer_to_our_offer_is_taken(self, end):
        assert Sdp.parse(end.offer()).audio_direction == "sendrecv"
        end.accept(offer(("8 0 96", "0 96")))
        assert end.port.session.codec is PCMU

    async def test_a_peer_without_telephone_event_is_listened_to_for_inband_digits(self, end):
        end.answer(offer((" 96", ""), ("a=rtpmap:96 telephone-event/8000\n", "")))
        assert end.port.session.telephone_event is None
        assert end.port.session.inband is not None
        end.answer(offer())
        assert end.port.session.inband is None

    @pytest.mark.parametrize(
        ("theirs", "ours", "sending", "receiving"),
        [
            ("sendrecv", "sendrecv", True, True),
            ("sendonly", "recvonly", False, True),
            ("recvonly", "sendonly", True, False),
            ("inactive", "inactive", False, False),
        ],
    )
    async def test_the_direction_follows_the_offer(self, end, theirs, ours, sending, receiving):
        answer = Sdp.parse(end.answer(offer() + f"a={theirs}\n".encode()))
        assert answer.audio_direction == ours
        assert (end.port.session.sending, end.port.session.receiving) == (sending, receiving)
        assert end.held == (theirs in ("sendonly", "inactive"))

    async def test_a_side_that_holds_answers_narrower(self, end):
        end.wanted = "sendonly"
        assert Sdp.parse(end.answer(offer())).audio_direction == "sendonly"
        assert not end.port.session.receiving

    async def test_the_old_way_to_hold_stops_us_from_sending(self, end):
        end.answer(offer(("c=IN IP4 192.0.2.7", "c=IN IP4 0.0.0.0")))
        assert not end.port.session.sending
        assert end.port.remote is None

    async def test_the_version_goes_up_only_when_something_changed(self, end):
        versions = [Sdp.parse(end.offer()).version for _ in range(2)]
        end.wanted = "sendonly"
        versions += [Sdp.parse(end.offer()).version for _ in range(2)]
        assert versions == [1, 1, 2, 2]

    @pytest.mark.parametrize(
        "changes",
        [
            [("8 0 96", "18 96")],
            [("m=audio 4000", "m=audio 0")],
            [("m=audio", "m=video")],
            [("v=0", "v=1")],
            [("8 0 96", "96")],
        ],
        ids=["foreign codec", "refused", "video", "not SDP", "digits only"],
    )
    async def test_an_offer_that_cannot_be_spoken_is_an_error_and_changes_nothing(self, end, changes):
        end.answer(offer())
        with pytest.raises(SdpError):
            end.answer(offer(*changes))
        assert end.port.remote == ("192.0.2.7", 4000)
        assert end.port.session.codec is PCMA


async def test_a_description_with_the_same_address_keeps_the_latch_and_a_new_one_does_not(end):
    end.answer(offer())
    end.port.remote = ("198.51.100.1", 9)  # as if the peer were behind a NAT
    end.answer(offer() + b"a=sendonly\n")
    assert end.port.remote == ("198.51.100.1", 9)
    end.answer(offer(("4000", "4002")))
    assert end.port.remote == ("192.0.2.7", 4002)


@pytest.mark.parametrize(
    ("line", "host"),
    [
        ("c=IN IP4 192.0.2.7", "127.0.0.1"),
        ("c=IN IP6 2001:db8::7", "::1"),
        ("c=IN IP4 0.0.0.0", "127.0.0.1"),
        ("c=IN IP6 phone.example", "127.0.0.1"),
        ("c=nonsense", "127.0.0.1"),
    ],
)
def test_rfc4566_5_7_each_hears_from_an_address_of_its_version(line, host):
    described = offer(("c=IN IP4 192.0.2.7", line))
    assert host_toward(described, "127.0.0.1", "::1") == host
    assert host_toward(described, "127.0.0.1", "") == "127.0.0.1"
    assert host_toward(b"", "127.0.0.1", "::1") == "127.0.0.1"
