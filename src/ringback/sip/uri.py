"""SIP addresses: URI, name-addr and Via (RFC 3261 19.1, 20.10, 20.42, 25.1; IPv6 after RFC 5118)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import unquote

from msgspec import field

from ringback.sip.errors import SipParseError
from ringback.sip.records import Value

Params = Mapping[str, str | None]

# Structs, because they are made for every message: a frozen dataclass takes ten times as long to make.
# What has been read is remembered: the same addresses come with each message of a call. Only short texts are
# kept, so that a peer that invents them cannot fill the memory.
_SHORT = 256
_REMEMBERED = 4096

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?").fullmatch
_FORBIDDEN_IN_URI = re.compile(r'[\x00-\x20<>"\x7f]').search
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*").fullmatch
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_PARAM = re.compile(
    r'\s*;\s*([^\s;=,"<>]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|\[[0-9A-Fa-f:.]+\]|[^\s;,"<>]*))?\s*', re.DOTALL
)
_NEEDS_CARE = re.compile(r'[\s",<>]').search
# Most are like this; all others are read with care.
_PLAIN_VIA = re.compile(
    r"SIP/2\.0/([A-Z]+) ([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::([1-9]\d{0,3}|[1-5]\d{4}))?"
    r'((?:;[^\s;=,"<>]+(?:=[^\s;,"<>]*)?)*)'
).fullmatch
_SENT_PROTOCOL = re.compile(r"SIP\s*/\s*2\.0\s*/\s*([^\s/;,]+)\s+", re.IGNORECASE)


def parse_host_port(text: str) -> tuple[str, int | None]:
    """Split `host[:port]`. IPv6 addresses come back without brackets.

    Raises SipParseError. An extra colon in an IPv6 reference is repaired (RFC 5118 4.10).
    """
    if text.startswith("["):
        end = text.find("]")
        host, rest = _ipv6(text[1:end]), text[end + 1 :]
        if end < 0 or (rest and not rest.startswith(":")):
            raise SipParseError("bad IPv6 reference")
        port = rest[1:]
        has_port = bool(rest)
    else:
        host, colon, port = text.partition(":")
        has_port = bool(colon)
        if not _HOST(host):
            raise SipParseError("bad host")
    if not has_port:
        return host, None
    if not (port.isascii() and port.isdigit()) or len(port) > 5 or not 0 < int(port) < 65536:
        raise SipParseError("bad port")
    return host, int(port)


def _ipv6(text: str) -> str:
    try:
        return ipaddress.IPv6Address(text.replace(":::", "::")).compressed
    except ValueError:
        raise SipParseError("bad IPv6 address") from None


def format_host_port(host: str, port: int | None) -> str:
    """`host[:port]`, with brackets around an IPv6 address."""
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def parse_params(text: str) -> dict[str, str | None]:
    """Read `;name=value;flag`. Names become lower case, values stay as they were sent, quotes included."""
    if not text:
        return {}
    params: dict[str, str | None] = {}
    if text[0] == ";" and not _NEEDS_CARE(text):
        return _plain_params(text)
    position = 0
    while position < len(text):
        match = _PARAM.match(text, position)
        if match is None:
            raise SipParseError("bad parameter")
        params[match[1].lower()] = match[2]
        position = match.end()
    return params


def _plain_params(text: str) -> dict[str, str | None]:
    """The parameters of a text without quotes, spaces and brackets."""
    params: dict[str, str | None] = {}
    for item in text[1:].split(";") if text else ():
        name, equals, value = item.partition("=")
        if not name:
            raise SipParseError("bad parameter")
        params[name.lower()] = value if equals else None
    return params


def format_params(params: Params) -> str:
    """The inverse of `parse_params`."""
    if not params:
        return ""
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in params.items()])


class SipUri(Value, frozen=True):
    """A URI of RFC 3261 19.1.1, or any other absolute URI with its text in `opaque`.

    `user` is kept as sent (percent escapes included); `tel:` numbers are in `user` with an empty host. IPv6
    hosts are without brackets. Parameters without a value map to None; header values stay escaped.
    """

    scheme: str
    user: str | None
    host: str
    port: int | None = None
    params: Params = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    password: str | None = None
    opaque: str = ""

    @classmethod
    def parse(cls, text: str) -> SipUri:
        """Read one URI. Raises SipParseError (400)."""
        return _known_sipuri(text) if len(text) < _SHORT else cls._parse(text)

    @classmethod
    def _parse(cls, text: str) -> SipUri:
        if _FORBIDDEN_IN_URI(text):
            raise SipParseError("forbidden character in URI")
        scheme, colon, rest = text.partition(":")
        scheme = scheme.lower()
        if scheme != "sip" and scheme != "sips":
            return cls._parse_other(scheme, colon, rest)
        userinfo, at, tail = rest.partition("@")
        user: str | None = None
        password: str | None = None
        if at:
            user, has_password, secret = userinfo.partition(":")
            password = secret if has_password else None
            if not user:
                raise SipParseError("empty user in URI")
        else:
            tail = rest
        tail, _, headers = tail.partition("?")
        host_port, semicolon, params = tail.partition(";")
        host, port = parse_host_port(host_port)
        parsed = parse_params(";" + params) if semicolon else {}
        return cls(scheme, user, host, port, parsed, _parse_uri_headers(headers), password)

    @classmethod
    def _parse_other(cls, scheme: str, colon: str, rest: str) -> SipUri:
        if not colon or not rest or not _SCHEME(scheme):
            raise SipParseError("not a URI")
        if scheme == "tel":
            number, semicolon, params = rest.partition(";")
            return cls("tel", number, "", None, parse_params(";" + params) if semicolon else {})
        return cls(scheme, None, "", opaque=rest)

    @property
    def is_sip(self) -> bool:
        """True for sip and sips."""
        return self.scheme in ("sip", "sips")

    @property
    def number(self) -> str:
        """The user part with its escapes undone, or an empty string."""
        user = self.user or ""
        return unquote(user) if "%" in user else user

    @property
    def transport(self) -> str:
        """The transport parameter in lower case; udp where there is none."""
        return (self.params.get("transport") or "udp").lower()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to send to: maddr wins, the port is 5060 where none is given."""
        return self.params.get("maddr") or self.host, self.port or 5060

    def with_params(self, **changes: str | None) -> SipUri:
        """A copy with these parameters set (an underscore in a name stands for a hyphen; None = a flag)."""
        params = {**self.params, **{name.replace("_", "-"): value for name, value in changes.items()}}
        return SipUri(self.scheme, self.user, self.host, self.port, params, self.headers, self.password)

    def without_headers(self) -> SipUri:
        """A copy without the part after the question mark."""
        return SipUri(self.scheme, self.user, self.host, self.port, self.params, {}, self.password)

    def header(self, name: str) -> str | None:
        """A header of the URI with its escapes undone."""
        for key, value in self.headers.items():
            if key.lower() == name.lower():
                return unquote(value)
        return None

    def aor(self) -> str:
        """The address of record: scheme, unescaped user and lower-case host (RFC 3261 10.3 step 5)."""
        user = f"{self.number}@" if self.user else ""
        return f"{self.scheme}:{user}{format_host_port(self.host.lower(), self.port)}"

    def matches(self, other: SipUri) -> bool:
        """Equality of URIs after RFC 3261 19.1.4."""
        same = (
            self.scheme == other.scheme
            and self.number == other.number
            and self.password == other.password
            and self.host.lower() == other.host.lower()
            and self.port == other.port
            and self.opaque == other.opaque
        )
        return same and _params_match(self.params, other.params) and dict(self.headers) == dict(other.headers)

    def __str__(self) -> str:
        if self.opaque:
            return f"{self.scheme}:{self.opaque}"
        if self.scheme == "tel":
            return f"tel:{self.user}{format_params(self.params)}"
        user = ""
        if self.user is not None:
            user = f"{self.user}@" if self.password is None else f"{self.user}:{self.password}@"
        text = f"{self.scheme}:{user}{format_host_port(self.host, self.port)}{format_params(self.params)}"
        if self.headers:
            text += "?" + "&".join(f"{name}={value}" for name, value in self.headers.items())
        return text


