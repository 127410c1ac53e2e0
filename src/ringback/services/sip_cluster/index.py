"""Which call a message belongs to."""

from collections.abc import Callable

from ringback.services.sip_cluster.live import LiveCall, SipLeg
from ringback.sip.transfer import Replaces


class Index:
    """Legs by Call-ID, and the SIP domain of each tenant."""

    def __init__(self) -> None:
        self.legs: dict[str, tuple[LiveCall, SipLeg]] = {}
        self.domains: dict[str, str] = {}
        self.on_new: Callable[[LiveCall, SipLeg], None] = lambda live, leg: None

    def add(self, live: LiveCall, leg: SipLeg) -> None:
        self.legs[leg.call_id] = (live, leg)
        self.on_new(live, leg)

    def forget(self, live: LiveCall) -> None:
        for leg in live.legs.values():
            if self.legs.get(leg.call_id) == (live, leg):
                del self.legs[leg.call_id]

    def named(self, tenant: str, replaces: Replaces) -> tuple[LiveCall, SipLeg] | None:
        """The leg whose dialog is named, if it stands here or rings (RFC 3891 3)."""
        known = self.legs.get(replaces.call_id)
        if known is None or known[0].tenant != tenant:
            return None
        dialog = known[1].dialog
        if dialog is not None:
            fits = (dialog.local_tag, dialog.remote_tag) == (replaces.to_tag, replaces.from_tag)
            return known if fits else None
        invite = known[1].invite
        ours = invite is not None and invite.request.from_tag == replaces.to_tag
        return known if ours and replaces.from_tag in known[1].heard else None

    def domain(self, tenant: str) -> str:
        """The domain that stands in our URIs; the tenant's name until the configuration was read."""
        return self.domains.get(tenant, f"{tenant}.invalid")
