"""SIP requests and responses (RFC 3261 7). Header values stay text until they are asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from ringback.sip.errors import SipParseError
from ringback.sip.names import KNOWN, canonical
from ringback.sip.reasons import reason_phrase
from ringback.sip.uri import NameAddr, SipUri, Via, split_commas


class CSeq(NamedTuple):
    """Sequence number and method (RFC 3261 20.16)."""

    number: int
    method: str

    def __str__(self) -> str:
        return f"{self.number} {self.method}"

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Read a CSeq value. Raises SipParseError; numbers from 2**31 on are refused (8.1.1.5)."""
        # Nearly all are among the few that every call has.
        return _known_cseq(text) if len(text) < 32 else cls._parse(text)

    @classmethod
    def _parse(cls, text: str) -> CSeq:
        parts = text.split()
        if len(parts) != 2 or not (parts[0].isascii() and parts[0].isdigit()):
            raise SipParseError("bad CSeq")
        if len(parts[0]) > 10 or int(parts[0]) >= 2**31:
            raise SipParseError("CSeq number out of range")
        return cls(int(parts[0]), parts[1])


_known_cseq = lru_cache(maxsize=1024)(CSeq._parse)


_HOPS = {str(number): number for number in range(256)}


def parse_number(text: str, limit: int = 2**32) -> int | None:
    """A header value that is a plain decimal number below `limit`, else None."""
    text = text.strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 12:
        return None
    number = int(text)
    return number if number < limit else None


