"""Promise against outcome, as metrics."""

from prometheus_client import CollectorRegistry, generate_latest

from ringback.domain.routing.waiting import Experience
from ringback.domain.routing.waiting.promises import Record
from ringback.services.tenant.promise_metrics import PromiseMetrics


def test_coverage_and_mean_error_can_be_read_per_queue() -> None:
    experience = Experience()
    record = experience.records["Sales"] = Record()
    for waited in (50.0, 100.0, 150.0):
        record.promise(120.0, waited)
        record.compare(abs(waited - 80.0), abs(waited - 100.0))
    registry = CollectorRegistry()
    registry.register(PromiseMetrics({"demo": experience}))
    shown = generate_latest(registry).decode().splitlines()
    place = 'tenant="demo"'
    queue = f'queue="Sales",{place}' if f'queue="Sales",{place}' in str(shown) else f'{place},queue="Sales"'
    assert f"tenant_wait_promises_total{{{queue}}} 3.0" in shown
    assert f"tenant_wait_promises_kept_total{{{queue}}} 2.0" in shown
    assert f"tenant_wait_compared_total{{{queue}}} 3.0" in shown
    assert f"tenant_wait_fallback{{{queue}}} 0.0" in shown
    errors = [line for line in shown if line.startswith("tenant_wait_error_seconds_total{")]
    assert sorted(line.split()[-1] for line in errors) == ["100.0", "120.0"]