def _params_match(ours: Params, theirs: Params) -> bool:
    for name in ours.keys() | theirs.keys():
        left, right = ours.get(name), theirs.get(name)
        both = name in ours and name in theirs
        if both and (left or "").lower() != (right or "").lower():
            return False
        if not both and name in ("user", "ttl", "method", "maddr", "transport"):
            return False
    return True


def _parse_uri_headers(text: str) -> dict[str, str]:
    if not text:
        return {}
    pairs = [item.partition("=") for item in text.split("&")]
    return {name: value for name, _, value in pairs if name}


class NameAddr(Value, frozen=True):
    """A From, To, Contact, Route or Refer-To value: display name, URI and header parameters."""

    uri: SipUri
    display: str = ""
    params: Params = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """Read one name-addr or addr-spec with parameters. Raises SipParseError (400)."""
        return _known_nameaddr(text) if len(text) < _SHORT else cls._parse(text)

    @classmethod
    def _parse(cls, text: str) -> NameAddr:
        text = text.strip()
        display, position = "", 0
        if text.startswith('"'):
            quoted = _QUOTED.match(text)
            if quoted is None:
                raise SipParseError("unbalanced quotes")
            display, position = unquote_string(quoted[0]), quoted.end()
        left = text.find("<", position)
        if left < 0:
            return cls._parse_addr_spec(text)
        between = text[position:left].strip()
        if '"' in between or ">" in between or (position and between):
            raise SipParseError("bad display name")
        right = text.find(">", left)
        if right < 0:
            raise SipParseError("missing '>'")
        uri = SipUri.parse(text[left + 1 : right])
        return cls(uri, display or between, parse_params(text[right + 1 :].strip()))

    @classmethod
    def _parse_addr_spec(cls, text: str) -> NameAddr:
        # Without angle brackets each parameter belongs to the header; '?' and ',' are not allowed (20.10).
        address, semicolon, params = text.partition(";")
        address = address.strip()
        if '"' in address or "?" in address or "," in address:
            raise SipParseError("address needs angle brackets")
        return cls(SipUri.parse(address), "", parse_params(semicolon + params))

    @property
    def tag(self) -> str | None:
        """The tag parameter (RFC 3261 19.3)."""
        return self.params.get("tag")

    def with_tag(self, tag: str) -> NameAddr:
        """A copy with this tag."""
        return NameAddr(self.uri, self.display, {**self.params, "tag": tag})

    def __str__(self) -> str:
        shown = f"{quote_string(self.display)} " if self.display else ""
        return f"{shown}<{self.uri}>{format_params(self.params)}"


