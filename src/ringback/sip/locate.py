"""Where a request goes: transport, port and addresses of the next hop (RFC 3263 4, order of RFC 2782). Pure.

`locate` is a generator: it asks questions and is sent the records that answer them; its result are the
destinations in the order in which they are to be tried. The records are remembered by who asks the servers.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from ringback.sip.transport import TRANSPORTS, WEB, Destination, is_address
from ringback.sip.uri import SipUri

Kind = Literal["NAPTR", "SRV", "A", "AAAA"]
_SERVICES = {"sip+d2u": "udp", "sip+d2t": "tcp", "sips+d2t": "tls"}
_PREFIXES = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
_PORTS = {"tls": 5061, "ws": 80, "wss": 443}
_MAX_TARGETS = 32
"""More addresses than this are not tried for one request, whatever a zone says."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a name server is asked."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Naptr:
    """A NAPTR record (RFC 3403)."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Srv:
    """A SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


Record = Naptr | Srv | str
"""A and AAAA records are the address itself."""
Asking = Generator[Question, Sequence[Record], list[Destination]]


@dataclass(frozen=True, slots=True)
class Able:
    """What this side can do: its transports, and IP versions, the preferred first."""

    transports: tuple[str, ...] = ("udp", "tcp", "tls")
    families: tuple[int, ...] = (6, 4)


class Weighted(Protocol):
    """Something with a priority and a weight."""

    @property
    def priority(self) -> int:
        """The lowest comes first."""

    @property
    def weight(self) -> int:
        """The share among those of one priority."""


W = TypeVar("W", bound=Weighted)


def locate(uri: SipUri, able: Able, random: Callable[[], float]) -> Asking:
    """The destinations for a URI, best first; none if there is no way that both sides can go.

    `random` gives numbers from 0 to below 1. Over TLS the certificate must name the domain of the URI,
    not the host that DNS says (RFC 5922 4).
    """
    target = uri.params.get("maddr") or uri.host
    asked = _asked_transport(uri)
    if asked is not None and asked not in able.transports:
        return []
    if is_address(target) or uri.port is not None or asked in WEB:
        transport = asked or ("tls" if uri.scheme == "sips" else "udp")
        if transport not in able.transports:
            return []
        port = uri.port or _PORTS.get(transport, 5060)
        return _placed(transport, (yield from _addresses(target, able)), port, target)
    return (yield from _by_name(target, asked, uri.scheme, able, random))


def _asked_transport(uri: SipUri) -> str | None:
    """The transport that the URI names (4.1); `sips` makes TLS of TCP (RFC 3261 26.2.2)."""
    named = uri.params.get("transport")
    if named is None:
        return None
    named = named.lower()
    if uri.scheme == "sips":
        return {"tcp": "tls", "tls": "tls", "ws": "wss", "wss": "wss"}.get(named, "none")
    return named if named in TRANSPORTS else "none"


def _by_name(target: str, asked: str | None, scheme: str, able: Able, random: Callable[[], float]) -> Asking:
    """NAPTR, then SRV, then the addresses of the name itself (4.1, 4.2)."""
    wanted = (asked,) if asked else ("tls",) if scheme == "sips" else able.transports
    wanted = tuple(name for name in wanted if name in able.transports)
    services: list[tuple[str, str]] = []
    if asked is None:
        services = _services((yield Question(target, "NAPTR")), wanted)
    if not services:
        services = [(name, f"{_PREFIXES[name]}.{target}") for name in wanted if name in _PREFIXES]
    found: list[Destination] = []
    offered = False
    for transport, name in services:
        records = [item for item in (yield Question(name, "SRV")) if isinstance(item, Srv)]
        offered = offered or bool(records)
        for record in in_order(records, random):
            if record.target not in ("", ".") and len(found) < _MAX_TARGETS:
                addresses = yield from _addresses(record.target, able)
                found += _placed(transport, addresses, record.port, target)
    if offered:
        return found
    transport = asked or ("tls" if scheme == "sips" else "udp")
    if transport not in able.transports:
        return []
    return _placed(transport, (yield from _addresses(target, able)), _PORTS.get(transport, 5060), target)


def _services(records: Sequence[Record], wanted: Sequence[str]) -> list[tuple[str, str]]:
    """Transport and SRV name of the NAPTR records that can be used: the lowest order, as preferred."""
    usable = [
        item
        for item in records
        if isinstance(item, Naptr) and item.flags.lower() == "s" and _transport_of(item) in wanted
    ]
    lowest = min((item.order for item in usable), default=0)
    chosen = sorted((item for item in usable if item.order == lowest), key=lambda item: item.preference)
    return [(_transport_of(item), item.replacement) for item in chosen]


def _transport_of(record: Naptr) -> str:
    return _SERVICES.get(record.service.lower(), "")


def _addresses(name: str, able: Able) -> Generator[Question, Sequence[Record], list[str]]:
    if is_address(name):
        return [name] if (6 if ":" in name else 4) in able.families else []
    found: list[str] = []
    for family in able.families:
        records = yield Question(name, "AAAA" if family == 6 else "A")
        found += [item for item in records if isinstance(item, str)]
    return found


def _placed(transport: str, addresses: Iterable[str], port: int, domain: str) -> list[Destination]:
    identity = domain if transport in ("tls", "wss") and not is_address(domain) else ""
    return [Destination(transport, address, port, identity) for address in addresses]


def in_order(records: Iterable[W], random: Callable[[], float]) -> list[W]:
    """By priority; among equals at random by weight (RFC 2782), or as they stand if none has a weight."""
    groups: dict[int, list[W]] = {}
    for record in records:
        groups.setdefault(record.priority, []).append(record)
    ordered: list[W] = []
    for priority in sorted(groups):
        ordered += _drawn(groups[priority], random)
    return ordered


def _drawn(group: list[W], random: Callable[[], float]) -> list[W]:
    if not any(item.weight for item in group):
        return group
    left = sorted(group, key=lambda item: item.weight > 0)
    drawn: list[W] = []
    while left:
        mark = int(random() * (sum(item.weight for item in left) + 1))
        for position, item in enumerate(left):
            mark -= item.weight
            if mark <= 0:
                drawn.append(left.pop(position))
                break
    return drawn
