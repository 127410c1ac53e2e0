"""REGISTER as nearly all phones write it, read at a glance; everything else is for `parse_message`.

A message is plain if each header comes once, spelled as in RFC 3261, with one space after its colon, and if
none but the usual ones are there. What is read here `parse_message` reads the same way.
"""

from __future__ import annotations

from ringback.sip.errors import SipParseError
from ringback.sip.message import Request
from ringback.sip.names import MANDATORY
from ringback.sip.parser import PLAIN_ADDRESS, check

_START, _VERSION, _END = b"REGISTER sip:", " SIP/2.0", b"\r\nContent-Length: 0\r\n\r\n"
_MUST = frozenset(MANDATORY)
USUAL = frozenset(
    [
        *MANDATORY,
        "Max-Forwards",
        "Contact",
        "Expires",
        "Authorization",
        "User-Agent",
        "Supported",
        "Require",
        "Allow",
        "Allow-Events",
        "Accept",
        "Date",
    ]
)
"""The headers of a REGISTER that its way depends on in no unusual manner."""


def read_register(data: bytes, usual: frozenset[str] = USUAL) -> Request | None:
    """A plain REGISTER without a body; None for what is anything else, right or wrong.

    `usual`: the headers that it may have.
    """
    if not data.startswith(_START) or not data.endswith(_END) or not data.isascii():
        return None
    head = data[: -len(_END)].decode("ascii")
    start, *lines = head.split("\r\n")
    # Neither folded lines nor spaces that are not part of a value, nor line breaks that only some see.
    if "  " in head or " \r" in head or "\t" in head or head.count("\n") + head.count("\r") != 2 * len(lines):
        return None
    try:
        first: dict[str, str] = dict([line.split(": ", 1) for line in lines])
    except ValueError:  # a line without a colon, or without its space
        return None
    if len(first) != len(lines) or not _MUST <= first.keys() <= usual or not start.endswith(_VERSION):
        return None
    contact = first.get("Contact")
    if not (PLAIN_ADDRESS(first["From"]) and PLAIN_ADDRESS(first["To"])):
        return None
    if contact is not None and contact != "*" and not PLAIN_ADDRESS(contact):
        return None
    uri = start[9 : -len(_VERSION)]
    if " " in uri:
        return None
    request = Request("REGISTER", uri)
    request.take(list(first.items()), first)
    try:
        check(request, plain=True)
    except SipParseError:
        return None
    return request
