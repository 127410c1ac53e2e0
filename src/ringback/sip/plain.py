"""REGISTER as nearly all phones write it, taken apart by one look; everything else is for `parse_message`.

A message is plain if its Via comes first, each header comes once, spelled as in RFC 3261, with one space
after its colon, and if none but the usual ones are there. What is taken for plain here `parse_message` reads
too, and finds the same values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ringback.sip.errors import SipParseError
from ringback.sip.parser import HOST, PORT, address_pattern, parse_message

_TEXT = r"((?:[!-~][ -~]*+)?(?<! ))"
"""A value without spaces at its ends; lines are not folded (RFC 3261 7.3.1)."""
_ANY_HOST = rf"(?:{HOST}|\[[0-9A-Fa-f:.]+\])"
# No control character is plain: the parser takes more of them for spaces than ASCII has.
_PARAM = r';[^\x00-\x20\x7f;=,"<>]+(?:=[^\x00-\x20\x7f;,"<>]*)?'
_VIA = rf"SIP/2\.0/[A-Z]+ {_ANY_HOST}{PORT}(?:{_PARAM})*"
_ADDRESS = "(?! )" + address_pattern(_ANY_HOST, r'(?:[\w.+~%!*-]+|"[ !#-\[\]-~]*")')
_PARTS = {
    "From": ("sender", f"({_ADDRESS})"),
    "To": ("to", rf"({_ADDRESS}(?<=>))"),
    "Call-ID": ("call_id", _TEXT),
    "CSeq": ("cseq", r"(\d{1,9}) REGISTER"),
    "Content-Length": ("length", "(0)"),
    "Contact": ("contact", rf"({_ADDRESS}|\*)"),
    "Max-Forwards": ("hops", r"(\d{1,2}|1\d\d|2[0-4]\d|25[0-5])"),
    "Expires": ("expires", _TEXT),
    "Authorization": ("authorization", _TEXT),
    "User-Agent": ("user_agent", _TEXT),
    "Supported": ("supported", _TEXT),
}
"""The headers whose values are asked for: the name of the group, and what it looks like."""
_FIXED = 2
"""Groups that are always there: domain and Via."""
_MUST = _FIXED + 5
"""The first groups, without which nothing is a REGISTER."""
_LONGEST = 4096
_OTHERS = ("Allow", "Allow-Events", "Accept", "Accept-Language", "Accept-Encoding", "Date")
"""Headers that nobody on the way of a REGISTER asks for."""


class PlainRegister:
    """Reads REGISTER without a body. `more`: names of further headers that it may have.

    The groups of a match are `domain` (the host of the Request-URI), `via` (one or more values), `sender`,
    `to` (without a tag), `call_id`, `cseq` (the number), `length`, and, or None: `contact`, `hops`,
    `expires`, `authorization`, `user_agent`, `supported`, and those of `more` in small letters with
    underscores.
    """

    def __init__(self, more: Iterable[str] = ()) -> None:
        parts = dict(_PARTS)
        for name in (*_OTHERS, *more):
            parts[name] = (name.lower().replace("-", "_"), _TEXT)
        lines = "|".join(
            f"{name}: {shape.replace('(', f'(?P<{group}>', 1)}" for name, (group, shape) in parts.items()
        )
        # One header is one group, so their number tells whether one came twice.
        self._match = re.compile(
            rf'REGISTER sip:(?:[^\x00-\x20<>"@,;?:\x7f]+@)?(?P<domain>{_ANY_HOST}){PORT}'
            rf"(?:;[\w-]+(?:=[\w.:%+~-]+)?)* SIP/2\.0\r\nVia: (?P<via>(?>{_VIA}(?:, {_VIA})*))\r\n"
            rf"(?>(?:{lines})\r\n)++\r\n",
            re.ASCII,
        ).fullmatch

    def read(self, data: bytes) -> re.Match[str] | None:
        """What is in a plain REGISTER; None for what is anything else, right or wrong."""
        if len(data) > _LONGEST or not data.isascii():
            return None
        found = self._match(data.decode("ascii"))
        if found is None:
            return None
        groups = found.groups()
        if None in groups[:_MUST] or len(groups) - groups.count(None) - _FIXED != data.count(b"\n") - 3:
            return None
        return found if b"[" not in data or _is_readable(data) else None


def _is_readable(data: bytes) -> bool:
    """Whether the parser, which knows what an IPv6 address is, takes it."""
    try:
        parse_message(data)
    except SipParseError:
        return False
    return True
