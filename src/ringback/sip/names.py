"""Header names: one spelling for each, compact forms resolved (RFC 3261 7.3.1, 7.3.3)."""

from __future__ import annotations

import re

_COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}
_IRREGULAR = {
    "call-id": "Call-ID",
    "cseq": "CSeq",
    "mime-version": "MIME-Version",
    "min-se": "Min-SE",
    "rack": "RAck",
    "rseq": "RSeq",
    "sip-etag": "SIP-ETag",
    "sip-if-match": "SIP-If-Match",
    "www-authenticate": "WWW-Authenticate",
}
# One value only; a second is an error (RFC 4475 3.3.8).
SINGLE = frozenset(
    {
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Max-Forwards",
        "Content-Length",
        "Content-Type",
        "Expires",
        "Event",
        "Refer-To",
        "Referred-By",
        "Session-Expires",
    }
)
MANDATORY = ("Via", "From", "To", "Call-ID", "CSeq")

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+").fullmatch
# Bounded, so that a peer that invents names cannot fill the memory.
_LIMIT = 2048
KNOWN: dict[str, str] = {}
"""Spellings seen before; for look-ups only."""


def is_token(text: str) -> bool:
    """True for a token of RFC 3261 25.1."""
    return _TOKEN(text) is not None


def canonical(name: str) -> str:
    """The one spelling of a header name. Raises ValueError for what is not a token."""
    known = KNOWN.get(name)
    if known is not None:
        return known
    stripped = name.strip(" \t")
    if not is_token(stripped):
        raise ValueError(f"bad header name {name[:40]!r}")
    lower = stripped.lower()
    spelled = _COMPACT.get(lower) or _IRREGULAR.get(lower)
    if spelled is None:
        spelled = "-".join([part.capitalize() for part in lower.split("-")])
    if len(KNOWN) < _LIMIT:
        KNOWN[name] = spelled
    return spelled
