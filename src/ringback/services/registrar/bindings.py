"""What a REGISTER asks for (RFC 3261 10.3), without I/O."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ringback.contracts.sip import Binding
from ringback.services.registrar.asked import Asked
from ringback.services.registrar.extensions import Extensions, reg_id
from ringback.services.registrar.refused import Refused
from ringback.sip import NameAddr
from ringback.sip.message import parse_number
from ringback.sip.uri import quote_string, unquote_string

if TYPE_CHECKING:
    from ringback.services.registrar.settings import RegistrarSettings

_SHORT = 256
_TELLING = ("maddr", "method", "ttl", "user")
_encode = msgspec.json.Encoder().encode


class Change(NamedTuple):
    """One binding to set or, with `expires_at` 0, to remove."""

    id: str
    call_id: str
    cseq: int
    expires_at: int
    """Milliseconds since the epoch."""
    value: bytes
    """The binding as JSON."""
    binding: Binding


class Wish(NamedTuple):
    """What a REGISTER wants: everything removed, or changes (none: only ask)."""

    remove_all: bool = False
    changes: tuple[Change, ...] = ()


class Place(NamedTuple):
    """A Contact: `uri` without its headers, `id` without a flow, `expires` its own or None."""

    uri: str
    is_sip: bool
    id: str
    expires: str | None
    q: float
    instance: str
    reg_id: str


def read_wish(
    asked: Asked, now: float, settings: RegistrarSettings, extensions: Extensions | None = None
) -> Wish:
    """The changes in a REGISTER. Raises Refused: 400, 403 for too many, 423 for a time that is too short."""
    values = asked.contacts
    if "*" in values:
        if len(values) > 1 or asked.expires != 0:
            raise Refused(400, "Star needs Expires 0 and nothing else")
        return Wish(True)
    places = [_known_place(value) if len(value) < _SHORT else read_place(value) for value in values]
    if len(places) > settings.max_contacts:
        raise Refused(403, "Too many contacts")
    beyond = extensions or Extensions()
    return Wish(False, tuple([_change(asked, place, now, settings, beyond) for place in places]))


def read_place(value: str) -> Place:
    """Read a Contact. Raises SipParseError."""
    address = NameAddr.parse(value)
    uri = address.uri
    return Place(
        str(uri.without_headers() if uri.headers else uri),
        uri.is_sip,
        binding_id(address),
        address.params.get("expires"),
        _q(address),
        unquote_string(address.params.get("+sip.instance") or ""),
        reg_id(address),
    )


_known_place = lru_cache(maxsize=8192)(read_place)


def _change(
    asked: Asked, place: Place, now: float, settings: RegistrarSettings, extensions: Extensions
) -> Change:
    if not place.is_sip:
        raise Refused(400, "Contact is not a SIP URI")
    seconds = _expires(asked, place, settings)
    if 0 < seconds < settings.min_expires_s:
        raise Refused(423, headers=(("Min-Expires", str(settings.min_expires_s)),))
    flow = place.reg_id if extensions.outbound else ""
    named = f"{place.id} {flow}" if flow and place.instance else place.id
    expires_at = now + min(seconds, settings.max_expires_s) if seconds else 0.0
    binding = Binding(
        contact=place.uri,
        expires_at=expires_at,
        q=place.q,
        call_id=asked.call_id,
        cseq=asked.cseq,
        received=asked.received,
        user_agent=asked.user_agent,
        path=extensions.path,
        instance=place.instance,
        reg_id=flow,
    )
    try:
        value = _encode(binding)
    except UnicodeEncodeError:
        raise Refused(400, "Not UTF-8") from None
    return Change(named, asked.call_id, asked.cseq, math.ceil(expires_at * 1000), value, binding)


def _expires(asked: Asked, place: Place, settings: RegistrarSettings) -> int:
    """The Contact's own time, else the Expires header, else the default (10.2.1.1), as for nonsense."""
    if place.expires is not None:
        number = parse_number(place.expires)
        return settings.default_expires_s if number is None else number
    return settings.default_expires_s if asked.expires is None else asked.expires


def _q(address: NameAddr) -> float:
    try:
        return min(1.0, max(0.0, float(address.params.get("q") or 1.0)))
    except ValueError:
        return 1.0


def binding_id(address: NameAddr) -> str:
    """What makes two contacts the same, but for their flow (RFC 5626 4.2): the instance of the phone (4.1),
    or their URI with all that leads elsewhere (RFC 3261 19.1.4). Parameters that are not known here are left
    out, for a phone may invent them anew; the transport counts where it is another one than UDP.
    """
    instance = unquote_string(address.params.get("+sip.instance") or "")
    if instance.strip():
        return instance.strip()
    uri = address.uri
    named = [f";{name}={(uri.params[name] or '').lower()}" for name in _TELLING if name in uri.params]
    return f"{uri.aor()};transport={uri.transport}{''.join(named)}"


def contact_lines(bindings: list[Binding], now: float) -> list[str]:
    """The Contact values of a 200: the best first, each with the seconds that it has left."""
    if len(bindings) > 1:
        bindings = sorted(bindings, key=_rank)
    return [_contact_line(item, max(1, round(item.expires_at - now))) for item in bindings]


def _rank(binding: Binding) -> tuple[float, float]:
    return -binding.q, -binding.expires_at


def _contact_line(binding: Binding, seconds: int) -> str:
    line = f"<{binding.contact}>;expires={seconds}"
    if binding.q != 1.0:
        line += f";q={binding.q:g}"
    if binding.reg_id:
        # Flows of one phone may have one URI: this tells it which is which.
        line += f";+sip.instance={quote_string(binding.instance)};reg-id={binding.reg_id}"
    return line
