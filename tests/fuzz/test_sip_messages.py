"""Hostile SIP: whatever arrives, the library answers with a message or a SipParseError, nothing else."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.sip import Message, NameAddr, SipParseError, SipUri, Via, parse_message
from ringback.sip.digest import parse_credentials
from ringback.sip.errors import SdpError
from ringback.sip.framing import StreamFramer
from ringback.sip.sdp import Sdp, build_offer

INVITE = (
    b"INVITE sip:bob@biloxi.example.com;transport=tcp SIP/2.0\r\n"
    b"Via: SIP/2.0/TCP client.example.com:5060;branch=z9hG4bK74bf9;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "Alice, A." <sip:alice@[2001:db8::1]:5060;lr>;tag=9fxced76sl\r\n'
    b"To: Bob <sip:bob@biloxi.example.com>\r\n"
    b"Call-ID: 3848276298220188511@atlanta.example.com\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Contact: <sip:alice@client.example.com;transport=tcp>, sip:b@c;q=0.4\r\n"
    b"Route: <sip:p1.example.com;lr>,\r\n <sip:p2.example.com;lr>\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: 4\r\n\r\nv=0\n"
)

INTERESTING = st.sampled_from(
    [
        b"\r\n",
        b"\r",
        b"\n",
        b"\x00",
        b'"',
        b"<",
        b">",
        b";",
        b",",
        b":",
        b"[",
        b"]",
        b"%",
        b"@",
        b"=",
        b" ",
        b"\xff",
    ]
)
EDIT = st.tuples(st.integers(0, len(INVITE)), st.integers(0, 12), INTERESTING | st.binary(max_size=6))


def mutated(edits: list[tuple[int, int, bytes]]) -> bytes:
    data = INVITE
    for at, cut, put in edits:
        data = data[:at] + put + data[at + cut :]
    return data


def read_everything(data: bytes) -> None:
    """What the parser lets through can be read: lazy access does not fail later."""
    message = parse_message(data)
    try:
        read_headers(message)
    except SipParseError as error:
        raise AssertionError("the parser let it through") from error


def read_headers(message: Message) -> None:
    assert message.via is not None
    assert message.cseq.number >= 0
    for read in ("from_", "to", "contact", "contacts", "routes", "record_routes", "max_forwards", "expires"):
        getattr(message, read)
    assert parse_message(message.to_bytes()).headers == [
        pair for pair in message.headers if pair[0] != "Content-Length"
    ] + [("Content-Length", str(len(message.body)))]


@settings(max_examples=400, deadline=None)
@given(st.lists(EDIT, min_size=1, max_size=4))
def test_mutated_messages_raise_nothing_but_parse_errors(edits: list[tuple[int, int, bytes]]) -> None:
    try:
        read_everything(mutated(edits))
    except SipParseError as error:
        assert 400 <= error.status < 600


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_but_parse_errors(data: bytes) -> None:
    try:
        read_everything(data)
    except SipParseError as error:
        assert error.reason


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_random_addresses_raise_nothing_but_parse_errors(text: str) -> None:
    for read in (SipUri.parse, NameAddr.parse, Via.parse):
        try:
            read(text)
        except SipParseError as error:
            assert error.status == 400
    parse_credentials(text)


@settings(max_examples=150, deadline=None)
@given(st.lists(EDIT, min_size=0, max_size=3), st.lists(st.integers(1, 200), max_size=12))
def test_a_stream_in_any_pieces_gives_messages_or_an_error(
    edits: list[tuple[int, int, bytes]], sizes: list[int]
) -> None:
    data, framer, found = INVITE + mutated(edits), StreamFramer(), []
    try:
        for size in [*sizes, len(data)]:
            found += framer.feed(data[:size])
            data = data[size:]
    except SipParseError:
        assert framer.broken
    assert found[:1] == [INVITE]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 200), st.integers(0, 10), st.text(max_size=5))
def test_mutated_descriptions_raise_nothing_but_sdp_errors(at: int, cut: int, put: str) -> None:
    text = str(build_offer("192.0.2.1", 4000, "1"))
    try:
        Sdp.parse(text[:at] + put + text[at + cut :])
    except SdpError as error:
        assert str(error)
