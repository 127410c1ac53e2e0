"""Whose certificate this is: the SIP domains that it names (RFC 5922 7). Pure."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ringback.sip.errors import SipParseError
from ringback.sip.uri import SipUri

Peer = Mapping[str, Any]
"""A certificate as `ssl` shows it, checked against its authorities already."""


def domains(certificate: Peer) -> list[str]:
    """The domains of a certificate (7.1): `sip:` URIs without a user; where there is none the DNS names; the
    common name only of one that has no subjectAltName at all. Addresses stand for themselves."""
    names = [(str(kind), str(value)) for kind, value in certificate.get("subjectAltName", ())]
    found = [domain for kind, value in names if kind == "URI" and (domain := _sip_domain(value))]
    found = found or [value for kind, value in names if kind == "DNS"]
    found += [value for kind, value in names if kind == "IP Address"]
    if not names:
        subject = certificate.get("subject", ())
        found = [str(value) for part in subject for key, value in part if key == "commonName"]
    return [_plain(name) for name in found]


def names(certificate: Peer, domain: str) -> bool:
    """True if a certificate is that of a domain: the same name, never a wildcard or a suffix (7.2)."""
    return _plain(domain) in domains(certificate)


def _sip_domain(text: str) -> str:
    try:
        uri = SipUri.parse(text)
    except SipParseError:
        return ""
    return uri.host if uri.scheme == "sip" and uri.user is None else ""


def _plain(name: str) -> str:
    try:
        return ipaddress.ip_address(name).compressed
    except ValueError:
        return name.lower().rstrip(".")


def client_context(authorities: str | None = None) -> ssl.SSLContext:
    """What connects by TLS 1.2 or newer. Names are held against RFC 5922 once the handshake is done: `ssl`
    knows no `sip:` URIs and would let wildcards pass. Raises OSError, ssl.SSLError."""
    context = ssl.create_default_context(cafile=authorities or None)
    context.check_hostname = False
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def hold_against(context: ssl.SSLContext, revoked: Path) -> None:
    """Refuse certificates that lists of revoked ones name (RFC 5280 5): PEM, one of each authority.

    Called again it adds newer lists; of two of one authority the newer holds. Who is known is looked at each
    time, never taken for known by a ticket (RFC 8446 2.2). Raises OSError, ssl.SSLError.
    """
    context.load_verify_locations(revoked)
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    context.options |= ssl.OP_NO_TICKET
    if context.protocol is ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0


def server_context() -> ssl.SSLContext:
    """What listens for TLS 1.2 or newer; the certificate is still to be loaded."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
