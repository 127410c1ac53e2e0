"""What a cluster node counts."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

from ringback.contracts.events import CallEvent
from ringback.domain.calls.routing import DEFAULT_ROUTE
from ringback.runtime.tally import Tally


class ClusterMetrics:
    """Names as the original's dashboards have them; what counts by tenant begins at 0 for those given."""

    def __init__(self, registry: CollectorRegistry, tenants: Iterable[str] = ()) -> None:
        self.calls = Gauge("sips_calls", "Calls of this node", registry=registry)
        self.requests = Counter(
            "sipnode_requests", "Telephony requests", ("request", "tenant"), registry=registry
        )
        self.events = Tally("sipnode_events", "Telephony events", ("event", "tenant"), registry)
        self.created = Tally("sips_calls_created", "Calls begun", (), registry)
        self.abandoned = Counter("sips_abandoned_calls", "Calls abandoned", registry=registry)
        self.default_routing = Counter(
            "sipnode_default_routing", "Calls that nobody routed in time", ("tenant",), registry=registry
        )
        # There may be none for weeks: a rate over a series that is not there yet misses the first.
        for tenant in tenants:
            self.default_routing.labels(tenant)
        self.restored = Counter(
            "sipnode_redis_restored_calls", "Calls taken over from another node", registry=registry
        )
        self.rejected = Counter("sipnode_rejected_calls", "Calls refused with 503", registry=registry)

    def event(self, event: CallEvent) -> None:
        """Count one event of a call."""
        self.events.counts[event.id, event.tenant] += 1
        if event.id == "EventCallCreated":
            self.created.counts[()] += 1
        elif event.id == "EventRouteUsed" and event.reason == DEFAULT_ROUTE:
            self.default_routing.labels(event.tenant).inc()
        elif event.id == "EventAbandoned" and not event.agent_id:
            self.abandoned.inc()
