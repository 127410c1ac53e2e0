"""What is read at a glance is what the parser reads, and nothing that it would refuse."""

from re import Match

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.sip import Request, SipParseError
from ringback.sip.parser import parse_message
from ringback.sip.plain import PlainRegister
from ringback.sip.uri import format_host_port

read = PlainRegister().read
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


HEADERS = {"sender": "From", "to": "To", "call_id": "Call-ID", "contact": "Contact", "hops": "Max-Forwards"}
HEADERS |= {"authorization": "Authorization", "user_agent": "User-Agent", "supported": "Supported"}


def same(quick: Match[str], whole: Request) -> None:
    """What was read at a glance is what the parser has read."""
    found = quick.groupdict()
    assert {group: found[group] for group in HEADERS} == {
        group: whole.get(name) for group, name in HEADERS.items()
    }
    assert (found["via"], int(found["cseq"])) == (whole.get("Via"), whole.cseq.number)
    assert found["domain"] == format_host_port(whole.uri.host, None)
    assert whole.via.branch in found["via"]
    assert whole.to.uri is not None and whole.contacts is not None
    names = [name for name, _ in whole.headers]
    assert len(names) == len(set(names)) and whole.to_tag is None and not whole.body


@pytest.mark.parametrize(
    "data",
    [
        PLAIN,
        PLAIN.replace(b"<sip:1001@192.0.2.7:5062>;expires=60", b"*"),
        PLAIN.replace(b":5062>;expires=60", b':5062>;+sip.instance="<urn:uuid:1>";reg-id=1'),
        PLAIN.replace(b"192.0.2.7:5062", b"[2001:db8::7]:5062"),
        PLAIN.replace(b"sip:demo.example SIP", b"sip:[2001:db8::1]:5060;transport=tcp SIP"),
        PLAIN.replace(b"Content-Length: 0\r\n", b"").replace(b"From", b"Content-Length: 0\r\nFrom"),
    ],
)
def test_a_plain_register_is_what_the_parser_reads(data: bytes) -> None:
    quick = read(data)
    assert quick is not None
    same(quick, parsed(data))


@pytest.mark.parametrize("port", [1, 80, 5062, 9999, 10000, 38324, 59999, 60999, 64999, 65499, 65529, 65535])
def test_a_phone_may_have_any_port(port: int) -> None:
    """Those that the system or a NAT picks have five digits."""
    data = PLAIN.replace(b"192.0.2.7:5062", b"192.0.2.7:%d" % port)
    for plain in (data, data.replace(b"10.0.0.2:5080", b"10.0.0.2:%d" % port)):
        quick = read(plain)
        assert quick is not None
        same(quick, parsed(plain))
        assert f":{port}" in quick["contact"] and f":{port};" in quick["via"]


@pytest.mark.parametrize("port", [0, 65536, 66000, 70000, 99999, 100000])
def test_what_is_no_port_is_left_to_the_parser(port: int) -> None:
    for place in (b"192.0.2.7:5062;branch", b"192.0.2.7:5062>"):
        assert read(PLAIN.replace(place, place.replace(b"5062", b"%d" % port))) is None


def test_further_headers_are_read_where_they_are_wanted() -> None:
    data = PLAIN.replace(b"Call-ID", b"X-Ringback-Tenant: demo\r\nCall-ID")
    quick = PlainRegister(["X-Ringback-Tenant"]).read(data)
    assert quick is not None and quick["x_ringback_tenant"] == "demo"


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
        (b"To: <sip:1001@demo.example>", b"To: <sip:1001@demo.example>;tag=b"),
        (b"192.0.2.7:5062", b"[2001:db8::7::]:5062"),
        (b"Call-ID: c\r\n", b"Call-ID: c\r\nAccept: x\r\nAccept: y\r\n"),
        (b"Call-ID: c\r\n", b"Call-ID: c\r\nUser-Agent: " + b"x" * 5000 + b"\r\n"),
        (b"Call-ID: c\r\n", b"Call-ID: c\x00\r\n"),
        (b";branch=z9hG4bKr1", b";\x1cbranch=z9hG4bKr1"),
        (b";branch=z9hG4bKr1", b";branch=\x1fz9hG4bKr1"),
        (b"SIP/2.0\r\nVia", b"SIP/2.0\r\nExpires: 5\r\nVia"),
        (b"Content-Length: 0\r\n\r\n", b"Content-Length: 1\r\n\r\nx"),
        (b'"Kim"', '"Kïm"'.encode()),
    ],
)
def test_all_else_is_left_to_the_parser(old: bytes, new: bytes) -> None:
    assert old in PLAIN
    assert read(PLAIN.replace(old, new)) is None


@given(at=st.integers(0, len(PLAIN) - 1), cut=st.integers(0, 4), put=st.binary(max_size=4))
def test_a_mutated_register_is_read_alike_or_left(at: int, cut: int, put: bytes) -> None:
    data = PLAIN[:at] + put + PLAIN[at + cut :]
    quick = read(data)
    if quick is None:
        return
    try:
        whole = parsed(data)
    except SipParseError as error:
        pytest.fail(f"{error.reason} was not seen")
    same(quick, whole)
