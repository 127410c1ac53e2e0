"""STUN binding requests and answers on a SIP port: keep-alives (RFC 5626 3.5.2 and 8, RFC 5389). Pure."""

from __future__ import annotations

import ipaddress
import struct
import zlib

MAGIC = 0x2112A442
_REQUEST, _SUCCESS, _ERROR = 0x0001, 0x0101, 0x0111
_XOR_MAPPED_ADDRESS, _ERROR_CODE, _UNKNOWN, _FINGERPRINT = 0x0020, 0x0009, 0x000A, 0x8028
_FINGERPRINT_XOR = 0x5354554E
_HEAD = struct.Struct("!HHI12s")


def is_stun(data: bytes) -> bool:
    """True for a message of STUN: two zero bits and the magic cookie (RFC 5389 6)."""
    return len(data) >= 20 and data[0] < 0x40 and data[4:8] == b"\x21\x12\xa4\x42"


def request(transaction: bytes) -> bytes:
    """A binding request; `transaction` are 12 random bytes (RFC 5389 7.1)."""
    return _message(_REQUEST, transaction, b"", fingerprint=True)


def mapped_address(data: bytes, transaction: bytes) -> tuple[str, int] | None:
    """How the other side sees us, from its response to our request; None if it is not that (7.3.3)."""
    kind, length, _, answered = _HEAD.unpack_from(data)
    attributes = _attributes(data[20:])
    if kind != _SUCCESS or answered != transaction or length != len(data) - 20 or attributes is None:
        return None
    value = dict(attributes).get(_XOR_MAPPED_ADDRESS, b"")
    if len(value) not in (8, 20):
        return None
    port = struct.unpack_from("!H", value, 2)[0] ^ (MAGIC >> 16)
    mask = struct.pack("!I", MAGIC) + transaction
    mixed = bytes(left ^ right for left, right in zip(value[4:], mask, strict=False))
    return str(ipaddress.ip_address(mixed)), port


def answer(data: bytes, host: str, port: int) -> bytes | None:
    """The response to a binding request from this address; None where none is due.

    An attribute that must be understood and is not is answered with 420 (7.3.1); no SIP peer authenticates.
    """
    kind, length, _, transaction = _HEAD.unpack_from(data)
    attributes = _attributes(data[20:])
    if kind != _REQUEST or length != len(data) - 20 or attributes is None:
        return None
    unknown = [name for name, _ in attributes if name < 0x8000]
    if unknown:
        names = b"".join(struct.pack("!H", name) for name in unknown)
        body = _attribute(_ERROR_CODE, b"\0\0\x04\x14Unknown Attribute") + _attribute(_UNKNOWN, names)
        return _message(_ERROR, transaction, body, fingerprint=False)
    body = _attribute(_XOR_MAPPED_ADDRESS, _mapped(host, port, transaction))
    return _message(_SUCCESS, transaction, body, any(name == _FINGERPRINT for name, _ in attributes))


def _attributes(data: bytes) -> list[tuple[int, bytes]] | None:
    found: list[tuple[int, bytes]] = []
    position = 0
    while position < len(data):
        if position + 4 > len(data):
            return None
        name, length = struct.unpack_from("!HH", data, position)
        if position + 4 + length > len(data):
            return None
        found.append((name, data[position + 4 : position + 4 + length]))
        position += 4 + (length + 3) // 4 * 4
    return found


def _attribute(name: int, value: bytes) -> bytes:
    return struct.pack("!HH", name, len(value)) + value + b"\0" * (-len(value) % 4)


def _mapped(host: str, port: int, transaction: bytes) -> bytes:
    """The address, mixed with the cookie so that no NAT rewrites it (15.2)."""
    packed = ipaddress.ip_address(host).packed
    mask = struct.pack("!I", MAGIC) + transaction
    mixed = bytes(left ^ right for left, right in zip(packed, mask, strict=False))
    return struct.pack("!xBH", 1 if len(packed) == 4 else 2, port ^ (MAGIC >> 16)) + mixed


def _message(kind: int, transaction: bytes, body: bytes, fingerprint: bool) -> bytes:
    head = _HEAD.pack(kind, len(body) + (8 if fingerprint else 0), MAGIC, transaction)
    if not fingerprint:
        return head + body
    check = zlib.crc32(head + body) ^ _FINGERPRINT_XOR
    return head + body + _attribute(_FINGERPRINT, struct.pack("!I", check))
