"""RFC 5626 8 and RFC 5389: a phone that asks on the SIP port which address it has."""

import ipaddress
import struct
import zlib

import pytest

from ringback.sip import stun
from ringback.sip.stun import MAGIC, answer, is_stun

TRANSACTION = bytes(range(12))


def request(body: bytes = b"", kind: int = 1) -> bytes:
    return struct.pack("!HHI", kind, len(body), MAGIC) + TRANSACTION + body


def attribute(name: int, value: bytes) -> bytes:
    return struct.pack("!HH", name, len(value)) + value + b"\0" * (-len(value) % 4)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_rfc5389_15_2_the_address_comes_back_mixed_with_the_cookie(host: str) -> None:
    got = answer(request(), host, 40_000)
    assert got is not None
    kind, length, magic = struct.unpack_from("!HHI", got)
    assert (kind, length, magic, got[8:20]) == (0x0101, len(got) - 20, MAGIC, TRANSACTION)
    name, size, family, port = struct.unpack_from("!HHxBH", got, 20)
    assert (name, size - 4, port ^ (MAGIC >> 16)) == (0x0020, 4 if family == 1 else 16, 40_000)
    mask = struct.pack("!I", MAGIC) + TRANSACTION
    packed = bytes(left ^ right for left, right in zip(got[28:], mask, strict=False))
    assert ipaddress.ip_address(packed).compressed == host


def test_rfc5389_15_5_a_fingerprint_is_answered_with_a_fingerprint() -> None:
    got = answer(request(attribute(0x8028, b"\0\0\0\0")), "192.0.2.1", 1)
    assert got is not None
    assert struct.unpack("!I", got[-4:])[0] == zlib.crc32(got[:-8]) ^ 0x5354554E
    assert struct.unpack_from("!H", got, 2)[0] == len(got) - 20


def test_rfc5389_7_3_1_what_must_be_understood_and_is_not_is_420() -> None:
    got = answer(request(attribute(0x0003, b"\0\0\0\6")), "192.0.2.1", 1)
    assert got is not None
    assert struct.unpack_from("!H", got)[0] == 0x0111
    assert b"\0\0\x04\x14" in got
    assert got.endswith(attribute(0x000A, b"\0\3"))


@pytest.mark.parametrize(
    "data",
    [
        request(kind=0x0101),
        request() + b"\0",
        request(b"\x80\x28\0\xff"),
        request(b"\x80"),
    ],
)
def test_what_is_no_whole_binding_request_is_silence(data: bytes) -> None:
    assert answer(data, "192.0.2.1", 1) is None


def test_rfc5389_6_stun_is_told_from_sip_by_its_cookie() -> None:
    assert is_stun(request())
    assert not is_stun(b"OPTIONS sip:a SIP/2.0\r\n\r\n")
    assert not is_stun(b"\0" * 20)
    assert not is_stun(request()[:19])


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_rfc5389_7_what_we_ask_is_answered_with_how_we_are_seen(host: str) -> None:
    asked = stun.request(TRANSACTION)
    assert is_stun(asked)
    got = answer(asked, host, 40_000)
    assert got is not None
    assert stun.mapped_address(got, TRANSACTION) == (host, 40_000)
    assert stun.mapped_address(got, b"x" * 12) is None
    assert stun.mapped_address(asked, TRANSACTION) is None
    assert stun.mapped_address(got[:-9], TRANSACTION) is None


def test_an_error_or_an_answer_without_an_address_says_nothing() -> None:
    refused = answer(request(attribute(0x0003, b"1234")), "192.0.2.1", 1)
    assert refused is not None
    assert stun.mapped_address(refused, TRANSACTION) is None
    assert stun.mapped_address(request(kind=0x0101), TRANSACTION) is None
