"""Where live calls are kept: sip_cluster writes, frontend finds the owner."""

from __future__ import annotations

import msgspec

ENDED = "ended"


def call_key(tenant: str, conn_id: str) -> str:
    """The snapshot of a call."""
    return f"{{{tenant}}}:call:{conn_id}"


def owner_key(tenant: str, conn_id: str) -> str:
    """The name of the cluster node that owns the call."""
    return f"{{{tenant}}}:call:{conn_id}:owner"


def calls_key(tenant: str) -> str:
    """The set of ConnIDs of live calls."""
    return f"{{{tenant}}}:calls"


class DialogPart(msgspec.Struct, frozen=True):
    """One dialog of a call: the device at its other end, and how far it is."""

    dn: str = ""
    state: str = ""

    @property
    def ended(self) -> bool:
        return self.state == ENDED


class _PartiesPart(msgspec.Struct, frozen=True):
    target_agent: str = ""


class _DialogsPart(msgspec.Struct, frozen=True):
    legs: dict[str, DialogPart] = {}
    parties: _PartiesPart = _PartiesPart()


class CallDialogs(msgspec.Struct, frozen=True):
    """What a snapshot tells others: who has a dialog in the call. The rest is sip_cluster's own."""

    call: _DialogsPart = _DialogsPart()

    def concerns(self, agent_id: str, dn: str) -> bool:
        """Whether the agent has to do with the call; a snapshot without dialogs contradicts nobody."""
        devices = self.devices
        return not devices or dn in devices or agent_id == self.call.parties.target_agent

    @property
    def devices(self) -> frozenset[str]:
        """The DNs whose dialogs have not ended."""
        return frozenset(leg.dn for leg in self.call.legs.values() if leg.dn and not leg.ended)

    @property
    def talking(self) -> frozenset[str]:
        """The DNs whose dialogs are up."""
        return frozenset(leg.dn for leg in self.call.legs.values() if leg.dn and leg.state == "up")
