"""What a REGISTER asks for (RFC 3261 10.3), without I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from ringback.contracts.sip import HEADER_RECEIVED, Binding
from ringback.services.registrar.extensions import Extensions, reg_id
from ringback.services.registrar.refused import Refused
from ringback.sip import NameAddr, Request
from ringback.sip.message import parse_number
from ringback.sip.uri import quote_string, unquote_string

if TYPE_CHECKING:
    from ringback.services.registrar.settings import RegistrarSettings


class Change(msgspec.Struct, frozen=True):
    """One binding to set or, with `expires_at` 0, to remove."""

    id: str
    call_id: str
    cseq: int
    expires_at: int
    """Milliseconds since the epoch."""
    value: str
    """The Binding as JSON."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a REGISTER wants: everything removed, or changes (none: only ask)."""

    remove_all: bool = False
    changes: tuple[Change, ...] = ()


def read_wish(
    request: Request, now: float, settings: RegistrarSettings, extensions: Extensions | None = None
) -> Wish:
    """The changes in a REGISTER. Raises Refused: 400, 403 for too many, 423 for a time that is too short."""
    values = request.values("Contact")
    if "*" in values:
        if len(values) > 1 or request.expires != 0:
            raise Refused(400, "Star needs Expires 0 and nothing else")
        return Wish(remove_all=True)
    addresses = [NameAddr.parse(value) for value in values]
    if len(addresses) > settings.max_contacts:
        raise Refused(403, "Too many contacts")
    beyond = extensions or Extensions()
    return Wish(changes=tuple(_change(request, address, now, settings, beyond) for address in addresses))


def _change(
    request: Request, address: NameAddr, now: float, settings: RegistrarSettings, extensions: Extensions
) -> Change:
    if not address.uri.is_sip:
        raise Refused(400, "Contact is not a SIP URI")
    seconds = _expires(request, address, settings)
    if 0 < seconds < settings.min_expires_s:
        raise Refused(423, headers=(("Min-Expires", str(settings.min_expires_s)),))
    expires_at = now + min(seconds, settings.max_expires_s) if seconds else 0.0
    binding = Binding(
        contact=str(address.uri.without_headers() if address.uri.headers else address.uri),
        expires_at=expires_at,
        q=_q(address),
        call_id=request.call_id,
        cseq=request.cseq.number,
        received=request.get(HEADER_RECEIVED) or "",
        user_agent=(request.get("User-Agent") or "")[:100],
        path=extensions.path,
        instance=unquote_string(address.params.get("+sip.instance") or ""),
        reg_id=reg_id(address) if extensions.outbound else "",
    )
    try:
        value = msgspec.json.encode(binding).decode()
    except UnicodeEncodeError:
        raise Refused(400, "Not UTF-8") from None
    return Change(
        binding_id(address, binding.reg_id),
        request.call_id,
        binding.cseq,
        math.ceil(expires_at * 1000),
        value,
    )


def _expires(request: Request, address: NameAddr, settings: RegistrarSettings) -> int:
    """The Contact's own time, else the Expires header, else the default (10.2.1.1), as for nonsense."""
    wanted = address.params.get("expires")
    if wanted is not None:
        number = parse_number(wanted)
        return settings.default_expires_s if number is None else number
    return settings.default_expires_s if request.expires is None else request.expires


def _q(address: NameAddr) -> float:
    try:
        return min(1.0, max(0.0, float(address.params.get("q") or 1.0)))
    except ValueError:
        return 1.0


def binding_id(address: NameAddr, flow: str = "") -> str:
    """What makes two contacts the same: the instance of the phone with its flow (RFC 5626 4.1, 4.2), or its
    URI (RFC 3261 19.1.4).
    """
    instance = unquote_string(address.params.get("+sip.instance") or "")
    if instance:
        return f"{instance} {flow}".strip()
    return f"{address.uri.aor()};transport={address.uri.transport}"


def contact_lines(bindings: list[Binding], now: float) -> list[str]:
    """The Contact values of a 200: the best first, each with the seconds that it has left."""
    ordered = sorted(bindings, key=lambda item: (-item.q, -item.expires_at))
    return [_contact_line(item, max(1, round(item.expires_at - now))) for item in ordered]


def _contact_line(binding: Binding, seconds: int) -> str:
    line = f"<{binding.contact}>;expires={seconds}"
    if binding.q != 1.0:
        line += f";q={binding.q:g}"
    if binding.reg_id:
        # Flows of one phone may have one URI: this tells it which is which.
        line += f";+sip.instance={quote_string(binding.instance)};reg-id={binding.reg_id}"
    return line
