"""Words that cross the edge and come back: opaque, the same each time, and nobody else can make one.

AES-SIV (RFC 5297) needs no nonce, so a dialog's Record-Route does not change when it is refreshed, and any
proxy that has the cluster's secret reads what another wrote.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV


@lru_cache(8)
def _cipher(key: bytes) -> AESSIV:
    return AESSIV(hashlib.sha256(b"seal:" + key).digest())


def seal(text: str, key: bytes) -> str:
    """The word that stands for a text outside, of letters, digits, `-` and `_`."""
    sealed = _cipher(key).encrypt(text.encode("utf-8", "surrogateescape"), None)
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def unseal(word: str, key: bytes) -> str | None:
    """The text; None for a word that was not sealed with this key."""
    try:
        sealed = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))
        return _cipher(key).decrypt(sealed, None).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError, InvalidTag):
        return None
