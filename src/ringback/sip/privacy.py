"""Who is calling, and whether that may be told (RFC 3323, RFC 3325). Pure."""

from __future__ import annotations

from ringback.sip.errors import SipParseError
from ringback.sip.message import Request
from ringback.sip.uri import NameAddr, SipUri

ANONYMOUS = "anonymous"
_HIDDEN = NameAddr(SipUri("sip", ANONYMOUS, "anonymous.invalid"), "Anonymous")
_SERVICES = frozenset({"header", "user", "id"})
"""What is done for who asks: our addresses alone are seen outside anyway, the name and number go."""


def wishes(request: Request) -> frozenset[str]:
    """What the Privacy header asks for, in lower case (RFC 3323 4.2)."""
    value = request.get("Privacy")
    return frozenset() if value is None else frozenset(value.lower().replace(" ", "").split(";"))


def is_private(request: Request) -> bool:
    """True if the caller's number must not be shown."""
    wanted = wishes(request)
    return "none" not in wanted and not wanted.isdisjoint(_SERVICES)


def cannot_be_kept(request: Request) -> bool:
    """True for what the caller calls critical and is not done here: hiding the session (RFC 3323 5)."""
    wanted = wishes(request)
    return "critical" in wanted and not wanted <= _SERVICES | {"critical", "none"}


def caller_number(request: Request) -> str:
    """The number to show for a caller: the asserted one before From; `anonymous` for who wants that.

    Give only requests whose P-Asserted-Identity has passed the edge: it is taken off there unless a trusted
    peer sent it (RFC 3325 5).
    """
    if is_private(request):
        return ANONYMOUS
    for value in request.values("P-Asserted-Identity"):
        try:
            number = NameAddr.parse(value).uri.number
        except SipParseError:
            continue
        if number:
            return number
    return request.from_.uri.user or ANONYMOUS


def sender(number: str, domain: str, name: str = "") -> NameAddr:
    """The From of a call: that of RFC 3323 4.1.1.3 for a caller who is not named."""
    return NameAddr(SipUri("sip", number, domain), name) if number not in ("", ANONYMOUS) else _HIDDEN
