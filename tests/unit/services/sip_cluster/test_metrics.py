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


def test_events_are_counted_by_name_and_tenant_and_calls_from_zero() -> None:
    registry = CollectorRegistry()
    metrics = ClusterMetrics(registry)
    assert registry.get_sample_value("sips_calls_created_total") == 0.0
    for name in ("EventCallCreated", "EventRinging", "EventRinging"):
        metrics.event(CallEvent(id=name, time=1.0, tenant="demo", conn_id="c"))
    assert registry.get_sample_value("sips_calls_created_total") == 1.0
    ringing = {"event": "EventRinging", "tenant": "demo"}
    assert registry.get_sample_value("sipnode_events_total", ringing) == 2.0
