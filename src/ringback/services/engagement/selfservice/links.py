"""Links to customers' pages: what is signed, how it is checked. Pure.

A link ends in one opaque word: the base64url of

    version (1 byte), number of the key (4), end of the link in seconds since the epoch (5), id of the
    callback (16), and the first 16 bytes of HMAC-SHA256 over all that comes before.

The id is random and says nothing about the customer; without the key no other id can be made to open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from uuid import UUID

_VERSION = 1
PAGE = b"ringback customer page 1\n"
RECEIPT = b"ringback notice receipt 1\n"
_MAC = 16
_BODY = struct.Struct(">BIBI16s")
_LENGTH = -(-(_BODY.size + _MAC) * 4 // 3)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a link says of itself; to be believed only when its signature is good."""

    key: int
    expires_at: int
    callback_id: UUID
    body: bytes
    mac: bytes

    def signed_with(self, secret: bytes, purpose: bytes = PAGE) -> bool:
        """Whether the signature is that of the key for this purpose, compared in constant time."""
        return hmac.compare_digest(_mac(secret, purpose, self.body), self.mac)


def write_link(key: int, secret: bytes, callback_id: UUID, expires_at: float, purpose: bytes = PAGE) -> str:
    """The word of a link; one written for one purpose is good for no other."""
    end = int(expires_at)
    body = _BODY.pack(_VERSION, key, end >> 32, end & 0xFFFFFFFF, callback_id.bytes)
    return base64.urlsafe_b64encode(body + _mac(secret, purpose, body)).rstrip(b"=").decode()


def read_link(word: str) -> Claim | None:
    """What a word claims; None when it is no link at all."""
    if len(word) != _LENGTH or not word.isascii():
        return None
    try:
        raw = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    body, mac = raw[: _BODY.size], raw[_BODY.size :]
    version, key, high, low, callback = _BODY.unpack(body)
    if version != _VERSION or len(mac) != _MAC:
        return None
    return Claim(key, (high << 32) | low, UUID(bytes=callback), body, mac)


def _mac(secret: bytes, purpose: bytes, body: bytes) -> bytes:
    return hmac.new(secret, purpose + body, hashlib.sha256).digest()[:_MAC]
