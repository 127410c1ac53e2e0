"""Settings through the management API: judged as a whole, versioned, withdrawn, and only where one may."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from ringback.runtime.http import HttpClient

HOURS = {"_timezone": "UTC", "_bh_regular1": "Mon-Sun 00:00-24:00"}


async def test_a_row_is_replaced_as_a_whole_versioned_and_rolled_back(world: Any, office: Any) -> None:
    chief = await office.user("chief", "Administrator")
    first = await chief.get("settings/sales")
    assert (first["kind"], first["version"], first["source"]) == ("service", 1, "designer")
    assert first["effective"]["_max_dial_attempts"] == 2
    assert first["effective"]["_ttl"] == 86_400

    fresh = {"_route_point": "8010", "_ttl": "600"}
    status, dry = await chief.ask("PUT", "settings/sales", {"properties": fresh, "dry_run": True})
    assert (status, dry["version"]) == (200, 1)
    assert {each["property"] for each in dry["changes"]} >= {"_ttl", "_max_dial_attempts"}
    assert (await chief.get("settings/sales"))["version"] == 1

    status, done = await chief.ask("PUT", "settings/sales", {"properties": fresh, "version": 1})
    assert (status, done["version"]) == (200, 2)
    status, refused = await chief.ask("PUT", "settings/sales", {"properties": fresh, "version": 1})
    assert (status, refused["error"]) == (409, "changed-meanwhile")
    assert (await chief.get("settings/sales"))["source"] == "console"

    versions = await chief.get("settings/sales/versions")
    assert [(each["version"], each["who"]) for each in versions] == [(2, "chief"), (1, "designer")]
    diff = await chief.get("settings/sales/diff?before=1&after=2")
    assert {"property": "_ttl", "before": None, "after": "600"} in diff
    back = await chief.post("settings/sales/rollback", {"version": 1})
    assert back["version"] == 3
    assert (await chief.get("settings/sales"))["properties"] == first["properties"]
    for path in ("diff?before=1", "diff?before=1&after=x"):
        assert (await chief.ask("GET", f"settings/sales/{path}"))[0] == 400
    assert (await chief.ask("GET", "settings/sales/diff?before=1&after=9"))[0] == 404
    assert (await chief.ask("POST", "settings/sales/rollback", {"version": 9}))[0] == 404

    log = (await chief.get("audit?action=settings&subject=sales&who=chief"))["items"]
    assert [entry["action"] for entry in log] == ["settings.publish", "settings.publish"]
    assert log[1]["after"] == fresh


async def test_what_cannot_be_is_refused_with_a_reason_by_cell_and_changes_nothing(
    world: Any, office: Any
) -> None:
    chief = await office.user("chief", "Administrator")
    wrong = {"_ttl": "soon", "_route_point": "8010", "_business_hours_service": "nowhere"}
    status, refused = await chief.ask("PUT", "settings/sales", {"properties": wrong})
    assert (status, refused["error"]) == (400, "invalid-settings")
    assert [each["cell"] for each in refused["cells"]] == ["sales _ttl"]
    wrong["_ttl"] = "60"
    status, refused = await chief.ask("PUT", "settings/sales", {"properties": wrong})
    assert [each["cell"] for each in refused["cells"]] == ["sales 'nowhere'"]
    status, refused = await chief.ask("PUT", "settings/odd", {"properties": {"_timezone": "Mars"}})
    assert (status, refused["cells"][0]["cell"]) == (400, "odd")
    assert (await chief.get("settings/sales"))["version"] == 1
    assert {row["name"] for row in await chief.get("settings")} == {"sales", "closed", "never"}


async def test_withdrawn_rows_are_gone_unless_another_names_them(world: Any, office: Any) -> None:
    chief = await office.user("chief", "Administrator")
    status, refused = await chief.ask("DELETE", "settings/never")
    assert (status, refused["error"]) == (400, "invalid-settings")
    assert "closed" in refused["cells"][0]["cell"]
    waiting = await world.book()
    assert (await chief.ask("DELETE", "settings/sales"))[0] == 200
    assert (await chief.ask("DELETE", "settings/sales"))[0] == 404
    wish = {"serviceName": "sales", "phoneNumber": "+12025550123"}
    status, envelope = await world.api("POST", "callbacks/create", wish)
    assert (status, envelope["status"]["code"]) == (400, 40004)
    assert (await world.retrieve(waiting))["callbackState"] == "QUEUED"
    versions = await chief.get("settings/sales/versions")
    assert [each["properties"] is None for each in versions] == [True, False]
    assert (await chief.post("settings/sales/rollback", {"version": 1}))["version"] == 3
    assert await world.book()


async def test_the_designers_table_withdraws_its_own_rows_and_leaves_those_of_people(
    world: Any, office: Any
) -> None:
    chief = await office.user("chief", "Administrator")
    assert (await chief.ask("PUT", "settings/console", {"properties": {"_route_point": "8010"}}))[0] == 200
    designer = HttpClient(world.context, "engagement", connection="ges-14")
    table = {"sales": {"_route_point": "8010"}, "other": {"_route_point": "8010"}}
    await designer.post("/internal/settings/demo?whole=true", table)
    assert {row["name"] for row in await chief.get("settings")} == {"sales", "other", "console"}
    await designer.post("/internal/settings/demo?whole=true", table)
    assert (await chief.get("settings/other"))["version"] == 1, "what did not change has no new version"
    rows = await world.query("SELECT subject, who FROM audit.entries WHERE action = 'settings.withdraw'")
    assert sorted((row["subject"], row["who"]) for row in rows) == [
        ("closed", "designer"),
        ("never", "designer"),
    ]


async def test_a_limited_administrator_changes_what_is_in_reach_and_sees_nothing_else(
    world: Any, office: Any
) -> None:
    await world.publish({"shared": HOURS, "own": HOURS, "mine": {"_business_hours_service": "own"}})
    await world.publish({"sales": {"_business_hours_service": "shared"}})
    await world.publish({"desk": {"_business_hours_service": "shared"}})
    admin = await office.user("admin", "Administrator", only=["mine", "desk"])
    assert {row["name"] for row in await admin.get("settings")} == {"mine", "desk", "own", "shared"}
    fresh = {"properties": {"_route_point": "8011"}}
    assert (await admin.ask("PUT", "settings/mine", fresh))[0] == 200
    assert (await admin.ask("PUT", "settings/sales", fresh))[0] == 404
    assert (await admin.ask("PUT", "settings/new", fresh))[0] == 404
    assert (await admin.ask("GET", "settings/sales"))[0] == 404
    assert (await admin.ask("GET", "settings/sales/versions"))[0] == 404
    changed = {"properties": {**HOURS, "_timezone": "Asia/Tokyo"}}
    assert (await admin.ask("PUT", "settings/own", changed))[0] == 200
    assert (await admin.ask("PUT", "settings/shared", changed))[0] == 403, "sales is open by it, too"
    watcher = await office.user("watcher", "Supervisor")
    assert (await watcher.get("settings/shared"))["kind"] == "hours"
    for method, path in (("PUT", "settings/mine"), ("DELETE", "settings/mine")):
        assert (await watcher.ask(method, path, fresh))[0] == 403


async def test_a_callback_is_moved_and_told_of(world: Any, office: Any) -> None:
    await world.publish({"small": {"_max_request_by_time_bucket": "1", "_request_time_bucket": "60"}})
    boss = await office.user("boss", "Supervisor")
    hour = (int(world.now()) // 3600 + 30) * 3600
    first = await world.book(serviceName="small", desiredTime=iso(hour))
    second = await world.book(serviceName="small", desiredTime=iso(hour + 3600))
    status, refused = await boss.ask(
        "POST", f"callbacks/{first}/reschedule", {"desired_time": iso(hour + 3600)}
    )
    assert (status, refused["error"]) == (429, "no-capacity")
    moved = await boss.post(f"callbacks/{first}/reschedule", {"desired_time": iso(hour + 7200)})
    assert (moved["state"], moved["desired"]) == ("SCHEDULED", iso(hour + 7200))
    await boss.post(f"callbacks/{second}/reschedule", {"desired_time": iso(hour)})
    for wrong in ("soon", "2020-01-01T00:00:00Z"):
        assert (await boss.ask("POST", f"callbacks/{first}/reschedule", {"desired_time": wrong}))[0] == 400
    rows = await world.query("SELECT before, after FROM audit.entries WHERE action = 'callback.reschedule'")
    assert len(rows) == 2
    assert (
        msgspec.json.decode(rows[0]["before"])["desired"] != msgspec.json.decode(rows[0]["after"])["desired"]
    )
    monitor = await office.user("monitor", "Monitor")
    assert (await monitor.ask("POST", f"callbacks/{first}/reschedule", {"desired_time": None}))[0] == 403


async def test_diagnostics_tell_what_the_session_says(world: Any, office: Any) -> None:
    callback = await world.book()
    entry = await world.entry(callback)
    sid = f"cb-{callback}-{entry['attempt']}"
    world.peers.sessions.add(sid)
    boss = await office.user("boss", "Supervisor")
    told = await boss.get(f"callbacks/{callback}/diagnostics")
    assert (told["session_id"], told["session"]["session"], told["away"]) == (sid, sid, [])
    await world.peers.stop()
    told = await boss.get(f"callbacks/{callback}/diagnostics")
    assert told["away"] == ["orchestration", "router"]
    monitor = await office.user("monitor", "Monitor")
    assert (await monitor.ask("GET", f"callbacks/{callback}/diagnostics"))[0] == 403


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
