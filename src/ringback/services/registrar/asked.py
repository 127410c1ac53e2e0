"""A REGISTER as the registrar needs it: most are taken apart by one look, all others are read as messages."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ringback.contracts.sip import HEADER_FLOW_TIMER, HEADER_RECEIVED, HEADER_TENANT
from ringback.sip import Request
from ringback.sip.message import parse_number
from ringback.sip.plain import PlainRegister
from ringback.sip.reasons import reason_phrase

_read = PlainRegister([HEADER_TENANT, HEADER_RECEIVED, HEADER_FLOW_TIMER]).read
_GROUPS = ("via", "sender", "to", "call_id", "cseq", "contact", "expires", "authorization", "user_agent")
_FROM_PROXY = tuple(name.lower().replace("-", "_") for name in (HEADER_TENANT, HEADER_RECEIVED))
_NUMBER = re.compile(r"[^<]*<sips?:([^@:;>%]+)@").match
_LONGEST_AGENT = 100


class Asked:
    """What a REGISTER says. `request` is there where more than the usual may have to be asked for."""

    __slots__ = (
        "_above",
        "_below",
        "call_id",
        "contacts",
        "credentials",
        "cseq",
        "dn",
        "expires",
        "received",
        "request",
        "tenant",
        "user_agent",
        "via",
    )

    def __init__(
        self,
        via: str,
        above: str,
        call_id: str,
        cseq: str,
        dn: str,
        contacts: list[str],
        credentials: list[str],
    ) -> None:
        self.via = via
        """The first line of its Via."""
        self._above = above
        """The lines of a response up to where a tag of To belongs."""
        self._below = f"\r\nCall-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\n"
        self.call_id = call_id
        self.cseq = int(cseq)
        self.dn = dn
        """Whose bindings these are; empty for no number of ours."""
        self.contacts = contacts
        self.credentials = credentials
        self.expires: int | None = None
        """Seconds; None where none are named."""
        self.tenant = ""
        self.received = ""
        self.user_agent = ""
        self.request: Request | None = None

    @classmethod
    def at_a_glance(cls, data: bytes) -> Asked | None:
        """Read a plain REGISTER with one Contact or none; None for all others."""
        found = _read(data)
        if found is None:
            return None
        via, sender, to, call_id, cseq, contact, expires, credentials, agent = found.group(*_GROUPS)
        number = _NUMBER(to)
        # The star is for the other way as a whole, and so are flows (RFC 5626).
        if number is None or (contact is not None and (contact == "*" or "reg-id" in contact)):
            return None
        made = cls(
            via,
            f"Via: {via}\r\nFrom: {sender}\r\nTo: {to}",
            call_id,
            cseq,
            number[1],
            [contact] if contact else [],
            [credentials] if credentials else [],
        )
        tenant, received = found.group(*_FROM_PROXY)
        made.expires = parse_number(expires) if expires is not None else None
        made.tenant, made.received = tenant or "", received or ""
        made.user_agent = (agent or "")[:_LONGEST_AGENT]
        return made

    @classmethod
    def of(cls, request: Request) -> Asked:
        """Read any REGISTER. Raises SipParseError."""
        uri, number = request.to.uri, str(request.cseq.number)
        lines = [f"Via: {value}" for value in request.get_all("Via")]
        lines += [f"From: {request.get('From')}", f"To: {request.get('To')}"]
        via = request.get("Via") or ""
        dn = uri.number if uri.is_sip else ""
        contacts, credentials = request.values("Contact"), request.get_all("Authorization")
        made = cls(via, "\r\n".join(lines), request.call_id, number, dn, contacts, credentials)
        made.request = request
        made.expires = request.expires
        made.tenant = request.get(HEADER_TENANT) or ""
        made.received = request.get(HEADER_RECEIVED) or ""
        made.user_agent = (request.get("User-Agent") or "")[:_LONGEST_AGENT]
        return made

    def answered(
        self, status: int, reason: str | None, tag: str, headers: Iterable[tuple[str, str]]
    ) -> bytes:
        """A response on the wire (RFC 3261 8.2.6). Raises ValueError for a header that holds a line break."""
        lines = [f"{name}: {value}\r\n" for name, value in headers]
        more = "".join(lines)
        if more.count("\n") != len(lines) or more.count("\r") != len(lines):
            raise ValueError("a header value cannot hold a line break")
        if self.request is None or self.request.to_tag is None:
            tag = f";tag={tag}"
        else:
            tag = ""
        text = (
            f"SIP/2.0 {status} {reason_phrase(status) if reason is None else reason}\r\n"
            f"{self._above}{tag}{self._below}{more}Content-Length: 0\r\n\r\n"
        )
        return text.encode("utf-8", "surrogateescape")
