"""What a cluster node counts."""

from prometheus_client import CollectorRegistry

from ringback.contracts.events import CallEvent
from ringback.services.sip_cluster.metrics import ClusterMetrics


def test_calls_that_nobody_routed_are_counted_by_tenant() -> None:
    registry = CollectorRegistry()
    metrics = ClusterMetrics(registry)
    for reason in ("default_route", ""):
        metrics.event(CallEvent(id="EventRouteUsed", time=1.0, tenant="demo", conn_id="c", reason=reason))
    assert registry.get_sample_value("sipnode_default_routing_total", {"tenant": "demo"}) == 1.0


def test_a_node_that_never_routed_by_default_tells_zero_for_its_tenants() -> None:
    registry = CollectorRegistry()
    ClusterMetrics(registry, ("demo",))
    assert registry.get_sample_value("sipnode_default_routing_total", {"tenant": "demo"}) == 0.0
