"""Who listens where.

This table is the only place that knows a default port. It imports nothing of ours, so that the runtime
and the command line can both read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Protocol = Literal["http", "link", "sip", "sip-edge", "sip-stream"]


@dataclass(frozen=True, slots=True)
class Listener:
    """One socket address that a service listens on."""

    service: str
    name: str
    protocol: Protocol
    port: int
    purpose: str
    optional: bool = False
    """Bound only where it is asked for."""


LISTENERS: tuple[Listener, ...] = (
    Listener("tenant", "http", "http", 5581, "routing requests and queue state (5080 in the original)"),
    Listener("tenant", "ewt", "http", 5580, "estimated wait times"),
    Listener("tenant", "config", "link", 8888, "configuration: read, search, inventory, changes"),
    Listener("tenant", "stats", "link", 8000, "real-time statistics"),
    Listener("tenant", "telephony", "link", 2060, "telephony requests and events"),
    Listener("tenant", "campaigns", "link", 5050, "outbound campaigns: calling lists and control"),
    Listener("config", "http", "http", 9100, "cached configuration of the tenants"),
    Listener("dialplan", "http", "http", 8800, "where a dialled number goes"),
    Listener("registrar", "sip", "sip", 5066, "REGISTER, behind sip_proxy"),
    Listener("registrar", "http", "http", 9103, "health and metrics"),
    Listener("sip_proxy", "edge", "sip-edge", 5060, "phones and trunks, UDP and TCP"),
    Listener("sip_proxy", "tls", "sip-stream", 5061, "phones and trunks, TLS", optional=True),
    Listener("sip_proxy", "ws", "sip-stream", 8088, "browsers, WebSocket", optional=True),
    Listener("sip_proxy", "wss", "sip-stream", 8089, "browsers, WebSocket over TLS", optional=True),
    Listener("sip_proxy", "inside", "sip", 5080, "SIP/TCP between the platform's own parts"),
    Listener("sip_proxy", "http", "http", 9104, "health and metrics"),
    Listener("sip_cluster", "http", "http", 11300, "call-control requests"),
    Listener("sip_cluster", "sip", "sip", 5068, "calls, behind sip_proxy"),
    Listener(
        "frontend", "http", "http", 9101, "telephony requests, forwarded to the node that owns the call"
    ),
    Listener("rq", "link", "link", 12100, "routing requests and results"),
    Listener("rq", "http", "http", 12101, "health and metrics"),
    Listener("orchestration", "control", "http", 9098, "sessions: start, terminate, event, query"),
    Listener("orchestration", "http", "http", 11200, "call data for the voice platform"),
    Listener("agent_state", "http", "http", 9102, "agents: log in, ready, not ready"),
    Listener("call_state", "http", "http", 11900, "live calls and their threads"),
    Listener("voicemail", "http", "http", 8081, "mailboxes"),
    Listener("engagement", "http", "http", 3050, "callbacks: Engagement API v3 and the status page"),
    Listener("media", "sip", "sip", 5072, "prompts, music, digits, recording"),
    Listener("media", "http", "http", 9105, "health and metrics"),
    Listener("designer", "http", "http", 8480, "SCXML applications and data tables"),
    Listener("auth", "http", "http", 8095, "users and tokens"),
    Listener("auth", "environment", "http", 8091, "API keys and tenants"),
    Listener("auth", "configuration", "http", 8092, "privileges"),
)

SERVICES: tuple[str, ...] = tuple(dict.fromkeys(listener.service for listener in LISTENERS))

VALKEY_PORT = 6379
POSTGRES_PORT = 5432
KAFKA_PORT = 9092
WEBRTC_PORT = 5070
"""Where a WebRTC media gateway listens for SIP over UDP; it is not one of our services."""


def listener(service: str, name: str = "http") -> Listener:
    """Return the listener `name` of `service`; KeyError says which ones there are."""
    for entry in LISTENERS:
        if entry.service == service and entry.name == name:
            return entry
    known = ", ".join(f"{entry.service}.{entry.name}" for entry in LISTENERS)
    raise KeyError(f"no listener {service}.{name}; there are: {known}")
