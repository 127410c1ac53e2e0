"""SIP between the platform's own parts: header names, bindings in Valkey, reports of sip_proxy."""

from __future__ import annotations

import msgspec

HEADER_TENANT = "X-Ringback-Tenant"
"""The tenant of a call; set by sip_proxy towards a node and by a node towards sip_proxy."""
HEADER_ORIGIN = "X-Ringback-Origin"
"""Where a call came from: `trunk=<name>` or `dn=<number>`; set by sip_proxy."""
HEADER_TARGET = "X-Ringback-Target"
"""Where a node wants a call to go: `dn=<number>`, `trunk=<name>`, `media`, or `media=<host:port>` for the
media node that has a part of the call already; with any other name than an address, legs of one name share a
node.
"""
HEADER_CONN_ID = "X-Ringback-Conn-Id"
HEADER_OWNER = "X-Ringback-Owner"
"""In a 481 of a node: the living node that has the call of this dialog; sip_proxy asks that one."""
HEADER_SILENT = "X-Ringback-Silent"
"""Towards a node: nodes that do not answer sip_proxy. What they own may be taken over at once."""
HEADER_RECEIVED = "X-Ringback-Received"
"""The address that a REGISTER came from: `udp:192.0.2.1:5060`; set by sip_proxy."""

HEADER_FLOW_TIMER = "X-Ringback-Flow-Timer"
"""The seconds after which sip_proxy takes a flow for dead that is not kept alive (RFC 5626 5.4)."""


class Binding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One place where a DN can be reached (RFC 3261 10.3)."""

    contact: str
    """The Contact URI."""
    expires_at: float
    """Seconds since the epoch."""
    q: float = 1.0
    call_id: str = ""
    cseq: int = 0
    received: str = ""
    """The address behind the Contact as sip_proxy saw it: `udp:192.0.2.1:5060`."""
    user_agent: str = ""
    path: tuple[str, ...] = ()
    """The proxies between us and the phone, the first stop first (RFC 3327 5.3)."""
    instance: str = ""
    """The phone itself, whatever its address (RFC 5626 4.1)."""
    reg_id: str = ""
    """Which of the phone's flows this is (RFC 5626 4.2)."""


class Ban(msgspec.Struct, frozen=True, kw_only=True):
    """A source that is not listened to until `until` (seconds since the epoch)."""

    source: str
    reason: str
    until: float
    count: int
    """How often it has been banned."""


class GatewayState(msgspec.Struct, frozen=True, kw_only=True):
    """One address of a trunk as sip_proxy finds it."""

    address: str
    health: str
    """in, doubtful, out; unknown until it has been asked."""
    status: int
    """The last answer to OPTIONS."""


class TrunkState(msgspec.Struct, frozen=True, kw_only=True):
    """How a trunk is, on one sip_proxy."""

    tenant: str
    trunk: str
    state: str
    """in or out of service; not watched; unknown until it has been asked."""
    gateways: tuple[GatewayState, ...]
    line: str
    """registered, asking, unregistered; `registered 1/2` where one flow of two is; empty without a line."""
    reason: str
    """Why it is not registered."""
    registered_until: float
    """Seconds since the epoch."""
    calls: int
    capacity: int
    """Calls at a time; 0: no limit."""
    rejected: int
    """Calls for which there was no room."""


class WebrtcState(msgspec.Struct, frozen=True, kw_only=True):
    """A WebRTC media gateway, as one sip_proxy finds it."""

    address: str
    health: str
    """in, doubtful, out; unknown until it has been asked."""
    status: int
    """The last answer to OPTIONS."""
    draining: bool
    """It is there, and takes no new calls."""


class ProxyReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What sip_proxy tells Kafka about an INVITE outside a dialog."""

    id: str
    """InviteAnswered, InviteFailed or InviteRejected."""
    time: float
    tenant: str = ""
    server: str = "ringback"
    call_id: str = ""
    origin: str = ""
    """`trunk=…`, `dn=…` or `node=…`."""
    target: str = ""
    """`node=…`, `dn=…`, `trunk=…` or `media=…`."""
    status: int = 0
    attempts: int = 0
    """Targets that were tried."""


def bindings_key(tenant: str, dn: str) -> str:
    """A hash: binding id to Binding as JSON. It exists exactly while the DN has a living binding."""
    return f"{{{tenant}}}:sip:bindings:{dn}"


def expiries_key(tenant: str) -> str:
    """A sorted set of the DNs in service, by the moment when their last binding ends (milliseconds)."""
    return f"{{{tenant}}}:sip:expiries"


def trunks_key(tenant: str) -> str:
    """A hash: trunk to `in` or `out`, what was told last."""
    return f"{{{tenant}}}:sip:trunks"
