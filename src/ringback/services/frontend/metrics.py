"""What the frontend counts."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class FrontendMetrics:
    """Names as the original's dashboards have them."""

    def __init__(self, registry: CollectorRegistry, nodes: Callable[[], int]) -> None:
        self.requests = Counter(
            "sipfe_requests", "Telephony requests", ("request", "tenant"), registry=registry
        )
        self.responses = Counter("sipfe_responses", "Answers by status", ("status",), registry=registry)
        self.node_requests = Counter(
            "sipfe_sip_node_requests", "Requests to cluster nodes", ("sip_node_id",), registry=registry
        )
        self.node_responses = Counter(
            "sipfe_sip_node_responses",
            "Answers of cluster nodes",
            ("sip_node_id", "status"),
            registry=registry,
        )
        self.node_seconds = Histogram(
            "sipfe_sip_node_request_duration_seconds", "Time that a cluster node takes", registry=registry
        )
        gauge = Gauge("sipfe_sip_nodes_total", "Cluster nodes in the directory", registry=registry)
        gauge.set_function(nodes)
