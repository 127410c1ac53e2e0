"""Session descriptions and offer/answer (RFC 8866, RFC 3264)."""

import pytest

from ringback.sip.errors import SdpError
from ringback.sip.sdp import PCMA, PCMU, Codec, Sdp, answer_direction, build_answer, build_offer

VIDEO = (
    "v=0\r\no=alice 1 7 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    "m=audio 49170 RTP/AVP 18 96 0 97\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:97 telephone-event/8000\r\n"
    "a=fmtp:97 0-15\r\na=sendonly\r\n"
    "m=video 51372 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\n"
)


def test_what_is_written_is_read_back() -> None:
    offer = build_offer("192.0.2.1", 4000, "77")
    again = Sdp.parse(offer.to_bytes())
    assert str(again) == str(offer)
    assert again.audio_address == ("192.0.2.1", 4000)


class TestRfc3264Section6:
    """The answer."""

    def test_it_takes_common_audio_and_refuses_video(self) -> None:
        answer = build_answer(Sdp.parse(VIDEO), "198.51.100.1", 5000, "9")
        assert [codec.payload for codec in answer.media[0].codecs] == [0, 97]
        assert [media.port for media in answer.media] == [5000, 0]
        assert "m=video 0 RTP/AVP 31" in str(answer)

    def test_the_offerer_payload_numbers_are_kept(self) -> None:
        answer = build_answer(Sdp.parse(VIDEO), "198.51.100.1", 5000, "9")
        assert answer.media[0].codecs[1] == Codec(97, "telephone-event/8000", "0-15")

    def test_hold_is_answered_with_recvonly(self) -> None:
        assert build_answer(Sdp.parse(VIDEO), "198.51.100.1", 5000, "9").audio_direction == "recvonly"

    def test_nothing_in_common_is_an_error(self) -> None:
        with pytest.raises(SdpError):
            build_answer(build_offer("192.0.2.1", 4000, "1", codecs=(PCMA,)), "x", 1, "1", codecs=(PCMU,))

    @pytest.mark.parametrize(
        ("offered", "wanted", "answered"),
        [
            ("sendrecv", "sendrecv", "sendrecv"),
            ("sendonly", "sendrecv", "recvonly"),
            ("recvonly", "sendrecv", "sendonly"),
            ("inactive", "sendrecv", "inactive"),
            ("sendrecv", "sendonly", "sendonly"),
            ("sendonly", "sendonly", "inactive"),
        ],
    )
    def test_directions_are_mirrored(self, offered: str, wanted: str, answered: str) -> None:
        assert answer_direction(offered, wanted) == answered


def test_hold_and_retrieve_raise_the_version_and_keep_the_session() -> None:
    """RFC 3264 8."""
    offer = build_offer("192.0.2.1", 4000, "77")
    held = offer.with_direction("sendonly").next_version()
    assert (held.session_id, held.version, held.audio_direction) == ("77", 2, "sendonly")


def test_the_old_way_to_hold_is_understood() -> None:
    """RFC 3264 8.4."""
    held = build_offer("192.0.2.1", 4000, "1").with_address("0.0.0.0")
    assert held.audio_direction == "sendonly"


def test_another_address_and_port_can_be_put_in() -> None:
    moved = Sdp.parse(VIDEO).with_address("203.0.113.5", 6000)
    assert moved.audio_address == ("203.0.113.5", 6000)
    assert "192.0.2.1" not in str(moved)
    assert moved.media[1].port == 51372


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=1\r\n",
        "v=0\r\no=- 1 1 IN IP4 x\r\nm=audio x RTP/AVP 0\r\n",
        "v=0\r\no=- 1 1 IN IP4 x\r\nm=audio 1 RTP/AVP 0",
    ],
)
def test_a_bad_description_is_an_error(text: str) -> None:
    with pytest.raises(SdpError):
        Sdp.parse(text)
