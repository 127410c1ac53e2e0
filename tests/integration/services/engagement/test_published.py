"""Metrics by their published names, and the alert rules that read them."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ringback.services.engagement.published import EVENTS

RULES = Path(__file__).parents[4] / "deploy" / "prometheus" / "engagement.rules.yml"
# What PromQL itself brings, and the one metric that Prometheus makes at each scrape.
_LANGUAGE = {"sum", "avg", "count", "max", "by", "on", "or", "bool", "rate", "irate", "increase", "changes"}
_LANGUAGE |= {"absent", "scalar", "unless", "offset", "up"}
_STATUS = ["GES_HEALTH", "REDIS_CONNECTION", "ORS_REDIS_STATUS", "ALL_URS_DOWN"]
_STATUS += ["GWS_AUTH_STATUS", "GWS_ENV_STATUS", "GWS_CONFIG_STATUS"]


def rules() -> list[dict[str, Any]]:
    """The file is YAML of the kind that is JSON as well, so that every tool can read it."""
    document = json.loads(RULES.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = [rule for group in document["groups"] for rule in group["rules"]]
    return found


def metrics_in(expression: str) -> set[str]:
    """The names of the metrics in an expression: what is no label, value, range, or word of the language."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|on) \([^)]*\)|\b\d+[smh]\b", " ", expression)
    return set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", bare)) - _LANGUAGE


async def scrape(world: Any) -> dict[str, list[str]]:
    """Samples by name."""
    async with world.context.http_session().get(f"{world.base}/metrics") as reply:
        lines = (await reply.text()).splitlines()
    found: dict[str, list[str]] = {}
    for line in lines:
        if line and not line.startswith("#"):
            found.setdefault(re.split(r"[{ ]", line, maxsplit=1)[0], []).append(line)
    return found


def test_each_rule_has_a_name_of_its_own_a_severity_and_a_summary() -> None:
    found = rules()
    names = [rule["alert"] for rule in found]
    assert len(names) == len(set(names)) > 30
    for rule in found:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"]["summary"]
        assert re.fullmatch(r"\d+[sm]", rule.get("for", "1s"))
        assert "$" not in rule["expr"]


async def test_every_metric_that_a_rule_names_is_there(world: Any) -> None:
    service = world.harness["engagement"]
    for name in EVENTS:
        service.published.event(name)
    for name in (
        "CB_SUBMIT_FAILED",
        "INVALID_CONTENT_LENGTH",
        "CB_TTL_LIMIT_REACHED",
        "CB_ENQUEUE_LIMIT_REACHED",
    ):
        service.metrics.event(name)
    await world.api("POST", "callbacks/retrieve", {"id": "wrong"})
    found = await scrape(world)
    named = {name for rule in rules() for name in metrics_in(rule["expr"])}
    assert {"GES_HEALTH", "ges_http_failed_requests_total", "http_400_tolerance"} <= named
    assert sorted(named - found.keys()) == []


async def test_every_alert_on_a_status_value_is_quiet_on_a_platform_that_is_well(world: Any) -> None:
    found = await scrape(world)
    for name in _STATUS:
        assert found[name][0].endswith(" 0.0"), name


async def test_events_appear_after_the_first_of_them(world: Any) -> None:
    assert not EVENTS.keys() & (await scrape(world)).keys()


@pytest.mark.parametrize(
    "name",
    [
        "ges_callbacks_created",
        "ges_callin_created",
        "ges_push_notifications_sent",
        "ges_monitor_size",
        "ges_process_cpu_seconds_total",
        "ges_process_resident_memory_bytes",
        "ges_process_start_time_seconds",
        "ges_nodejs_eventloop_lag_seconds",
        "ges_nodejs_heap_space_size_used_bytes",
        "ges_nodejs_heap_space_size_available_bytes",
    ],
)
async def test_published_names_are_there_from_the_start(world: Any, name: str) -> None:
    assert name in await scrape(world)


