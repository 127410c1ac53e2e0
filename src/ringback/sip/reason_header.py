"""Why a request was sent (RFC 3326): the Reason header of BYE and CANCEL."""

from __future__ import annotations

from dataclasses import dataclass

from ringback.sip.errors import SipParseError
from ringback.sip.message import Message, parse_number
from ringback.sip.reasons import reason_phrase
from ringback.sip.uri import parse_params, quote_string, unquote_string

_PROTOCOLS = frozenset({"SIP", "Q.850"})


@dataclass(frozen=True, slots=True)
class Reason:
    """One value: the protocol, its code for the cause, and a text for people."""

    protocol: str
    cause: int
    text: str = ""

    def __str__(self) -> str:
        text = f";text={quote_string(self.text)}" if self.text else ""
        return f"{self.protocol};cause={self.cause}{text}"

    @classmethod
    def parse(cls, value: str) -> Reason | None:
        """Read one value; None for another protocol's, or one without a cause (section 2)."""
        protocol, semicolon, rest = value.strip().partition(";")
        protocol = protocol.strip().upper()
        if protocol not in _PROTOCOLS or not semicolon:
            return None
        try:
            params = parse_params(";" + rest)
        except SipParseError:
            return None
        cause = parse_number(params.get("cause") or "", 1000)
        return None if cause is None else cls(protocol, cause, unquote_string(params.get("text") or "")[:80])


ELSEWHERE = Reason("SIP", 200, "Call completed elsewhere")
"""On the CANCEL of the branches that lost: the call is no missed one."""


def sip_reason(status: int) -> Reason:
    """The reason that a SIP status gives."""
    return Reason("SIP", status, reason_phrase(status))


def reason_of(message: Message) -> Reason | None:
    """The first value of a message that can be read."""
    if not message.has("Reason"):
        return None
    found = (Reason.parse(value) for value in message.values("Reason"))
    return next((reason for reason in found if reason is not None), None)
