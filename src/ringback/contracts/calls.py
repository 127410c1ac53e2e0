"""Where live calls are kept: sip_cluster writes, frontend finds the owner."""

from __future__ import annotations


def call_key(tenant: str, conn_id: str) -> str:
    """The snapshot of a call."""
    return f"{{{tenant}}}:call:{conn_id}"


def owner_key(tenant: str, conn_id: str) -> str:
    """The name of the cluster node that owns the call."""
    return f"{{{tenant}}}:call:{conn_id}:owner"


def calls_key(tenant: str) -> str:
    """The set of ConnIDs of live calls."""
    return f"{{{tenant}}}:calls"