class Message:
    """What requests and responses share: an ordered list of (name, value), and a body.

    Names are canonical (`names.canonical`), so any spelling and the compact form may be used to ask. Values
    that have been parsed are remembered until their header changes.
    """

    __slots__ = ("_cache", "_first", "_indexed", "_length", "body", "headers")

    def __init__(self, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> None:
        self.headers: list[tuple[str, str]] = (
            [(canonical(name), _safe(value)) for name, value in headers] if headers else []
        )
        self.body = body
        self._cache: dict[str, object] = {}
        self._first: dict[str, str] = {}
        self._indexed: list[tuple[str, str]] | None = None
        self._length = 0

    # Plain access

    def get(self, name: str) -> str | None:
        """The first value line of a header, or None."""
        headers = self.headers
        if self._indexed is not headers or self._length != len(headers):
            self.index(dict(headers[::-1]))
        found = self._first.get(name)
        return self._first.get(KNOWN.get(name) or canonical(name)) if found is None else found

    def index(self, first: dict[str, str]) -> None:
        """Take note of the first value of each header; it holds until the list of lines is changed by others.

        What the methods of this class change they change in the index too.
        """
        self._first, self._indexed, self._length = first, self.headers, len(self.headers)

    def take(self, headers: list[tuple[str, str]], first: dict[str, str]) -> None:
        """Take these lines, which were just read, and note the first value of each header."""
        self.headers = self._indexed = headers
        self._first, self._length = first, len(headers)

    def read_routing(self) -> CSeq:
        """Read CSeq and top Via, which every receiver needs; returns the CSeq. Raises SipParseError."""
        first, cache = self._first, self._cache
        number, line = first.get("CSeq"), first.get("Via")
        if number is None or line is None:
            raise SipParseError("missing CSeq or Via")
        cseq = CSeq.parse(number)
        cache["CSeq"], cache["Via"] = cseq, Via.parse(split_commas(line)[0] if "," in line else line)
        hops = first.get("Max-Forwards")
        if hops is not None and hops not in _HOPS:
            _ = self.max_forwards
        return cseq

    def first_values(self) -> dict[str, str]:
        """The first value line of each header that there is, by its canonical name; to be read only."""
        headers = self.headers
        if self._indexed is not headers or self._length != len(headers):
            self.index(dict(headers[::-1]))
        return self._first

    def get_all(self, name: str) -> list[str]:
        """All value lines of a header, one entry a line."""
        name = KNOWN.get(name) or canonical(name)
        if name not in self.first_values():
            return []
        return [value for key, value in self.headers if key == name]

    def values(self, name: str) -> list[str]:
        """All values of a header that holds a comma-separated list, over all its lines."""
        lines = self.get_all(name)
        return [item for line in lines for item in split_commas(line)] if lines else []

    def has(self, name: str) -> bool:
        """True if the header is there."""
        return self.get(name) is not None

    def add(self, name: str, value: object) -> None:
        """Append a header line."""
        name, text = KNOWN.get(name) or canonical(name), _safe(value if type(value) is str else str(value))
        headers = self.headers
        if self._indexed is headers and self._length == len(headers):
            self._first.setdefault(name, text)
            self._length += 1
        else:
            self._indexed = None
        headers.append((name, text))
        self._cache.pop(name, None)

    def set(self, name: str, value: object) -> None:
        """Replace all lines of a header by one, at the place of the first."""
        name, text = KNOWN.get(name) or canonical(name), _safe(value if type(value) is str else str(value))
        place = self._place(name)
        headers = self.headers
        if place < 0:
            headers.append((name, text))
        elif len(self._first) == len(headers):
            headers[place] = (name, text)
        else:
            headers[place:] = [(name, text), *[pair for pair in headers[place + 1 :] if pair[0] != name]]
        self._first[name], self._length = text, len(headers)
        self._cache.pop(name, None)

    def prepend(self, name: str, value: object) -> None:
        """Put a line before all others of this header (Via, Route and Record-Route grow at the top)."""
        name, text = KNOWN.get(name) or canonical(name), _safe(value if type(value) is str else str(value))
        place = self._place(name)
        self.headers.insert(place if place > 0 else 0, (name, text))
        self._first[name] = text
        self._length += 1
        self._cache.pop(name, None)

    def remove(self, name: str) -> None:
        """Remove all lines of a header."""
        name = KNOWN.get(name) or canonical(name)
        if self._place(name) >= 0:
            self.headers = [pair for pair in self.headers if pair[0] != name]
            del self._first[name]
            self._indexed, self._length = self.headers, len(self.headers)
            self._cache.pop(name, None)

    def pop_first(self, name: str) -> str | None:
        """Remove and return the first value of a list header (top Via, top Route); None if there is none."""
        name = KNOWN.get(name) or canonical(name)
        place = self._place(name)
        if place < 0:
            return None
        line = self.headers[place][1]
        first, *rest = split_commas(line) if "," in line else [line.strip()]
        self._put(place, name, [(name, ", ".join(rest))] if rest else [])
        return first

    def replace_first(self, name: str, value: object) -> None:
        """Replace the first value of a list header."""
        name, text = KNOWN.get(name) or canonical(name), _safe(value if type(value) is str else str(value))
        place = self._place(name)
        if place < 0:
            return
        line = self.headers[place][1]
        rest = split_commas(line)[1:] if "," in line else []
        self._put(place, name, [(name, text), (name, ", ".join(rest))] if rest else [(name, text)])

    def _put(self, place: int, name: str, lines: list[tuple[str, str]]) -> None:
        """Replace the first line of a header, which is at `place`, by others of its name, or by none."""
        headers = self.headers
        headers[place : place + 1] = lines
        self._length = len(headers)
        self._cache.pop(name, None)
        if lines:
            self._first[name] = lines[0][1]
            return
        for other, value in headers[place:]:
            if other == name:
                self._first[name] = value
                return
        del self._first[name]

    def replace_via(self, via: Via, line: str = "") -> None:
        """Replace the top Via; it is not parsed again. Where it stands alone its new `line` may be given."""
        if line:
            self.headers[self._place("Via")] = ("Via", line)
            self._first["Via"] = line
        else:
            self.replace_first("Via", via)
        self._cache["Via"] = via

    def replace_headers(self, headers: list[tuple[str, str]]) -> None:
        """Take other lines for all that there are; their names must be canonical already."""
        self.headers = headers
        self._cache.clear()
        self._indexed = None

    def push_via(self, via: Via, text: str) -> None:
        """Put a Via that reads `text` on top; it is not parsed again, nor when a response brings it back."""
        via.written_as(text)
        self.prepend("Via", text)
        self._cache["Via"] = via

    def _place(self, name: str) -> int:
        """Where the first line of a header is, by its canonical name; -1 if it is not there."""
        headers = self.headers
        if self._indexed is not headers or self._length != len(headers):
            self.index(dict(headers[::-1]))
        value = self._first.get(name)
        return -1 if value is None else headers.index((name, value))

    def _required(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise SipParseError(f"missing {name}")
        return value

    # Parsed access; each raises SipParseError if the value is not what it must be

    @property
    def via(self) -> Via:
        """The top Via."""
        cached = self._cache.get("Via")
        return self._read_via() if cached is None else cached  # type: ignore[return-value]

    def _read_via(self) -> Via:
        line = self._required("Via")
        via = self._cache["Via"] = Via.parse(split_commas(line)[0] if "," in line else line.strip())
        return via

    @property
    def cseq(self) -> CSeq:
        """Number and method of the CSeq."""
        cached = self._cache.get("CSeq")
        if cached is None:
            cached = self._cache["CSeq"] = CSeq.parse(self._required("CSeq"))
        return cached  # type: ignore[return-value]

    @property
    def call_id(self) -> str:
        """The Call-ID, or an empty string."""
        return self.get("Call-ID") or ""

    @property
    def from_(self) -> NameAddr:
        """The From address."""
        cached = self._cache.get("From")
        if cached is None:
            cached = self._cache["From"] = NameAddr.parse(self._required("From"))
        return cached  # type: ignore[return-value]

    @property
    def to(self) -> NameAddr:
        """The To address."""
        cached = self._cache.get("To")
        if cached is None:
            cached = self._cache["To"] = NameAddr.parse(self._required("To"))
        return cached  # type: ignore[return-value]

    @property
    def from_tag(self) -> str | None:
        """The tag of From."""
        return _tag_of(self.get("From")) or self.from_.tag

    @property
    def to_tag(self) -> str | None:
        """The tag of To; None outside a dialog."""
        value = self.get("To")
        if value is not None and value[-1:] == ">" and '"' not in value:
            return None
        return _tag_of(value) or self.to.tag

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact; None if there is none or it is the star of a REGISTER."""
        value = self.get("Contact")
        if value is None or value == "*":
            return None
        cached = self._cache.get("Contact")
        if cached is None:
            cached = self._cache["Contact"] = NameAddr.parse(split_commas(value)[0])
        return cached  # type: ignore[return-value]

    @property
    def contacts(self) -> list[NameAddr]:
        """All Contact addresses, without the star."""
        return [NameAddr.parse(value) for value in self.values("Contact") if value != "*"]

    @property
    def routes(self) -> list[NameAddr]:
        """The Route values, top first."""
        return [NameAddr.parse(value) for value in self.values("Route")]

    @property
    def record_routes(self) -> list[NameAddr]:
        """The Record-Route values, top first."""
        return [NameAddr.parse(value) for value in self.values("Record-Route")]

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards; None where there is none. Raises SipParseError if it is not 0 to 255."""
        value = self.get("Max-Forwards")
        if value is None:
            return None
        number = _HOPS.get(value)
        if number is None:
            number = parse_number(value, 256)
        if number is None:
            raise SipParseError("bad Max-Forwards")
        return number

    @property
    def expires(self) -> int | None:
        """Expires in seconds; None where there is none or it cannot be read (RFC 3261 20.19)."""
        value = self.get("Expires")
        return None if value is None else parse_number(value)

    @property
    def content_type(self) -> str | None:
        """The media type in lower case without its parameters."""
        value = self.get("Content-Type")
        return None if value is None else value.partition(";")[0].strip().lower()

    @property
    def content_length(self) -> int | None:
        """What the Content-Length header says; None if it is absent or not a number."""
        value = self.get("Content-Length")
        return None if value is None else parse_number(value)

    def set_body(self, body: bytes, content_type: str = "application/sdp") -> None:
        """Set the body with its type; an empty body removes the type."""
        self.body = body
        if body:
            self.set("Content-Type", content_type)
        else:
            self.remove("Content-Type")

    def _start_line(self) -> str:
        raise NotImplementedError

    def to_bytes(self) -> bytes:
        """The message as it goes on the wire; Content-Length is always that of the body."""
        lines = [self._start_line()]
        lines += [f"{name}: {value}" for name, value in self.headers if name != "Content-Length"]
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body


class Request(Message):
    """A request. `uri` may be given as text; it is parsed when it is first read.

    `read` is what that text says, where it was read already.
    """

    __slots__ = ("_uri", "method", "raw_uri")

    def __init__(
        self,
        method: str,
        uri: SipUri | str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        read: SipUri | None = None,
    ) -> None:
        super().__init__(headers, body)
        self.method = method
        self.raw_uri = str(uri) if read is not None else _safe(str(uri))
        self._uri: SipUri | None = uri if isinstance(uri, SipUri) else read

    @property
    def uri(self) -> SipUri:
        """The Request-URI. Raises SipParseError."""
        if self._uri is None:
            self._uri = SipUri.parse(self.raw_uri)
        return self._uri

    @uri.setter
    def uri(self, uri: SipUri) -> None:
        self.retarget(uri)

    def retarget(self, uri: SipUri | str) -> None:
        """Take another Request-URI; text is parsed when it is first read."""
        self.raw_uri = _safe(str(uri))
        self._uri = uri if isinstance(uri, SipUri) else None

    def copy(self) -> Request:
        """A copy whose headers can be changed apart from the original's."""
        twin = Request(self.method, self.raw_uri)
        twin._uri, twin.headers, twin.body = self._uri, self.headers.copy(), self.body
        twin._cache = self._cache.copy()
        twin.index(self.first_values().copy())
        return twin

    def onward(self, on_top: list[tuple[str, str]], instead: dict[str, str]) -> Request:
        """A copy with the lines `on_top` before all others; those of `instead` stand for all of their names.

        Names must be canonical. It costs as much as a copy and one change.
        """
        changed = {**instead, **dict(on_top[::-1])}
        _safe("".join(changed.values()))
        twin = Request(self.method, self.raw_uri)
        twin._uri, twin.body, twin._cache = self._uri, self.body, self._cache.copy()
        for name in changed:
            twin._cache.pop(name, None)
        kept = [pair for pair in self.headers if pair[0] not in instead]
        twin.take([*on_top, *instead.items(), *kept], {**self.first_values(), **changed})
        return twin

    def _start_line(self) -> str:
        return f"{self.method} {self.raw_uri} SIP/2.0"

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.raw_uri}>"


class Response(Message):
    """A response.

    `local` is true for one that no peer sent: 408 after a timeout, 503 after a broken transport.
    """

    __slots__ = ("local", "reason", "status")

    def __init__(
        self,
        status: int,
        reason: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        local: bool = False,
    ) -> None:
        super().__init__(headers, body)
        self.status = status
        self.reason = _safe(reason_phrase(status) if reason is None else reason)
        self.local = local

    @property
    def is_provisional(self) -> bool:
        """True for 1xx."""
        return self.status < 200

    @property
    def is_success(self) -> bool:
        """True for 2xx."""
        return 200 <= self.status < 300

    def copy(self) -> Response:
        """A copy whose headers can be changed apart from the original's."""
        twin = Response(self.status, self.reason, local=self.local)
        twin.headers, twin.body, twin._cache = list(self.headers), self.body, dict(self._cache)
        return twin

    def _start_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.reason}>"


# The last of several tags counts, as for any parameter.
_TAG = re.compile(
    r'(?:[^"<>;\s]*|[^"<>\s]*<[^"<>\s]*>)(?:;[^"<>;=\s]+(?:=[^"<>;\s]*)?)*?'
    r';tag=([^"<>;\s]+)(?:;(?![tT][aA][gG]=)[^"<>;\s]*)*'
).fullmatch


def _tag_of(value: str | None) -> str | None:
    """The tag in an address that is written plainly; None says nothing."""
    if not value:
        return None
    return _known_tag(value) if len(value) < _SHORT else _read_tag(value)


def _read_tag(value: str) -> str | None:
    found = _TAG(value)
    return found[1] if found else None


# Each message of a call has the same two; only short ones are kept, as everything that a peer may invent.
_SHORT = 256
_known_tag = lru_cache(maxsize=4096)(_read_tag)


def _safe(text: str) -> str:
    if "\n" in text or "\r" in text:
        raise ValueError("a header value cannot hold a line break")
    return text


FORGOTTEN = Request("", "")
"""Stands for a request that was let go."""
