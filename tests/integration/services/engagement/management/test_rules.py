"""Hours, capacity rules, number rules and queues through the management API."""

from datetime import UTC, datetime, timedelta
from typing import Any


async def put(user: Any, path: str, body: object) -> Any:
    status, found = await user.ask("PUT", path, body)
    assert status == 200, found
    return found


async def test_hours_are_made_named_shown_and_kept_while_they_are_used(world: Any, office: Any) -> None:
    chief = await office.user("chief", "Administrator")
    holiday = f"{datetime.now(UTC) + timedelta(days=30):%m-%d}"
    form = {"timezone": "Europe/Berlin", "regular": ["Mon-Sun 00:00-24:00"], "holidays": [holiday]}
    await put(chief, "hours/office", form)
    await put(chief, "queues/sales/rules", {"hours": "office"})
    seen = await chief.get("hours/office")
    assert seen["rule"] == {**form, "added": [], "special": []}
    assert (seen["used_by"], seen["open"]) == (["sales"], True)
    status, refused = await chief.ask("DELETE", "hours/office")
    assert (status, refused["error"]) == (400, "invalid-settings")
    await put(chief, "queues/sales/rules", {"hours": ""})
    assert (await chief.ask("DELETE", "hours/office"))[0] == 200
    assert (await chief.ask("GET", "hours/office"))[0] == 404
    assert [each["name"] for each in await chief.get("hours")] == ["never"]
    for wrong in ({"timezone": "Mars"}, {"regular": ["sometimes"]}, {"special": ["2026-02-30 closed"]}):
        status, refused = await chief.ask("PUT", "hours/office", wrong)
        assert (status, refused["error"]) == (400, "invalid-settings"), wrong
    assert (await chief.ask("PUT", "hours/sales", form))[0] == 409
    assert (await chief.ask("PUT", "queues/sales/rules", {"capacity": "never"}))[0] == 400
    assert (await chief.ask("PUT", "queues/sales/rules", {"hours": "nowhere"}))[0] == 404


async def test_a_capacity_rule_in_its_short_form_and_a_day_tried_out(world: Any, office: Any) -> None:
    chief = await office.user("chief", "Administrator")
    short = {"minutes": 30, "week": {"Mon-Fri": {"09:00-12:00": 20, "12:00-17:00": 10}, "Sat": 5}}
    await put(chief, "capacity-rules/busy", short)
    seen = await chief.get("capacity-rules/busy")
    assert seen["rule"]["regular"] == [
        "Mon-Fri 09:00-12:00 20",
        "Mon-Fri 12:00-17:00 10",
        "Sat 00:00-24:00 5",
    ]
    week = seen["week"]
    assert (len(week), len(week[0])) == (7, 48)
    assert (week[0][17], week[0][18], week[4][24], week[5][0], week[6][20]) == (0, 20, 10, 5, 0)

    day = datetime.now(UTC).date() + timedelta(days=1)
    while day.weekday() > 4:
        day += timedelta(days=1)
    [alone] = await chief.post("capacity-rules/busy/test", {"day": day.isoformat()})
    assert (alone["service"], alone["timezone"], len(alone["slots"])) == ("", "UTC", 48)
    await put(chief, "hours/office", {"timezone": "Asia/Tokyo", "regular": ["Mon-Sun 10:00-24:00"]})
    await put(chief, "queues/sales/rules", {"hours": "office", "capacity": "busy"})
    at = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=2)  # 11:00 in Tokyo
    await world.book(desiredTime=at.isoformat())
    [outcome] = await chief.post("capacity-rules/busy/test", {"day": day.isoformat()})
    assert (outcome["service"], outcome["timezone"]) == ("sales", "Asia/Tokyo")
    slots = {slot["local"]: slot for slot in outcome["slots"]}
    assert (slots["09:00"]["open"], slots["11:00"]["open"]) == (False, True)
    assert (slots["11:00"]["capacity"], slots["11:00"]["taken"]) == (20, 1)
    other = {"minutes": 60, "regular": ["Mon-Sun 00:00-24:00 7"]}
    [tried] = await chief.post("capacity-rules/busy/test", {"day": day.isoformat(), "rule": other})
    assert {slot["capacity"] for slot in tried["slots"]} == {7}
    assert len(tried["slots"]) == 24
    for wrong in (
        {"week": {"Someday": 5}},
        {"week": {"Mon": {"9": 5}}},
        {"minutes": 45},
        {"regular": ["Mon-Fri 09:00-17:00 5"], "week": {"Sat": 5}},
        {"exceptions": ["12-24 many"]},
    ):
        assert (await chief.ask("PUT", "capacity-rules/busy", wrong))[0] == 400, wrong
    for wrong in ({"day": "0001-01-01"}, {"day": "9999-12-31"}, {"day": "soon"}):
        assert (await chief.ask("POST", "capacity-rules/busy/test", wrong))[0] == 400, wrong
    supervisor = await office.user("supervisor", "Supervisor")
    assert (await supervisor.ask("PUT", "capacity-rules/busy", short))[0] == 403
    assert (await supervisor.get("capacity-rules/busy"))["used_by"] == ["sales"]


