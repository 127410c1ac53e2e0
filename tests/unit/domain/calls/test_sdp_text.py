"""What the call does to descriptions, on the text alone."""

from collections.abc import Callable

import pytest

from ringback.domain.calls import inputs as i
from ringback.domain.calls import outputs as o
from ringback.domain.calls import sdp_text
from ringback.domain.calls.types import DestinationKind

Describe = Callable[..., str]

SDP = "\r\n".join(
    [
        "v=0",
        "o=alice 7 9 IN IP4 192.0.2.1",
        "s=-",
        "c=IN IP4 192.0.2.1",
        "t=0 0",
        "m=audio 4000 RTP/AVP 0 8",
        "a=rtpmap:0 PCMU/8000",
        "",
    ]
)


def test_the_origin_is_ours_and_keeps_the_address() -> None:
    """RFC 4566 5.2"""
    assert "o=ringback 12 3 IN IP4 192.0.2.1\r\n" in sdp_text.with_origin(SDP, 12, 3)


def test_only_the_origin_line_changes() -> None:
    changed = sdp_text.with_origin(SDP, 12, 3).split("\r\n")
    assert [line for line in changed if not line.startswith("o=")] == [
        line for line in SDP.split("\r\n") if not line.startswith("o=")
    ]


@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
@pytest.mark.parametrize("direction", ["sendonly", "recvonly", "inactive", "sendrecv"])
def test_a_direction_that_was_set_is_read(direction: str, line_end: str) -> None:
    text = sdp_text.with_direction(SDP.replace("\r\n", line_end), direction)
    assert sdp_text.direction(text) == direction
    assert text.count("a=sendrecv") + text.count("a=inactive") <= 1
    assert "\n\n" not in text.replace("\r", "")


def test_without_a_word_the_stream_goes_both_ways() -> None:
    """RFC 3264 5.1"""
    assert sdp_text.direction(SDP) == "sendrecv"


def test_setting_the_direction_twice_leaves_one() -> None:
    twice = sdp_text.with_direction(sdp_text.with_direction(SDP, "sendonly"), "inactive")
    assert (twice.count("a=sendonly"), twice.count("a=inactive")) == (0, 1)


def test_every_stream_gets_the_direction() -> None:
    video = SDP + "m=video 4002 RTP/AVP 96\r\n"
    audio, moving = sdp_text.with_direction(video, "sendonly").split("m=video")
    assert (audio.count("a=sendonly"), moving.count("a=sendonly")) == (1, 1)


def test_an_address_of_zeros_is_a_hold() -> None:
    """RFC 2543 B.5, as RFC 3264 8.4 remembers it."""
    assert sdp_text.is_hold(SDP.replace("c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0"))


@pytest.mark.parametrize(("direction", "held"), [("sendonly", True), ("inactive", True), ("recvonly", False)])
def test_who_does_not_listen_holds(direction: str, held: bool) -> None:
    assert sdp_text.is_hold(sdp_text.with_direction(SDP, direction)) is held


def test_the_media_level_address_wins() -> None:
    """RFC 4566 5.7"""
    assert sdp_text.media_address(SDP) == ("IN IP4 192.0.2.1", "4000")
    assert sdp_text.media_address(SDP + "c=IN IP4 192.0.2.99\r\n")[0] == "IN IP4 192.0.2.99"
    assert sdp_text.media_address("nothing") == ("", "")


def test_a_refused_offer_has_port_zero_everywhere() -> None:
    """RFC 3264 6"""
    refused = sdp_text.refuse(SDP + "m=video 4002 RTP/AVP 96\r\n")
    assert "m=audio 0 RTP/AVP 0 8\r\n" in refused
    assert "m=video 0 RTP/AVP 96\r\n" in refused


class TestStreams:
    """RFC 3264 5.1, 6, 8: streams keep their places; what is missing is refused with port 0."""

    HEAD = "v=0\r\no=x 1 1 IN IP4 x\r\ns=-\r\nc=IN IP4 x\r\nt=0 0\r\n"
    AUDIO = "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    VIDEO = "m=video 5000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    NO_VIDEO = "m=video 0 RTP/AVP 96\r\n"

    def test_an_answer_has_the_streams_of_the_offer(self) -> None:
        offer, ours = self.HEAD + self.VIDEO + self.AUDIO, self.HEAD + self.AUDIO
        assert sdp_text.fitted(ours, offer, answers=True) == self.HEAD + self.NO_VIDEO + self.AUDIO
        assert sdp_text.fitted(offer, ours, answers=True) == ours

    def test_what_the_offer_refuses_is_refused(self) -> None:
        offer, ours = self.HEAD + self.AUDIO + self.NO_VIDEO, self.HEAD + self.AUDIO + self.VIDEO
        assert sdp_text.fitted(ours, offer, answers=True) == offer

    def test_an_offer_has_all_streams_of_the_session_and_may_have_more(self) -> None:
        before, now = self.HEAD + self.AUDIO + self.VIDEO, self.HEAD + self.AUDIO
        assert sdp_text.fitted(now, before, answers=False) == self.HEAD + self.AUDIO + self.NO_VIDEO
        assert sdp_text.fitted(before, now, answers=False) == before

    def test_the_hold_of_the_audio_counts(self) -> None:
        video = self.VIDEO + "a=inactive\r\n"
        assert sdp_text.direction(self.HEAD + video + self.AUDIO) == "sendrecv"
        assert sdp_text.is_hold(self.HEAD + video + self.AUDIO + "a=sendonly\r\n")
        assert sdp_text.is_hold(self.HEAD + "a=sendonly\r\n" + self.AUDIO)


def test_a_call_with_video_keeps_its_streams_through_music_and_transfer(bench, describe: Describe) -> None:
    """RFC 3264 8: the media server knows audio alone; the caller's second stream is refused, not dropped."""
    video = "m=video 5000 RTP/AVP 96\r\n"
    bench.arrive(describe("caller") + video).treat()
    bench.do(i.RequestRouteCall("r1", "1001"))
    bench.resolve(DestinationKind.DN, dn="1001", target="dn=1001")
    agent = next(output.leg for output in bench.last if isinstance(output, o.Invite))
    bench.do(i.Answered(agent, describe("agent") + video))
    offer = bench.sent(o.SendOffer).sdp
    assert offer.count("m=") == 2
    assert "m=video 5000" in offer
    bench.do(i.ReofferAnswered("in1", describe("caller") + video))
    bench.do(i.OfferReceived(agent, describe("agent", direction="sendonly") + "m=video 0 RTP/AVP 96\r\n"))
    answer = bench.sent(o.AnswerOffer).sdp or ""
    assert [line.split()[1] for line in answer.splitlines() if line.startswith("m=")] == ["4000", "0"]
    bench.do(i.Answered(bench.sent(o.Invite).leg, describe("media")))
    held = bench.sent(o.SendOffer).sdp
    assert [line.split()[1] for line in held.splitlines() if line.startswith("m=")] == ["4000", "0"]
