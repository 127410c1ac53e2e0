"""What a REGISTER asks for (RFC 3261 10.3), without I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from ringback.contracts.sip import HEADER_RECEIVED, Binding
from ringback.sip import NameAddr, Request
from ringback.sip.message import parse_number
from ringback.sip.uri import split_commas, unquote_string

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


class Refused(Exception):
    """The REGISTER is answered with this status."""

    def __init__(
        self, status: int, reason: str | None = None, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Wish:
    """What a REGISTER wants: everything removed, or changes (none: only ask)."""

    remove_all: bool = False
    changes: tuple[Change, ...] = ()


def read_wish(request: Request, now: float, settings: RegistrarSettings) -> Wish:
    """The changes in a REGISTER. Raises Refused: 400, or 423 for a time that is too short."""
    values = request.values("Contact")
    if "*" in values:
        if len(values) > 1 or request.expires != 0:
            raise Refused(400, "Star needs Expires 0 and nothing else")
        return Wish(remove_all=True)
    addresses = [NameAddr.parse(value) for line in request.get_all("Contact") for value in split_commas(line)]
    return Wish(changes=tuple(_change(request, address, now, settings) for address in addresses))


def _change(request: Request, address: NameAddr, now: float, settings: RegistrarSettings) -> Change:
    if not address.uri.is_sip:
        raise Refused(400, "Contact is not a SIP URI")
    seconds = _expires(request, address, settings)
    if 0 < seconds < settings.min_expires_s:
        raise Refused(423, headers=(("Min-Expires", str(settings.min_expires_s)),))
    expires_at = now + min(seconds, settings.max_expires_s) if seconds else 0.0
    binding = Binding(
        contact=str(address.uri.without_headers()),
        expires_at=expires_at,
        q=_q(address),
        call_id=request.call_id,
        cseq=request.cseq.number,
        received=request.get(HEADER_RECEIVED) or "",
        user_agent=(request.get("User-Agent") or "")[:100],
    )
    value = msgspec.json.encode(binding).decode()
    return Change(binding_id(address), request.call_id, binding.cseq, math.ceil(expires_at * 1000), value)


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


def binding_id(address: NameAddr) -> str:
    """What makes two contacts the same: the instance of the phone (RFC 5626 4.1), or its URI (19.1.4)."""
    instance = unquote_string(address.params.get("+sip.instance") or "")
    if instance:
        return f"{instance} {address.params.get('reg-id') or ''}".strip()
    return f"{address.uri.aor()};transport={address.uri.transport}"


def contact_lines(bindings: list[Binding], now: float) -> list[str]:
    """The Contact values of a 200: the best first, each with the seconds that it has left."""
    ordered = sorted(bindings, key=lambda item: (-item.q, -item.expires_at))
    return [f"<{item.contact}>;expires={max(1, round(item.expires_at - now))}" for item in ordered]