async def test_number_rules_and_what_they_say(world: Any, office: Any) -> None:
    supervisor = await office.user("supervisor", "Supervisor")
    rule = {"countries": ["in", "US"], "blocked": ["+1202555*"]}
    await put(supervisor, "number-rules/some", rule)
    assert (await supervisor.get("number-rules/some"))["rule"]["countries"] == ["IN", "US"]

    async def says(number: str, **more: object) -> tuple[bool, str, str]:
        told = await supervisor.post("number-rules/test", {"number": number, "name": "some", **more})
        return told["accepted"], told["reason"], told["text"]

    accepted, reason, text = await says("+919876543210")
    assert (accepted, reason) == (True, "")
    assert "India (IN)" in text
    accepted, reason, text = await says("+923001234567")
    assert (accepted, reason) == (False, "number-country")
    assert "Pakistan (PK)" in text
    assert (await says("+12025550123"))[1] == "number-blocked"
    assert (await says("+19005551234", rule={"countries": ["US"]}))[1] == "number-premium"
    assert (await says("12"))[1] == "number-impossible"
    assert (await says("tell"))[1] == "number-unreadable"
    assert (await says("+80012345678"))[1] in {"number-no-country", "number-invalid"}
    for wrong in ({"countries": ["XX"]}, {"blocked": ["/(/"]}, {"countries": ["USA"]}):
        assert (await supervisor.ask("PUT", "number-rules/some", wrong))[0] == 400
        body = {"number": "+12025550123", "rule": wrong}
        assert (await supervisor.ask("POST", "number-rules/test", body))[0] == 400
    assert (await supervisor.ask("POST", "number-rules/test", {"number": "1", "name": "none"}))[0] == 404
    lead = await office.user("lead", "Supervisor", only=["support"])
    await world.publish({"sales": {"_number_rule": "some"}})
    assert (await lead.ask("PUT", "number-rules/some", rule))[0] == 404
    monitor = await office.user("monitor", "Monitor")
    assert (await monitor.ask("PUT", "number-rules/some", rule))[0] == 403


async def test_the_queues_page_counts_waits_and_names_the_rules(world: Any, office: Any) -> None:
    await world.publish({"sales": {"_vq": "VQ_Sales"}})
    world.peers.logged_in = {"VQ_Sales": 3}
    world.peers.waits = {"VQ_Sales": {"aqt": 12.5, "ewt": 40}}
    await world.book()
    await world.book(desiredTime=(datetime.now(UTC) + timedelta(days=1)).isoformat())
    monitor = await office.user("monitor", "Monitor")
    rows = {row["service"]: row for row in await monitor.get("queues")}
    sales = rows["sales"]
    assert (sales["queue"], sales["queued"], sales["scheduled"]) == ("VQ_Sales", 1, 1)
    assert (sales["average_quitting_time"], sales["agents_logged_in"], sales["open"]) == (12.5, 3, True)
    closed = rows["closed"]
    assert (closed["open"], closed["opens"], closed["hours"], closed["ewt"]) == (False, None, "never", None)
    lead = await office.user("lead", "Supervisor", only=["closed"])
    assert [row["service"] for row in await lead.get("queues")] == ["closed"]
    assert (await lead.ask("PUT", "queues/closed/rules", {"hours": ""}))[0] == 403
    await world.peers.stop()
    away = {row["service"]: row for row in await monitor.get("queues")}["sales"]
    assert (away["calls"], away["queued"]) == (None, 1)