class Via(Value, frozen=True):
    """One Via value (RFC 3261 20.42) with the parameters of RFC 3581."""

    transport: str
    host: str
    port: int | None = None
    params: Params = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Via:
        """Read one Via value. Raises SipParseError (400)."""
        known = _VIAS.get(text)
        if known is not None:
            return known
        via = cls._parse(text)
        via.written_as(text)
        return via

    def written_as(self, text: str) -> None:
        """This is what is read in `text`: what was sent comes back, and need not be parsed then."""
        if len(text) < _SHORT:
            if len(_VIAS) >= _REMEMBERED:
                _VIAS.clear()
            _VIAS[text] = self

    @classmethod
    def _parse(cls, text: str) -> Via:
        plain = _PLAIN_VIA(text)
        if plain is not None:
            transport, host, port, params = plain.groups()
            return cls(transport, host, int(port) if port else None, _plain_params(params))
        text = text.strip()
        match = _SENT_PROTOCOL.match(text)
        if match is None:
            raise SipParseError("bad sent-protocol in Via")
        sent_by, semicolon, params = text[match.end() :].partition(";")
        host, port = parse_host_port(sent_by.replace(" ", "").replace("\t", ""))
        return cls(match[1].upper(), host, port, parse_params(semicolon + params))

    @property
    def branch(self) -> str:
        """The branch parameter, or an empty string."""
        return self.params.get("branch") or ""

    @property
    def sent_by(self) -> str:
        """`host[:port]` in lower case, as it takes part in matching (RFC 3261 17.2.3)."""
        return _known_sent_by(self.host, self.port)

    @property
    def reply_address(self) -> tuple[str, int]:
        """Where a response goes (RFC 3261 18.2.2, RFC 3581 4)."""
        # maddr is not honoured: it would let any sender aim our answers at a third party.
        host = (self.params.get("received") or self.host).strip("[]")
        rport = self.params.get("rport") or ""
        return host, int(rport) if rport.isdigit() else (self.port or 5060)

    def with_params(self, **changes: str | None) -> Via:
        """A copy with these parameters set."""
        return Via(self.transport, self.host, self.port, {**self.params, **changes})

    def __str__(self) -> str:
        where = format_host_port(self.host, self.port)
        return f"SIP/2.0/{self.transport} {where}{format_params(self.params)}"


def quote_string(text: str) -> str:
    """A quoted-string (RFC 3261 25.1)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def unquote_string(text: str) -> str:
    """The text inside a quoted-string; anything else comes back as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    return re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL) if "\\" in inner else inner


def split_commas(text: str) -> list[str]:
    """The values of a comma-separated header; commas in quotes and brackets do not separate."""
    if "," not in text:
        return [text.strip()]
    if '"' not in text and "<" not in text:
        return [item.strip() for item in text.split(",")]
    values: list[str] = []
    start = position = 0
    quoted = False
    bracket = False
    while position < len(text):
        character = text[position]
        if quoted:
            if character == "\\":
                position += 1
            quoted = character != '"'
        elif character == '"':
            quoted = True
        elif character in "<>":
            bracket = character == "<"
        elif character == "," and not bracket:
            values.append(text[start:position].strip())
            start = position + 1
        position += 1
    values.append(text[start:].strip())
    return values


_known_sipuri = lru_cache(_REMEMBERED)(SipUri._parse)
_known_nameaddr = lru_cache(_REMEMBERED)(NameAddr._parse)
_VIAS: dict[str, Via] = {}
"""By their text. Each belongs to one transaction, so all are forgotten at once when there are too many."""


@lru_cache(_REMEMBERED)
def _known_sent_by(host: str, port: int | None) -> str:
    return format_host_port(host.lower(), port)
