"""Bytes to messages (RFC 3261 7, 25): strict or lenient, as RFC 4475 asks for each case."""

from __future__ import annotations

import re
from functools import lru_cache
from operator import itemgetter

from ringback.sip.errors import SipParseError
from ringback.sip.message import Message, Request, Response, parse_number
from ringback.sip.names import KNOWN, MANDATORY, SINGLE, canonical, is_token
from ringback.sip.uri import NameAddr, SipUri, split_commas

_FOLD = re.compile(r"[ \t]*\r\n[ \t]+")
_RESPONSE_LINE = re.compile(r"SIP/2\.0 ([1-6][0-9][0-9])(?: (.*))?", re.IGNORECASE).fullmatch
_PLAIN_REQUEST = re.compile(r"([A-Z]+) ([^\x00-\x20\x7f]+) SIP/2\.0").fullmatch
_PRACK_OF_LIBRE = re.compile(r"(RAck: \d+ \d+ INVITE)\n(Content-Length: \d+)").fullmatch
_NAME = itemgetter(0)
_ONE_ADDRESS = frozenset({"From", "To"})
_ADDRESSES = _ONE_ADDRESS | {"Contact", "Route", "Record-Route"}
_FEW = 40
"""Headers of a message whose names are remembered."""
HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
PORT = r"(?::(?:[1-5]\d{4}|6(?:[0-4]\d{3}|5(?:[0-4]\d\d|5(?:[0-2]\d|3[0-5])))|[1-9]\d{0,3}))?"
"""Up to 65535; the longest come first, for what is read at once and not looked at again."""


def address_pattern(host: str, value: str) -> str:
    """A pattern for a well-formed name-addr; `value` is that of its own parameters."""
    return (
        r'(?:"[^"\\<>\r\n]*" ?|[\w .+-]*)<sips?:(?:[^\x00-\x20<>"@,;?:\x7f]+@)?'
        rf"{host}{PORT}(?:;[\w-]+(?:=[\w.:%+~-]+)?)*>(?:;[\w+.-]+(?:={value})?)*"
    )


# Common well-formed addresses pass by one look; all others are parsed at once to know if they are valid.
PLAIN_ADDRESS = re.compile(address_pattern(HOST, r"[\w.+~%!*-]+")).fullmatch


def parse_message(data: bytes) -> Request | Response:
    """Read one whole message.

    Bytes after the body are dropped, a body that is cut short is an error (18.3). Raises SipParseError with
    the status that a request deserves and, if its head could be read at all, with the message.
    """
    if data[:1] in (b"\r", b"\n"):
        data = data.lstrip(b"\r\n")
    end = data.find(b"\r\n\r\n")
    head = (data if end < 0 else data[:end]).decode("utf-8", "surrogateescape")
    if "\r\n " in head or "\r\n\t" in head:
        head = _FOLD.sub(" ", head)
    lines = head.split("\r\n")
    message, problem = _start(lines[0])
    short = len(max(lines, key=len)) < _SHORT
    headers, broken, checked = _read_headers(lines, short)
    first = dict(headers[::-1])
    message.take(headers, first)
    problem = problem or broken or _misses(headers, short)
    if end < 0:
        problem = problem or SipParseError("no end of headers")
    else:
        message.body = data[end + 4 :]
    try:
        if problem is None:
            check(message, plain=checked)
        length = first.get("Content-Length")
        if length is not None and length != str(len(message.body)):
            _cut_body(message, length)
    except SipParseError as error:
        problem = problem or error
    if problem is not None:
        problem.message = message
        raise problem
    return message


def _start(line: str) -> tuple[Request | Response, SipParseError | None]:
    """The message that a start line begins, and its fault."""
    status, word, text, uri = _known_start(line) if len(line) < _SHORT else _plain_start(line)
    if status:
        return Response(status, text), None
    if uri is not None:
        return Request(word, text, read=uri), None
    return _odd_start(line)


def _plain_start(line: str) -> tuple[int, str, str, SipUri | None]:
    """Status and reason, or method and Request-URI, of a start line in which nothing is odd."""
    match = _PLAIN_REQUEST(line)
    if match is not None:
        try:
            return 0, match[1], match[2], SipUri.parse(match[2])
        except SipParseError:
            return 0, "", "", None
    match = None if "\n" in line or "\r" in line else _RESPONSE_LINE(line)
    return (0, "", "", None) if match is None else (int(match[1]), "", match[2] or "", None)


