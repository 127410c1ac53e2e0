"""What the call does to descriptions, on the text alone."""

import pytest

from ringback.domain.calls import sdp_text

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