async def test_the_monitors_size_counts_live_and_silent_callbacks(world: Any) -> None:
    callback = await world.book()
    await world.step(callback, 1, "QUEUED")
    await world.query("UPDATE engagement.callbacks SET heard_at = now() - interval '1 hour' RETURNING 1")
    await world.book(phoneNumber="+12025550124")
    await world.harness["engagement"].published.sample()
    found = await scrape(world)
    assert sorted(found["ges_monitor_size"]) == [
        'ges_monitor_size{type="activeMonitorSize"} 2.0',
        'ges_monitor_size{type="activePingSize"} 1.0',
    ]


async def test_callbacks_that_are_started_late_are_counted(world: Any) -> None:
    service = world.harness["engagement"]
    for task in list(service.ctx._tasks):
        if task.get_name().endswith("scheduler"):
            task.cancel()
    row = (
        "INSERT INTO engagement.callbacks (id, tenant, service, number, state, created_at, updated_at,"
        " heard_at, arrived_at, due_at, expires_at)"
        " VALUES (gen_random_uuid(), 'demo', 'sales', '+1', 'SCHEDULED', now(),"
        " now(), now(), now(), now() - interval '6 seconds', now() + interval '1 hour') RETURNING 1"
    )
    await world.query(row)
    await service.published.sample()
    assert (await scrape(world))["MONITOR_LAGGING_BEHIND"] == ["MONITOR_LAGGING_BEHIND 1.0"]


async def test_a_fault_of_ours_is_counted(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> None:
        raise RuntimeError("a slip")

    monkeypatch.setattr(world.harness["engagement"]._callins, "match", fails)
    headers = {"X-Ringback-Cluster": world.harness.process.common.cluster_secret}
    url = f"{world.base}/internal/call-ins/demo/match"
    async with world.context.http_session().post(url, json={"to": "1"}, headers=headers) as reply:
        assert reply.status == 500
    assert (await scrape(world))["UNCAUGHT_EXCEPTION"] == ["UNCAUGHT_EXCEPTION 1.0"]


DASHBOARDS = RULES.parents[1] / "grafana"
# Functions that only the dashboards use, and the series that Prometheus makes of the rules.
_OF_DASHBOARDS = {"histogram_quantile", "increase", "vector", "time", "ALERTS"}


def dashboards() -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(DASHBOARDS.glob("*.json"))]


def test_dashboards_are_whole() -> None:
    boards = dashboards()
    assert [board["uid"] for board in boards] == ["ringback-callbacks", "ringback-performance"]
    for board in boards:
        names = {variable["name"] for variable in board["templating"]["list"]}
        ids = [panel["id"] for panel in board["panels"]]
        assert len(ids) == len(set(ids)) > 10
        cells = set[tuple[int, int]]()
        for panel in board["panels"]:
            at = panel["gridPos"]
            taken = {
                (x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
            }
            assert at["x"] + at["w"] <= 24
            assert not cells & taken, f"{panel['title']} lies over another"
            cells |= taken
            assert panel["datasource"]["uid"] == "${datasource}"
            for target in panel["targets"]:
                used = set(re.findall(r"\$(\w+)", target["expr"])) - {"__range", "__rate_interval"}
                assert used <= names, target["expr"]


async def test_every_metric_that_a_dashboard_shows_is_there(world: Any) -> None:
    service = world.harness["engagement"]
    service.published.event("MONITOR_LAGGING_BEHIND")
    for name in ("UNCAUGHT_EXCEPTION", "DNS_FAILURE"):
        service.published.event(name)
    for name in (
        "CB_SUBMIT_FAILED",
        "CB_TTL_LIMIT_REACHED",
        "CB_ENQUEUE_LIMIT_REACHED",
        "INVALID_CONTENT_LENGTH",
    ):
        service.metrics.event(name)
    await world.book()
    await world.api("POST", "callbacks/retrieve", {"id": "wrong"})
    found = await scrape(world)
    shown = {
        name
        for board in dashboards()
        for panel in board["panels"]
        for target in panel["targets"]
        for name in metrics_in(target["expr"])
    } - _OF_DASHBOARDS
    assert {"ges_callbacks_created", "ges_monitor_size", "GES_HEALTH"} <= shown
    assert sorted(shown - found.keys()) == []
    create = 'path="/engagement/v3/callbacks/create"'
    assert any(create in line and 'tenant="demo"' in line for line in found["ges_http_requests_total"])


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed: it comes with Prometheus"
)
def test_promtool_takes_the_rules() -> None:
    done = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
