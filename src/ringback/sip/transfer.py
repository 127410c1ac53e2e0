"""What transfers are made of: Refer-To, Refer-Sub, Referred-By and NOTIFY's sipfrag (RFC 3515, 4488, 3892),
and the Replaces header (RFC 3891). Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from ringback.sip.errors import SipParseError
from ringback.sip.message import Message, Request
from ringback.sip.reasons import reason_phrase
from ringback.sip.uri import NameAddr, SipUri, parse_params

NO_SUBSCRIPTION = "norefersub"
REPLACES = "replaces"
SIPFRAG = "message/sipfrag;version=2.0"


@dataclass(frozen=True, slots=True)
class Replaces:
    """The dialog that an INVITE is to take the place of, named as the one who gets the INVITE knows it:
    `to_tag` is that side's own tag (RFC 3891 3).
    """

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    def __str__(self) -> str:
        early = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early}"

    @classmethod
    def parse(cls, value: str) -> Replaces:
        """Read a Replaces value. Raises SipParseError if a tag is missing or there are two (section 6.1)."""
        call_id, _, rest = value.partition(";")
        params = parse_params(";" + rest) if rest else {}
        to_tag, from_tag = params.get("to-tag"), params.get("from-tag")
        if not call_id.strip() or not to_tag or not from_tag or rest.count("-tag=") != 2:
            raise SipParseError("bad Replaces")
        return cls(call_id.strip(), to_tag, from_tag, "early-only" in params)

    def escaped(self) -> str:
        """As a header of a URI (Refer-To)."""
        return quote(str(self), safe="")


def replaces_of(request: Request) -> Replaces | None:
    """The Replaces of an INVITE; None without. Raises SipParseError (400) for more than one (RFC 3891 3)."""
    values = request.get_all("Replaces")
    if len(values) > 1:
        raise SipParseError("two Replaces")
    return Replaces.parse(values[0]) if values else None


@dataclass(frozen=True, slots=True)
class Referral:
    """What a REFER asks for."""

    target: SipUri
    """Where to call, without the headers of the URI."""
    replaces: Replaces | None
    """The dialog at the target that the new call is to replace: an attended transfer."""
    wants_notify: bool
    """False: Refer-Sub said no (RFC 4488 4)."""
    referred_by: str = ""

    @classmethod
    def of(cls, request: Request) -> Referral:
        """Read a REFER. Raises SipParseError (400) without exactly one Refer-To, or for a method that is no
        call (RFC 3515 2.4.2).
        """
        values = request.get_all("Refer-To")
        if len(values) != 1:
            raise SipParseError("not one Refer-To")
        uri = NameAddr.parse(values[0]).uri
        if (uri.params.get("method") or "INVITE").upper() != "INVITE":
            raise SipParseError("a REFER to no call")
        replaces = uri.header("Replaces")
        wants = (request.get("Refer-Sub") or "true").partition(";")[0].strip().lower() != "false"
        by = request.get("Referred-By") or ""
        found = Replaces.parse(replaces) if replaces else None
        return cls(uri.without_headers(), found, wants, by)


def sipfrag(status: int) -> bytes:
    """The body of a NOTIFY: how far the new call is (RFC 3515 2.4.5)."""
    return f"SIP/2.0 {status} {reason_phrase(status)}\r\n".encode()


def notify_headers(status: int, expires_s: int, event_id: str = "") -> list[tuple[str, str]]:
    """The headers of that NOTIFY: the final status ends the subscription (RFC 3515 2.4.7, 6665 4.1.3)."""
    ended = "terminated;reason=noresource"
    state = f"active;expires={expires_s}" if status < 200 else ended
    return [("Event", f"refer;id={event_id}" if event_id else "refer"), ("Subscription-State", state)]


def redirect_targets(message: Message) -> list[SipUri]:
    """The Contacts of a 3xx, best first (RFC 3261 8.1.3.4, 20.10)."""
    try:
        found = message.contacts
    except SipParseError:
        return []
    return [each.uri for each in sorted(found, key=_q, reverse=True)]


def _q(contact: NameAddr) -> float:
    try:
        return float(contact.params.get("q") or 1.0)
    except ValueError:
        return 0.0
