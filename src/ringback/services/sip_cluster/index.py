"""Which call a message belongs to."""

from collections.abc import Callable

from ringback.services.sip_cluster.live import LiveCall, SipLeg


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

    def domain(self, tenant: str) -> str:
        """The domain that stands in our URIs; the tenant's name until the configuration was read."""
        return self.domains.get(tenant, f"{tenant}.invalid")
