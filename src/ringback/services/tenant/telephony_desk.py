"""One session of the telephony link: who is behind it, what it has registered, and what it may ask for.

Rules:
- The platform's own (they have said hello with its secret) may ask for everything, of every tenant.
- A user may ask within the tenant of the token. Administrators and supervisors ask and hear for everybody
  there, monitors hear. Anybody else is an agent: asks for themselves, at the devices where they are logged in
  or that are theirs, and for calls that have been at these devices.
- A session that asks faster than it may is refused until it has waited.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from ringback.contracts.telephony import (
    RequestAgentLogin,
    RequestApplyTreatment,
    RequestRouteCall,
    TelephonyRequest,
)

FORBIDDEN = 403
ASKING = frozenset({"Administrator", "Supervisor"})
HEARING = ASKING | {"Monitor"}
_REMEMBERED_CALLS = 1000
BURST, PER_SECOND = 100.0, 20.0


@dataclass(frozen=True, slots=True)
class Rights:
    """`tenant`: empty for all. `agent`: whose desk it is, with the names under which the agent logs in."""

    tenant: str = ""
    agent: str = ""
    names: frozenset[str] = frozenset()
    own_dn: str = ""
    asks_all: bool = True
    hears_all: bool = True


THE_PLATFORM = Rights()


@dataclass(slots=True)
class Desk:
    """What is kept of a session. `addresses`: tenant and DN of each registration."""

    rights: Rights
    addresses: set[tuple[str, str]] = field(default_factory=set)
    calls: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _budget: float = BURST
    _at: float = 0.0

    def heard(self, conn_id: str) -> None:
        """A call was at one of the registered devices."""
        self.calls[conn_id] = None
        self.calls.move_to_end(conn_id)
        if len(self.calls) > _REMEMBERED_CALLS:
            self.calls.popitem(last=False)

    def spend(self, now: float) -> bool:
        """One request more; False when there were too many. The platform's own are not limited."""
        if self.rights is THE_PLATFORM:
            return True
        self._budget = min(BURST, self._budget + (now - self._at) * PER_SECOND) if self._at else BURST
        self._at = now
        if self._budget < 1.0:
            return False
        self._budget -= 1.0
        return True

    def refusal(self, request: TelephonyRequest, dns: frozenset[str]) -> str:
        """Why a request is not for this session; empty when it is. `dns`: the agent's devices."""
        rights = self.rights
        if rights.tenant not in ("", request.tenant):
            return "this is another tenant's"
        if rights.asks_all:
            return ""
        if not rights.agent or isinstance(request, RequestRouteCall | RequestApplyTreatment):
            return "this user may not ask for it"
        return self._refusal_of_agent(request, dns)

    def _refusal_of_agent(self, request: TelephonyRequest, dns: frozenset[str]) -> str:
        agent, this_dn = getattr(request, "agent_id", ""), getattr(request, "this_dn", "")
        conn_id = getattr(request, "conn_id", "")
        if not (agent or this_dn or conn_id):
            return "name the agent, the device or the call"
        if agent and agent not in rights_names(self.rights):
            return "this is another agent"
        if this_dn and this_dn not in dns and not isinstance(request, RequestAgentLogin):
            return "this is not the agent's device"
        if conn_id and conn_id not in self.calls:
            return "this call has not been at a registered device of the agent"
        return ""


def rights_names(rights: Rights) -> frozenset[str]:
    """All names of the agent."""
    return rights.names | {rights.agent}
