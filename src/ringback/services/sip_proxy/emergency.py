"""Calls for help that name the service and no number (RFC 5031). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ringback.sip import Request, SipUri

if TYPE_CHECKING:
    from ringback.domain.configuration import Tenant

_SOS = re.compile(r"urn:service:sos(?:\.[a-z0-9-]+)*", re.IGNORECASE).fullmatch


def asks_for_help(request: Request) -> bool:
    """True for an INVITE to `urn:service:sos` or to a service below it (RFC 5031 4.2)."""
    return request.method == "INVITE" and _SOS(request.raw_uri) is not None


def dial_for_help(request: Request, tenant: str, tenants: Iterable[Tenant]) -> bool:
    """Dial the tenant's first emergency number; False if it has none.

    Whoever answers there decides between police, fire and ambulance: a tenant has no numbers by service.
    """
    found = next((item for item in tenants if item.id == tenant), None)
    if found is None or not found.emergency:
        return False
    request.uri = SipUri("sip", found.emergency[0], found.domain)
    return True
