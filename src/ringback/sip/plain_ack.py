"""The ACK of a 2xx as nearly everybody writes it, read at a glance; everything else is for `parse_message`.

It has no transaction (RFC 3261 13.2.2.4), so a proxy that keeps no state of the dialog needs its lines only.
What is taken for plain here `parse_message` reads too, and finds the same values.
"""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter

from ringback.sip.errors import SipParseError
from ringback.sip.message import CSeq
from ringback.sip.names import MANDATORY
from ringback.sip.parser import read_lines
from ringback.sip.uri import SipUri, Via

START = b"ACK sip:"
_VERSION, _END = " SIP/2.0", b"\r\n\r\n"
_LONGEST = 4096
_ONCE = frozenset(
    [
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Max-Forwards",
        "Contact",
        "Content-Length",
        "User-Agent",
        "Allow",
        "Supported",
        "Date",
    ]
)
_MUST = frozenset({*MANDATORY, "Max-Forwards", "Route"})
_NAME = itemgetter(0)
_FEWER = {str(hops): str(hops - 1) for hops in range(1, 256)}


class PlainAck:
    """An ACK without a body: its Request-URI as text and read, its top Via, and its lines in order."""

    __slots__ = ("fewer", "first", "lines", "routes", "uri", "uri_text", "via")

    def __init__(self, uri_text: str, lines: list[tuple[str, str]]) -> None:
        self.uri_text = uri_text
        self.uri = SipUri.parse(uri_text)
        self.lines = lines
        self.first: dict[str, str] = dict(lines[::-1])
        """The first value of each header."""
        self.via = Via.parse(self.first["Via"])
        self.fewer = _FEWER.get(self.first["Max-Forwards"], "")
        """What Max-Forwards is at the next hop."""
        self.routes = tuple([value for name, value in lines if name == "Route"])


def read_ack(data: bytes) -> PlainAck | None:
    """A plain ACK with a way to go; None for what is anything else, right or wrong."""
    if len(data) > _LONGEST or not data.endswith(_END) or not data.isascii():
        return None
    start, *lines = data[: -len(_END)].decode("ascii").split("\r\n")
    if not start.endswith(_VERSION) or "?" in start:
        return None
    try:
        pairs = read_lines(lines)
        if not _is_usual(tuple(map(_NAME, pairs))):
            return None
        ack = PlainAck(start[4 : -len(_VERSION)], pairs)
        first = ack.first
        plain = CSeq.parse(first["CSeq"]).method == "ACK" and first.get("Content-Length", "0") == "0"
    except SipParseError:
        return None
    return ack if plain and ack.fewer and "," not in first["Via"] else None


@lru_cache(256)
def _is_usual(names: tuple[str, ...]) -> bool:
    """True if headers with these names, in this order, say nothing that would need a closer look."""
    if len(names) > 40 or not set(names) >= _MUST:
        return False
    single = [name for name in names if name not in ("Via", "Route")]
    return len(single) == len(set(single)) and _ONCE.issuperset(single)
