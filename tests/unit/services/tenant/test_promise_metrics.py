"""Promise against outcome, as metrics."""

import json
import re
from pathlib import Path

import yaml
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


RULES = Path(__file__).parents[4] / "deploy" / "prometheus" / "tenant.rules.yml"


def test_the_alert_rules_name_metrics_that_are_there() -> None:
    experience = Experience()
    experience.records["Sales"] = Record()
    registry = CollectorRegistry()
    registry.register(PromiseMetrics({"demo": experience}))
    there = set(re.findall(r"^([a-z_]+){", generate_latest(registry).decode(), re.MULTILINE))
    document = json.loads(RULES.read_text(encoding="utf-8"))
    assert yaml.safe_load(RULES.read_text(encoding="utf-8")) == document
    [group] = document["groups"]
    assert [rule["alert"] for rule in group["rules"]] == [
        "WAIT_PROMISES_BROKEN",
        "WAIT_PROMISES_TOO_WIDE",
        "WAIT_PREDICTION_FALLS_BACK",
    ]
    for rule in group["rules"]:
        named = set(re.findall(r"tenant_wait_[a-z_]+", rule["expr"]))
        assert named
        assert named <= there
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in {"warning", "info"}