def _odd_start(line: str) -> tuple[Request | Response, SipParseError | None]:
    if "\n" in line or "\r" in line:
        raise SipParseError("bare line break in the start line")
    if line[:4].upper() == "SIP/":
        match = _RESPONSE_LINE(line)
        if match is None:
            raise SipParseError("bad status line")
        return Response(int(match[1]), match[2] or ""), None
    parts = line.rstrip(" ").split(" ")
    if len(parts) == 3 and is_token(parts[0]):
        request = Request(parts[0], parts[1])
        version = parts[2].upper()
        if version == "SIP/2.0":
            return request, None
        if version.startswith("SIP/"):
            return request, SipParseError("version not supported", 505)
    # A wrong request line can still be answered if its first word is a method.
    method = parts[0] if is_token(parts[0]) else ""
    if not method or "SIP/" not in line.upper():
        raise SipParseError("not a SIP message")
    return Request(method, "sip:invalid.invalid"), SipParseError("bad request line")


def _read_headers(lines: list[str], short: bool) -> tuple[list[tuple[str, str]], SipParseError | None, bool]:
    """The headers, the first fault, and whether all addresses have been looked at and are good.

    `short`: all lines are, so that they may be remembered.
    """
    del lines[0]
    try:
        if short:
            headers = list(map(_known_line, lines))
        else:
            headers = [_known_line(line) if len(line) < _SHORT else _good_line(line) for line in lines]
    except SipParseError:
        return *_read_broken_headers(lines), False
    return headers, None, True


def read_lines(lines: list[str]) -> list[tuple[str, str]]:
    """Canonical names and values of header lines whose addresses are good. Raises SipParseError."""
    return [_known_line(line) if len(line) < _SHORT else _good_line(line) for line in lines]


def _misses(headers: list[tuple[str, str]], short: bool) -> SipParseError | None:
    """A header that may not come twice, or one that must be there."""
    names = tuple(map(_NAME, headers))
    fault = _known_fault(names) if short and len(names) < _FEW else _fault(names)
    return SipParseError(fault) if fault else None


def _fault(names: tuple[str, ...]) -> str:
    """What is wrong with a message that has these headers in this order; nearly always nothing."""
    twice = next((name for name in names if name in SINGLE and names.count(name) > 1), None)
    if twice is not None:
        return f"{twice} more than once"
    missing = next((name for name in MANDATORY if name not in names), None)
    return "" if missing is None else f"missing {missing}"


def _read_broken_headers(lines: list[str]) -> tuple[list[tuple[str, str]], SipParseError | None]:
    """What can be read of it, for the answer, and the first fault."""
    headers: list[tuple[str, str]] = []
    problem: SipParseError | None = None
    parts = [part for line in lines for part in _of_libre(line)]
    for line in parts:
        try:
            headers.append(_line(line))
        except SipParseError as error:
            problem = problem or error
    return headers, problem


def _of_libre(line: str) -> tuple[str, ...]:
    """The lines of what should be one: the PRACK of libre (baresip) ends its RAck with LF alone.

    Nothing else is read so leniently: a line break that one hop sees and the next does not hides headers.
    """
    found = _PRACK_OF_LIBRE(line)
    return (line,) if found is None else (found[1], found[2])


def _line(line: str) -> tuple[str, str]:
    """Canonical name and value of a header line. Raises SipParseError."""
    name, colon, value = line.partition(":")
    if not colon or "\n" in value or "\r" in value:
        raise SipParseError("bad header line")
    spelled = KNOWN.get(name)
    if spelled is None:
        try:
            spelled = canonical(name)
        except ValueError:
            raise SipParseError("bad header name") from None
    return spelled, value.strip(" \t")


# The lines of a call come again with each of its messages; only short ones are kept, so that a peer that
# invents lines cannot fill the memory.
_SHORT = 256


def _good_line(line: str) -> tuple[str, str]:
    """A header line whose address, if it is one, can be read."""
    pair = _line(line)
    name, value = pair
    if name in _ADDRESSES and not PLAIN_ADDRESS(value):
        _check_address(name, value)
    return pair


_known_line = lru_cache(maxsize=8192)(_good_line)
_known_fault = lru_cache(maxsize=256)(_fault)
_known_start = lru_cache(maxsize=1024)(_plain_start)


def check(message: Request | Response, *, plain: bool) -> None:
    """What every receiver relies on, so that lazy access later cannot fail on the headers of routing.

    `plain`: its addresses have been looked at already.
    """
    cseq = message.read_routing()
    for name, value in () if plain else message.headers:
        if name in _ADDRESSES and not PLAIN_ADDRESS(value):
            _check_address(name, value)
    if isinstance(message, Request):
        if cseq.method != message.method:
            raise SipParseError("CSeq method differs from the request")
        if message.uri.headers:
            raise SipParseError("headers in the Request-URI")


def _check_address(name: str, value: str) -> None:
    if name in _ONE_ADDRESS:
        NameAddr.parse(value)
    elif value != "*" or name != "Contact":
        for item in split_commas(value):
            NameAddr.parse(item)


def _cut_body(message: Message, value: str) -> None:
    length = parse_number(value)
    if length is None:
        raise SipParseError("bad Content-Length")
    if length > len(message.body):
        raise SipParseError("body shorter than Content-Length")
    message.body = message.body[:length]
