"""ACKs read at a glance: what is plain is read as by `parse_message`, all else is left to it."""

import pytest

from ringback.sip import Request, parse_message
from ringback.sip.plain_ack import read_ack

PLAIN = (
    b"ACK sip:bench@192.0.2.1:5060 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bKa;rport\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.8;branch=z9hG4bKb\r\n"
    b"Route: <sip:seal@192.0.2.1:5060;lr>\r\nRoute: <sip:n1@192.0.2.1:5080;transport=tcp;lr>\r\n"
    b"Max-Forwards: 70\r\nFrom: <sip:a@x.example>;tag=1\r\nTo: <sip:b@x.example>;tag=2\r\n"
    b"Call-ID: c\r\nCSeq: 1 ACK\r\nUser-Agent: one\r\nContent-Length: 0\r\n\r\n"
)


def test_what_is_plain_is_read_as_ever() -> None:
    ack, request = read_ack(PLAIN), parse_message(PLAIN)
    assert ack is not None
    assert isinstance(request, Request)
    assert ack.lines == request.headers
    assert (ack.uri_text, ack.uri, ack.via) == (request.raw_uri, request.uri, request.via)
    assert ack.routes == tuple(request.get_all("Route"))
    assert (ack.fewer, ack.first["Call-ID"]) == ("69", "c")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"ACK sip:bench@192.0.2.1:5060 SIP/2.0", b"ACK sip:bench@192.0.2.1:5060 SIP/3.0"),
        (b"ACK sip:bench@", b"ACK sip:b nch@"),
        (b"5060 SIP", b"5060?Subject=x SIP"),
        (b"Content-Length: 0\r\n\r\n", b"Content-Length: 2\r\n\r\nab"),
        (b"Content-Length: 0", b"Content-Length: 1"),
        (b"Max-Forwards: 70", b"Max-Forwards: 0"),
        (b"Max-Forwards: 70", b"Max-Forwards: 070"),
        (b"Max-Forwards: 70\r\n", b""),
        (b"CSeq: 1 ACK", b"CSeq: 1 BYE"),
        (b"CSeq: 1 ACK", b"CSeq: one ACK"),
        (b"User-Agent: one", b"X-Ringback-Tenant: demo"),
        (b"User-Agent: one", b"Reason: SIP;cause=200"),
        (b"User-Agent: one", b"Call-ID: d"),
        (b"User-Agent: one", b"User-Agent: \xc3\xa9"),
        (b"User-Agent: one", b"User-Agent: a\r\n folded"),
        (b"User-Agent: one", b"User-Agent: a\nb"),
        (b"User-Agent: one", b"no colon"),
        (b"From: <sip:a@x.example>;tag=1", b"From: <sip:a@x.example;tag=1"),
        (b";branch=z9hG4bKa;rport", b";branch=z9hG4bKa, SIP/2.0/UDP 192.0.2.7"),
        (b"Via: SIP/2.0/UDP 192.0.2.9:5062", b"Via: SIP/2.0/UDP :5062"),
        (b"Content-Length: 0\r\n\r\n", b"Content-Length: 0\r\n"),
    ],
)
def test_all_else_is_left_to_the_parser(old: bytes, new: bytes) -> None:
    assert read_ack(PLAIN.replace(old, new, 1)) is None


def test_without_a_route_it_is_not_plain() -> None:
    assert read_ack(b"\r\n".join(line for line in PLAIN.split(b"\r\n") if line[:5] != b"Route")) is None
