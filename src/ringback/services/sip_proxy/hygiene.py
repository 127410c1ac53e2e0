"""What may cross the edge: names, addresses and bodies, in both directions. Pure.

Outside sees one host with one Contact; what the platform says to itself, its inner hops and the make of its
parts stay inside. Inside comes nothing that pretends to be of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

from ringback.services.sip_proxy.marks import Side
from ringback.sip import NameAddr, Request, Response, SipParseError, SipUri
from ringback.sip.message import Message
from ringback.sip.reason_header import Reason
from ringback.sip.transport import WEB
from ringback.sip.uri import split_commas

_IDENTITY = frozenset({"P-Asserted-Identity", "P-Preferred-Identity"})
"""Only trusted peers may say who somebody is (RFC 3325 5, 7)."""
_INWARD = _IDENTITY | {"Reason"}
_VALUE = itemgetter(1)
_OUTWARD = frozenset({"Contact", "Record-Route", "User-Agent", "Server", "Reason", "Privacy"}) | _IDENTITY


@dataclass(frozen=True, slots=True)
class Hygiene:
    """The rules: `agent` is what the platform calls itself (empty: nothing), `bodies` the types let in."""

    agent: str
    bodies: tuple[str, ...]

    def inward(self, message: Message, *, trusted: bool = False) -> None:
        """Clean what came from outside; `trusted` peers may assert identities."""
        if _has_to_be_cleaned(message):
            kept = [self._let_in(name, value, trusted) for name, value in message.headers]
            message.replace_headers([pair for pair in kept if pair is not None])
        if isinstance(message, Request) and not message.raw_uri.isascii():
            message.retarget(as_text(message.raw_uri))
        elif isinstance(message, Response) and not message.reason.isascii():
            message.reason = as_text(message.reason)
        if message.body and not isinstance(message, Request) and not self._may_come_in(message):
            message.set_body(b"")

    @staticmethod
    def _let_in(name: str, value: str, trusted: bool) -> tuple[str, str] | None:
        if name[:2] == "X-" or (name in _IDENTITY and not (trusted and name == "P-Asserted-Identity")):
            return None
        if name == "Reason":
            value = clean_reason(value)
            return (name, value) if value else None
        return name, value if value.isascii() else as_text(value)

    def refuses_body(self, request: Request) -> bool:
        """True for a body that is to be answered 415; one that may be left out is taken off (RFC 3204 5)."""
        if not request.body or request.get("Content-Type") in self.bodies or self._may_come_in(request):
            return False
        optional = "handling=optional" in (request.get("Content-Disposition") or "").replace(" ", "").lower()
        if optional or request.method in ("ACK", "REGISTER"):
            request.set_body(b"")
            return False
        return True

    def _may_come_in(self, message: Message) -> bool:
        return message.content_type in self.bodies

    def outward(
        self,
        message: Message,
        sides: tuple[Side, Side],
        transport: str,
        *,
        trusted: bool = False,
        toward: str = "",
    ) -> None:
        """Clean what goes outside on a transport to a host; `sides` are the edge and the inside."""
        edge, inside = sides
        host = edge.host_toward(toward) if toward else edge.host
        kept: list[tuple[str, str]] = []
        hidden = "Via" if isinstance(message, Request) else ""
        ours = _has_our_contact(message)
        for pair in message.headers:
            name = pair[0]
            if name not in _OUTWARD:
                if name[:2] != "X-" and name != hidden:
                    kept.append(pair)
            elif name == "Record-Route":
                if routes := _without(inside, pair[1]):
                    kept.append((name, routes))
            elif name != "Contact":
                kept += self._shown(pair, trusted)
            else:
                kept.append((name, hidden_contact(pair[1], edge, transport, host)) if ours else pair)
        message.replace_headers(kept)

    def _shown(self, pair: tuple[str, str], trusted: bool) -> list[tuple[str, str]]:
        name, value = pair
        if name == "Reason":
            reason = clean_reason(value)
            return [(name, reason)] if reason else []
        if name in _IDENTITY or name == "Privacy":
            return [pair] if trusted and name != "P-Preferred-Identity" else []
        return [(name, self.agent)] if self.agent else []


def _has_to_be_cleaned(message: Message) -> bool:
    """Nearly all messages have nothing that would have to go: one look tells."""
    names = message.first_values()
    if not _INWARD.isdisjoint(names) or "\nX-" in "\n" + "\n".join(names):
        return True
    return not all(map(str.isascii, map(_VALUE, message.headers)))


def _has_our_contact(message: Message) -> bool:
    """False where Contact says where others are: bindings, redirections."""
    if isinstance(message, Response):
        return message.status < 300 and message.cseq.method != "REGISTER"
    return True


def as_text(value: str) -> str:
    """A header value as UTF-8 (RFC 3261 7.3.1): bytes that are none could not be stored or reported."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def clean_reason(value: str) -> str:
    """Protocol and cause of the Reasons of RFC 3326 2, without the text, which is the sender's own."""
    found = (Reason.parse(item) for item in split_commas(value))
    return ", ".join(str(Reason(reason.protocol, reason.cause)) for reason in found if reason is not None)


@lru_cache(maxsize=4096)
def hidden_contact(value: str, edge: Side, transport: str, host: str) -> str:
    """A Contact of ours: the edge is found under it, at this host, instead of the node behind it."""
    try:
        address = NameAddr.parse(split_commas(value)[0])
    except SipParseError:
        return value
    params: dict[str, str | None] = {}
    if transport != "udp":
        params["transport"] = "ws" if transport in WEB else transport
    uri = SipUri("sip", address.uri.user, host, edge.port_of(transport), params)
    return str(NameAddr(uri, address.display, address.params))


@lru_cache(maxsize=4096)
def _without(inside: Side, value: str) -> str:
    """Record-Route values without those of the inner face."""
    values = split_commas(value)
    return ", ".join(item for item in values if not inside.owns(NameAddr.parse(item).uri))
