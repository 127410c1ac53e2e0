"""Keys in the body of an INFO (RFC 6086), as telephones and trunks write them: no standard says how."""

import re

from ringback.domain.calls.keys import KEYS

DTMF_RELAY = "application/dtmf-relay"
DTMF = "application/dtmf"
KEY_TYPES = frozenset({DTMF_RELAY, DTMF})
KEY_MS = 160
_LONGEST_MS = 60_000
_LARGEST = 128
_NUMBERED = {"10": "*", "11": "#"}
"""Some write the number of the event (RFC 4733 3.2)."""
_RELAY = re.compile(
    r"Signal[ \t]*=[ \t]*(\S{1,2})[ \t]*(?:\r?\n[ \t]*Duration[ \t]*=[ \t]*(\d{1,5})[ \t]*)?(?:\r?\n)*",
    re.IGNORECASE | re.ASCII,
)


class KeyBodyError(ValueError):
    """The body does not say which key; the text does not repeat it, for it may be part of a secret."""


def key_of(content_type: str | None, body: bytes) -> str:
    """The one key of a body of `KEY_TYPES`: 0 to 9, A to D, * or #. Raises KeyBodyError for anything else."""
    try:
        text = body[: _LARGEST + 1].decode("ascii")
    except UnicodeDecodeError:
        raise KeyBodyError("not ASCII") from None
    if len(text) > _LARGEST:
        raise KeyBodyError("too long")
    signal = _signal(text) if content_type == DTMF_RELAY else text.strip(" \t\r\n")
    key = _NUMBERED.get(signal, signal)
    if len(key) != 1 or key not in KEYS:
        raise KeyBodyError("no key")
    return key


def _signal(text: str) -> str:
    found = _RELAY.fullmatch(text)
    if found is None or int(found[2] or 0) > _LONGEST_MS:
        raise KeyBodyError("no signal, or one of no sensible length")
    return found[1]


def relayed(key: str) -> bytes:
    """The body of `DTMF_RELAY` for a key."""
    return f"Signal={key}\r\nDuration={KEY_MS}\r\n".encode()
