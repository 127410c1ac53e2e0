"""What a trunk has registered at its carrier: one flow, or one over each of the carrier's outbound proxies.

RFC 5626 4.2.1: all flows are kept, each with a reg-id of its own; the line is there while one of them is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ringback.services.sip_proxy.line_flow import LineFlow
from ringback.sip.ids import IdSource
from ringback.sip.registration import FIRST_PAUSE_S, Account, Registration
from ringback.sip.uri import SipUri

if TYPE_CHECKING:
    from ringback.domain.configuration import Line

OTHERS_UP_PAUSE_S = 90.0
"""The first pause after a refusal where another flow is there (RFC 5626 4.5)."""


@dataclass(slots=True, eq=False)
class LinePart:
    """One registration, and its flow once the carrier knows flows."""

    registration: Registration
    flow: LineFlow = field(default_factory=LineFlow)


class TrunkLine:
    """All registrations of one line."""

    def __init__(self, accounts: list[Account], ids: IdSource, random: Callable[[], float]) -> None:
        self.parts = tuple(LinePart(Registration(account, ids, random)) for account in accounts)

    def is_registered(self, now: float) -> bool:
        """True while the carrier knows us by one of them."""
        return any(part.registration.is_registered(now) for part in self.parts)

    @property
    def until(self) -> float:
        """Until when it does; 0 where it never did."""
        return max(part.registration.until for part in self.parts)

    @property
    def reason(self) -> str:
        """Why one of them is not registered."""
        return next((part.registration.reason for part in self.parts if part.registration.reason), "")

    def word(self, now: float) -> str:
        """As operators see it; where some flows are missing, how many there are."""
        there = sum(part.registration.is_registered(now) for part in self.parts)
        if not there:
            return self.parts[0].registration.state.value
        return "registered" if there == len(self.parts) else f"registered {there}/{len(self.parts)}"

    def note_others(self, part: LinePart, now: float) -> None:
        """Note for the pause after a refusal whether any other flow is there."""
        others = any(each.registration.is_registered(now) for each in self.parts if each is not part)
        part.registration.first_pause_s = OTHERS_UP_PAUSE_S if others else FIRST_PAUSE_S


def accounts(line: Line, user: str, password: str, instance: str) -> list[Account]:
    """The account of a line, once for each outbound proxy. Raises SipParseError."""
    registrar = _uri(line.registrar)
    aor = SipUri(registrar.scheme, line.user, line.domain or registrar.host)
    edges: list[SipUri | None] = [_uri(text) for text in line.outbound] or [None]
    return [
        Account(registrar, aor, user, password, line.expires, instance, reg_id, edge)
        for reg_id, edge in enumerate(edges, 1)
    ]


def _uri(text: str) -> SipUri:
    return SipUri.parse(text if text.startswith(("sip:", "sips:")) else f"sip:{text}")
