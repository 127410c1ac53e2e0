"""Messages out of a byte stream (RFC 3261 18.3, RFC 5626 3.5.1)."""

import pytest

from ringback.sip import SipParseError
from ringback.sip.framing import Ping, StreamFramer

ONE = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 3\r\n\r\nabc"
TWO = b"OPTIONS sip:b SIP/2.0\r\nl : 0\r\n\r\n"


def test_several_messages_in_one_segment_come_apart() -> None:
    assert StreamFramer().feed(ONE + TWO + ONE) == [ONE, TWO, ONE]


def test_a_message_in_single_bytes_comes_whole() -> None:
    framer = StreamFramer()
    found = [item for byte in ONE + TWO for item in framer.feed(bytes([byte]))]
    assert found == [ONE, TWO]
    assert framer.pending == 0


def test_a_double_line_break_between_messages_is_a_ping() -> None:
    assert StreamFramer().feed(ONE + b"\r\n\r\n" + TWO) == [ONE, Ping(), TWO]


def test_a_single_line_break_between_messages_is_skipped() -> None:
    framer = StreamFramer()
    assert framer.feed(b"\r\n" + ONE + b"\r\n") == [ONE]
    assert framer.feed(TWO) == [TWO]


def test_rfc3261_7_3_1_a_length_may_stand_on_a_line_of_its_own() -> None:
    folded = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: \r\n\t 3 \r\n\r\nabc"
    assert StreamFramer().feed(folded + ONE) == [folded, ONE]
    with pytest.raises(SipParseError):
        StreamFramer().feed(folded.replace(b"\t 3", b"3"))


def test_the_prack_of_libre_has_its_length() -> None:
    """Its RAck ends with LF alone; no other line may."""
    prack = b"PRACK sip:a SIP/2.0\r\nRAck: 7 1 INVITE\nContent-Length: 0\r\n\r\n"
    assert StreamFramer().feed(prack + ONE) == [prack, ONE]
    with pytest.raises(SipParseError):
        StreamFramer().feed(prack.replace(b"RAck", b"Subject"))


@pytest.mark.parametrize(
    "data",
    [
        b"OPTIONS sip:a SIP/2.0\r\nX: 1\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nl: 3\r\nl: 4\r\n\r\nabc",
        b"OPTIONS sip:a SIP/2.0\r\nl: -3\r\n\r\nabc",
        b"OPTIONS sip:a SIP/2.0\r\nl: 99999999\r\n\r\nabc",
        b"X" * 70_000,
    ],
)
def test_a_stream_that_cannot_be_cut_is_an_error_for_good(data: bytes) -> None:
    framer = StreamFramer()
    with pytest.raises(SipParseError):
        framer.feed(data)
    with pytest.raises(SipParseError):
        framer.feed(ONE)


@pytest.mark.parametrize(
    ("data", "status"),
    [(b"OPTIONS sip:a SIP/2.0\r\n\r\n", 400), (b"OPTIONS sip:a SIP/2.0\r\nX: " * 4000, 513)],
)
def test_rfc3261_20_14_what_it_could_not_be_cut_at_is_kept_for_an_answer(data: bytes, status: int) -> None:
    framer = StreamFramer()
    with pytest.raises(SipParseError):
        framer.feed(data)
    assert framer.torn is not None
    head, error = framer.torn
    assert (head[:7], error.status, len(head) <= 64 * 1024) == (b"OPTIONS", status, True)


def test_what_came_whole_before_the_fault_is_given_out() -> None:
    framer = StreamFramer()
    assert framer.feed(ONE + b"OPTIONS sip:a SIP/2.0\r\nX: 1\r\n\r\n") == [ONE]
    assert framer.broken
