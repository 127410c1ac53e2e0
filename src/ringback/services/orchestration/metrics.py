"""Metrics under the names that dashboards know."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Gauge

from ringback.runtime.outgoing import Outgoing
from ringback.runtime.tally import Durations, Tally


class Metrics:
    """Of one node. Gauges for what is counted: the names have no `_total` behind them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
            return Gauge(f"orsnode_{name}", text, labels, registry=registry)

        def tally(name: str, text: str) -> Tally:
            return Tally(f"orsnode_{name}", text, (), registry, exact=True)

        self.call_events = tally("callevents", "Events of calls that were read")
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
        self.ha_writes = tally("ha_writes", "Sessions stored")
        self.ha_reads = gauge("ha_reads", "Sessions restored")
        self.resumed = gauge("resumed_sessions", "Sessions taken up again: after a start, or a node's death")
        self.redis_state = gauge("redis_state", "0 disconnected, 2 ready")
        self.rq_state = gauge("rq_state", "0 disconnected, 1 connected")
        self.create_session = Durations(
            "orsnode_create_session_time_seconds",
            "From having a session to its application's first rest",
            registry=registry,
        )
        self.actions = Durations(
            "orsnode_action_time_seconds",
            "From an element to its answer, with all tries",
            ("module", "element"),
            registry=registry,
        )

        def summary(name: str, text: str, labels: tuple[str, ...] = ()) -> Durations:
            return Durations(f"orsnode_{name}_seconds", text, labels, registry=registry)

        self.processing = summary("document_processing_time", "Compiling an application")
        self.queuing = summary("scxml_event_queuing_time", "An event's wait in a session's inbox")
        self.turns = summary("state_time", "CPU time of a turn, from its events to the next rest")
        self.answers = summary(
            "answer_time",
            "From an element to what the call, or the router, made of it",
            ("module", "element"),
        )
        self.default_routes = gauge(
            "default_routes", "Calls given to the default number of their route point"
        )


class NeighbourMetrics:
    """How the neighbours of orchestration fare, as its own requests to them have shown."""

    def __init__(self, registry: CollectorRegistry, outgoing: Outgoing) -> None:
        self._registry = registry
        http, link = outgoing.neighbour, outgoing.linked
        for name, text, read in (
            ("rq_latency_msec", "How long the last request to rq took", lambda: link("rq").last_s * 1000),
            (
                "urs_fetch_errors",
                "Questions about queues that nobody answered",
                lambda: float(http("tenant").errors),
            ),
            (
                "sip_health_check",
                "0 when the last telephony request found nobody, else 1",
                lambda: float(not http("frontend").failing),
            ),
        ):
            self._gauge(name, text).set_function(read)
        errors = self._gauge("health_check_error", "Requests that nobody answered", ("reason",))
        errors.labels("config").set_function(lambda: float(http("config").errors))
        errors.labels("sipfe").set_function(lambda: float(http("frontend").errors))

    def watch(self, reading: Callable[[], bool], routing: Callable[[], bool], tenants: Iterable[str]) -> None:
        """`reading`: whether the streams of calls are read; `routing`: whether the router's node is there."""
        stream = self._gauge("balancer_stream_state", "1 while the streams of new interactions are read")
        stream.set_function(lambda: float(reading()))
        state = self._gauge("urs_rlib_state", "1 while the tenant's router is connected", ("tenant",))
        for tenant in tenants:
            state.labels(tenant).set_function(lambda: float(routing()))

    def _gauge(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(f"orsnode_{name}", text, labels, registry=self._registry)
