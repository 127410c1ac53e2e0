"""A REGISTER that is taken apart at a glance says what its message says, and is answered alike."""

import pytest

from ringback.services.registrar.asked import Asked
from ringback.sip import Request, response_to
from ringback.sip.parser import parse_message

PLAIN = (
    b"REGISTER sip:demo.example SIP/2.0\r\n"
    b"Via: SIP/2.0/TCP 10.0.0.2:5080;branch=z9hG4bKr1, "
    b"SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bKone;rport=5062\r\n"
    b"X-Ringback-Tenant: demo\r\nX-Ringback-Received: udp:192.0.2.7:5062\r\n"
    b'Max-Forwards: 70\r\nFrom: "Kim" <sip:1001@demo.example>;tag=a\r\nTo: <sip:1001@demo.example>\r\n'
    b"Call-ID: c\r\nCSeq: 7 REGISTER\r\nContact: <sip:1001@192.0.2.7:5062>;expires=60\r\nExpires: 90\r\n"
    b'User-Agent: phone/1\r\nSupported: path, outbound\r\nAuthorization: Digest username="1001"\r\n'
    b"Content-Length: 0\r\n\r\n"
)
SAID = (
    "via",
    "call_id",
    "cseq",
    "dn",
    "contacts",
    "credentials",
    "expires",
    "tenant",
    "received",
    "user_agent",
)


def message(data: bytes) -> Request:
    found = parse_message(data)
    assert isinstance(found, Request)
    return found


@pytest.mark.parametrize(
    "data",
    [
        PLAIN,
        PLAIN.replace(b"Contact: <sip:1001@192.0.2.7:5062>;expires=60\r\n", b""),
        PLAIN.replace(b"Expires: 90", b"Expires: soon"),
        PLAIN.replace(b"phone/1", b"x" * 120),
        PLAIN.replace(b'Authorization: Digest username="1001"\r\n', b""),
    ],
)
def test_both_ways_of_reading_say_the_same(data: bytes) -> None:
    quick, whole = Asked.at_a_glance(data), Asked.of(message(data))
    assert quick is not None and quick.request is None
    assert [getattr(quick, name) for name in SAID] == [getattr(whole, name) for name in SAID]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<sip:1001@192.0.2.7:5062>;expires=60", b"*"),
        (b";expires=60", b';+sip.instance="<urn:uuid:1>";reg-id=1'),
        (b"Supported: path", b"Path: <sip:p.example;lr>\r\nSupported: path"),
        (b"Supported: path", b"Require: path"),
        (b"To: <sip:1001@", b"To: <sip:"),
        (b"To: <sip:1001@", b"To: <sip:10%301@"),
        (b"Call-ID: c", b"Call-ID: c\r\nCall-ID: d"),
    ],
)
def test_what_needs_more_is_read_as_a_message(old: bytes, new: bytes) -> None:
    assert old in PLAIN
    assert Asked.at_a_glance(PLAIN.replace(old, new)) is None


def test_rfc3261_8_2_6_an_answer_that_is_written_at_once_is_the_one_that_is_built() -> None:
    request, headers = message(PLAIN), [("Contact", "<sip:1001@192.0.2.7:5062>;expires=60"), ("Date", "now")]
    quick = Asked.at_a_glance(PLAIN)
    assert quick is not None
    for status, reason in ((200, None), (403, "Too many bindings")):
        built = response_to(request, status, reason, to_tag="r", headers=headers)
        for asked in (quick, Asked.of(request)):
            written = message_of(asked.answered(status, reason, "r", headers))
            assert (written[0], sorted(written[1])) == (built._start_line(), sorted(built.headers))
    with pytest.raises(ValueError, match="line break"):
        quick.answered(200, None, "r", [("Date", "now\r\nVia: other")])


def test_rfc3261_8_2_6_2_a_tag_that_is_there_stays() -> None:
    tagged = message(PLAIN.replace(b"To: <sip:1001@demo.example>", b"To: <sip:1001@demo.example>;tag=b"))
    assert b"To: <sip:1001@demo.example>;tag=b\r\n" in Asked.of(tagged).answered(200, None, "r", [])


def message_of(data: bytes) -> tuple[str, list[tuple[str, str]]]:
    start, *lines = data.decode().removesuffix("Content-Length: 0\r\n\r\n").rstrip().split("\r\n")
    return start, [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
