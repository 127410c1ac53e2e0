"""What sip_proxy tells Prometheus."""

import contextlib

from prometheus_client import CollectorRegistry, Counter, Gauge

from ringback.runtime.tally import Tally

_METHODS = frozenset(
    [
        "ACK",
        "BYE",
        "CANCEL",
        "INFO",
        "INVITE",
        "MESSAGE",
        "NOTIFY",
        "OPTIONS",
        "PRACK",
        "PUBLISH",
        "REFER",
        "REGISTER",
        "SUBSCRIBE",
        "UPDATE",
    ]
)
_OTHER = "other"
"""The label of methods that were invented: a stranger could fill the memory with them."""

_CLASSES = ((), ("1xx",), ("2xx",), ("3xx",), ("4xx",), ("5xx",), ("6xx",))


class ProxyMetrics:
    """The metrics of one proxy."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"sipproxy_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"sipproxy_{name}", text, registry=registry)

        def tally(name: str, text: str, *labels: str) -> Tally:
            return Tally(f"sipproxy_{name}", text, labels, registry)

        self.requests = tally("requests", "Requests received", "method", "side")
        self.forwarded = tally(
            "requests_forwarded", "Requests sent on", "method", "request_direction", "sip_node_id"
        )
        self.responses = tally("responses_forwarded", "Responses received and sent on", "status_class")
        self.self_processed = counter("requests_processed_self", "Requests answered by the proxy itself")
        self.rejected = counter("rejected_requests", "Calls refused by admission control")
        self.refused = tally("refused_requests", "Requests answered 503, by reason", "reason")
        self.shed = counter("requests_shed", "Requests refused because this process does not keep up")
        self.loop_delay = gauge("loop_delay_seconds", "How long messages wait to be read, smoothed")
        self.register_rejected = counter("register_rejected", "REGISTER requests refused")
        self.bans = counter("bans", "Sources banned", "reason")
        self.ignored = counter("ignored_messages", "Messages of banned sources that were not read")
        self.banned = gauge("banned_sources", "Sources that are banned now")
        self.reselected = counter(
            "requests_sip_node_reselected", "Requests given to another node than the one that had the dialog"
        )
        self.nodes = gauge("sip_nodes_count", "Cluster nodes in the directory")
        self.active_nodes = gauge("active_sip_nodes_count", "Cluster nodes that take new calls")
        self.returned = counter("returned_phones", "Browsers that came back while they rang")
        self.earlier = counter("earlier_calls", "Messages forwarded for calls of this proxy's earlier life")
        self.webrtc = gauge("webrtc_gateways", "WebRTC media gateways in service")
        self._of_trunks(registry)
        self.waiting = gauge("waiting_calls", "New calls that wait because there is too much to do")
        self.connections = gauge("connections", "Connections from outside that are open")
        self.refused_connections = gauge("connections_refused", "Connections closed because of too many")
        self.calls = gauge("calls", "Calls under way that came in from outside")

    def request(self, method: str, side: str) -> None:
        """A request has come."""
        self.requests.counts[method if method in _METHODS else _OTHER, side] += 1

    def sent_on(self, method: str, direction: str, node: str) -> None:
        """A request has been sent on, to a node or from one."""
        self.forwarded.counts[method if method in _METHODS else _OTHER, direction, node] += 1

    def answered(self, status: int) -> None:
        """A response has come and is sent on."""
        self.responses.counts[_CLASSES[status // 100]] += 1

    def _of_trunks(self, registry: CollectorRegistry) -> None:
        labels = ("tenant", "trunk")

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"sipproxy_trunk_{name}", text, labels, registry=registry)

        self.trunk_in_service = gauge("in_service", "Trunks that are watched: 1 in, 0 out of service")
        self.trunk_registered = gauge("registered", "Lines that are to be registered: 1 if they are")
        self.trunk_calls = gauge("calls", "Calls of a trunk")
        self.trunk_rejected = Counter(
            "sipproxy_trunk_rejected", "Calls for which a trunk had no room", labels, registry=registry
        )

    def forget_trunk(self, tenant: str, trunk: str) -> None:
        """A trunk is no longer in the configuration."""
        for gauge in (self.trunk_in_service, self.trunk_registered, self.trunk_calls):
            with contextlib.suppress(KeyError):  # never measured
                gauge.remove(tenant, trunk)
