"""What Prometheus is told cannot be made to grow from outside."""

from prometheus_client import CollectorRegistry

from ringback.services.sip_proxy.metrics import ProxyMetrics


def test_invented_methods_are_counted_under_one_name() -> None:
    registry = CollectorRegistry()
    metrics = ProxyMetrics(registry)
    for number in range(50):
        metrics.request(f"METHOD{number}", "edge")
        metrics.sent_on(f"METHOD{number}", "to", "n1")
    metrics.request("INVITE", "edge")
    for family, labels in (("requests", {}), ("requests_forwarded", {"request_direction": "to"})):
        samples = [
            sample
            for found in registry.collect()
            if found.name == f"sipproxy_{family}"
            for sample in found.samples
            if sample.name.endswith("_total") and labels.items() <= sample.labels.items()
        ]
        counted = {sample.labels["method"]: sample.value for sample in samples}
        assert counted["other"] == 50
        assert set(counted) <= {"other", "INVITE"}
