"""Metrics under the names that dashboards know."""

from prometheus_client import CollectorRegistry, Gauge, Summary


class Metrics:
    """Of one node. Gauges for what is counted: the names have no `_total` behind them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
            return Gauge(f"orsnode_{name}", text, labels, registry=registry)

        self.call_events = gauge("callevents", "Events of calls that were read")
        self.interactions = gauge("interactions", "Sessions now", ("interaction_type", "tenant"))
        self.total_interactions = gauge("total_interactions", "Sessions since the start")
        self.cleared_interactions = gauge("cleared_interactions", "Sessions that have ended")
        self.strategies = gauge("total_strategies", "Applications started")
        self.active_strategies = gauge("strategies", "Sessions now that have their application")
        self.pending_sessions = gauge("pending_sessions", "Sessions now that wait for their application")
        self.shared = gauge(
            "shared_sessions",
            "Sessions of applications that are shared between two versions, by how they began and ended",
            ("application", "version", "state"),
        )
        self.load_errors = gauge("load_errors", "Applications that could not be run")
        self.fetch_errors = gauge("fetch_errors", "Applications that could not be fetched")
        self.invoke_errors = gauge("invoke_errors", "Actions that failed")
        self.error_events = gauge("scxml_error_events", "Sessions that ended with an error")
        self.ha_writes = gauge("ha_writes", "Sessions stored")
        self.ha_reads = gauge("ha_reads", "Sessions restored")
        self.redis_state = gauge("redis_state", "0 disconnected, 2 ready")
        self.rq_state = gauge("rq_state", "0 disconnected, 1 connected")
        self.create_session = Summary(
            "orsnode_create_session_time_seconds",
            "From having a session to its application's first rest",
            registry=registry,
        )
        self.actions = Summary(
            "orsnode_action_time_seconds",
            "From an element to its answer, with all tries; by module",
            ("module",),
            registry=registry,
        )
        self.default_routes = gauge(
            "default_routes", "Calls given to the default number of their route point"
        )
