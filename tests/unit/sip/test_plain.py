"""What is read at a glance is what the parser reads, and nothing that it would refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.sip import Request, SipParseError, response_to
from ringback.sip.build import answer_to
from ringback.sip.parser import parse_message
from ringback.sip.plain import read_register

PLAIN = (
    b"REGISTER sip:demo.example SIP/2.0\r\n"
    b"Via: SIP/2.0/TCP 10.0.0.2:5080;branch=z9hG4bKr1, "
    b"SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bKone;rport=5062\r\n"
    b'Max-Forwards: 70\r\nFrom: "Kim" <sip:1001@demo.example>;tag=a\r\nTo: <sip:1001@demo.example>\r\n'
    b"Call-ID: c\r\nCSeq: 7 REGISTER\r\nContact: <sip:1001@192.0.2.7:5062>;expires=60\r\n"
    b'Authorization: Digest username="1001", uri="sip:demo.example"\r\nContent-Length: 0\r\n\r\n'
)


def parsed(data: bytes) -> Request:
    found = parse_message(data)
    assert isinstance(found, Request)
    return found


def test_a_plain_register_is_what_the_parser_reads() -> None:
    for data in (PLAIN, PLAIN.replace(b"<sip:1001@192.0.2.7:5062>;expires=60", b"*")):
        quick, whole = read_register(data), parsed(data)
        assert quick is not None
        assert quick.headers == [pair for pair in whole.headers if pair[0] != "Content-Length"]
        assert (quick.raw_uri, quick.uri, quick.via, quick.cseq) == (
            whole.raw_uri,
            whole.uri,
            whole.via,
            whole.cseq,
        )
        assert quick.to_bytes() == whole.to_bytes()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"REGISTER sip", b"OPTIONS sip"),
        (b"Call-ID: c\r\n", b""),
        (b"Call-ID: c\r\n", b"Call-ID: c\r\nCall-ID: c\r\n"),
        (b"Call-ID: c\r\n", b"Call-ID:c\r\n"),
        (b"Call-ID: c\r\n", b"Call-ID: c \r\n"),
        (b"Call-ID: c\r\n", b"Call-ID: c\r\n d\r\n"),
        (b"Call-ID: c\r\n", b"Call-ID: c\nd: e\r\n"),
        (b"Call-ID: c\r\n", b"Call-ID: c\rd\r\n"),
        (b"Call-ID: c\r\n", b"i: c\r\n"),
        (b"Call-ID: c\r\n", b"Call-ID: c\r\nX-Ringback-Tenant: other\r\n"),
        (b"CSeq: 7 REGISTER", b"CSeq: 7 INVITE"),
        (b"CSeq: 7 REGISTER", b"CSeq: 4294967295 REGISTER"),
        (b"Max-Forwards: 70", b"Max-Forwards: 700"),
        (b"SIP/2.0\r\nVia", b"SIP/7.0\r\nVia"),
        (b"REGISTER sip:demo.example", b"REGISTER sip:demo.example?a=b"),
        (b"REGISTER sip:demo.example", b"REGISTER  sip:demo.example"),
        (b"To: <sip:1001@demo.example>", b"To: <sip:1001@demo.example"),
        (b"Content-Length: 0\r\n\r\n", b"Content-Length: 1\r\n\r\nx"),
        (b'"Kim"', '"Kïm"'.encode()),
    ],
)
def test_all_else_is_left_to_the_parser(old: bytes, new: bytes) -> None:
    assert old in PLAIN
    assert read_register(PLAIN.replace(old, new)) is None


@given(at=st.integers(0, len(PLAIN) - 1), cut=st.integers(0, 4), put=st.binary(max_size=4))
def test_a_mutated_register_is_read_alike_or_left(at: int, cut: int, put: bytes) -> None:
    data = PLAIN[:at] + put + PLAIN[at + cut :]
    quick = read_register(data)
    if quick is None:
        return
    try:
        whole = parsed(data)
    except SipParseError as error:
        pytest.fail(f"{error.reason} was not seen")
    assert quick.headers == [pair for pair in whole.headers if pair[0] != "Content-Length"]
    assert quick.raw_uri == whole.raw_uri


def test_an_answer_that_is_written_at_once_is_the_one_that_is_built() -> None:
    request = parsed(PLAIN)
    headers = [("Contact", "<sip:1001@192.0.2.7:5062>;expires=60"), ("Date", "now")]
    for status, reason in ((200, None), (403, "Too many bindings")):
        built = response_to(request, status, reason, to_tag="r", headers=headers)
        assert answer_to(request, status, reason, "r", headers) == built.to_bytes()
    with pytest.raises(ValueError, match="line break"):
        answer_to(request, 200, None, "r", [("Date", "now\r\nVia: other")])
