"""Callbacks through the management API: seen, found, cancelled, created again, by who may."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ringback.contracts.auth import TokenReply
from ringback.runtime.http import HttpClient

NUMBER = "+12025550123"
PLANTED = "planted-secret"


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


async def three_callbacks(world: Any) -> tuple[str, str, str]:
    """One waits in sales, one is scheduled in sales, one in support."""
    await world.publish({"support": {}})
    waiting = await world.book(userData={"note": PLANTED, "nul": "a\0b\\u0000"})
    later = await world.book(desiredTime=iso(world.now() + 7200), phoneNumber="+12025550124")
    other = await world.book(serviceName="support", phoneNumber="+12025550125")
    return waiting, later, other


async def test_roles_see_what_is_theirs_and_numbers_are_masked_for_a_monitor(world: Any, office: Any) -> None:
    waiting, later, other = await three_callbacks(world)
    chief = await office.user("chief", "Administrator")
    page = await chief.get("callbacks?sort=created&order=asc")
    assert [row["id"] for row in page["items"]] == [waiting, later, other]
    assert (page["total"], page["capped"], page["next"]) == (3, False, None)
    assert page["items"][0]["number"] == NUMBER

    monitor = await office.user("monitor", "Monitor")
    page = await monitor.get("callbacks?sort=created&order=asc")
    assert page["items"][0]["number"] == "+12•••••••23"
    whole = await monitor.get(f"callbacks/{waiting}")
    assert (whole["callback"]["number"], whole["user_data"]) == ("+12•••••••23", {})
    assert (await chief.get(f"callbacks/{waiting}"))["user_data"]["note"] == PLANTED
    assert (await monitor.get("callbacks?number=%2B12025550123"))["items"] == []
    assert (await monitor.ask("POST", f"callbacks/{waiting}/cancel"))[0] == 403
    assert (await monitor.raw("GET", "callbacks.csv"))[0] == 200

    lead = await office.user("lead", "Supervisor", only=["support"])
    page = await lead.get("callbacks")
    assert [row["id"] for row in page["items"]] == [other]
    for method, path in (("GET", f"callbacks/{waiting}"), ("POST", f"callbacks/{waiting}/cancel")):
        status, refused = await lead.ask(method, path)
        assert (status, refused["error"]) == (404, "callback-unknown"), path
    wish = {"serviceName": "sales", "phoneNumber": NUMBER}
    assert (await lead.ask("POST", "callbacks", wish))[0] == 404
    results = await lead.post("callbacks/cancel", {"ids": [waiting, other]})
    assert [each["result"] for each in results["results"]] == ["callback-unknown", "cancelled"]
    assert (await lead.ask("GET", "audit"))[0] == 403

    nobody = await office.user("nobody")
    assert (await nobody.get("callbacks"))["items"] == []
    assert (await nobody.ask("GET", f"callbacks/{waiting}"))[0] == 404
    assert (await nobody.ask("POST", "callbacks", wish))[0] == 403
    assert (await nobody.get("me"))["actions"] == {}
    assert (await nobody.raw("GET", "callbacks.csv"))[1].count(b"\r\n") == 1


async def test_the_link_of_the_status_page_is_good_to_look_only(world: Any, office: Any) -> None:
    chief = await office.user("chief", "Administrator")
    waiting = await world.book()
    auth = HttpClient(world.context, "auth")
    link = await auth.post("/auth/v3/links", {"tenant": "demo", "user": "chief"}, TokenReply)
    chief.token = link.access_token
    assert (await chief.get(f"callbacks/{waiting}"))["callback"]["number"] == "+12•••••••23"
    assert (await chief.ask("POST", f"callbacks/{waiting}/cancel"))[0] == 403
    assert (await chief.ask("GET", "keys"))[0] == 403


async def test_what_is_revoked_ends(world: Any, office: Any) -> None:
    someone = await office.user("someone", "Supervisor")
    waiting = await world.book()
    assert (await someone.get("callbacks"))["total"] == 1
    await office.user("someone")
    assert (await someone.get("callbacks"))["total"] == 0
    assert (await someone.ask("POST", f"callbacks/{waiting}/cancel"))[0] == 403
    someone.token = "guessed"
    assert (await someone.ask("GET", "callbacks"))[0] == 401


async def test_a_token_for_a_password_and_none_without(world: Any) -> None:
    session = world.context.http_session()
    url = f"{world.base}/api/v1/token"
    async with session.post(url, json={"username": "chief", "password": "guessed"}) as reply:
        assert (reply.status, (await reply.json())["error"]) == (401, "invalid_grant")
    async with session.get(f"{world.base}/api/v1/me") as reply:
        assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, "Bearer")
    async with session.get(f"{world.base}/api/v1/nothing") as reply:
        assert reply.status == 404
    async with session.delete(f"{world.base}/api/v1/callbacks") as reply:
        assert (reply.status, reply.headers["Allow"]) == (405, "GET, POST")


FILTERS = [
    ("states=SCHEDULED", {1}),
    ("states=QUEUED,SCHEDULED", {0, 1, 2}),
    ("services=sales", {0, 1}),
    ("services=sales,support&states=QUEUED", {0, 2}),
    ("number=12025550124", {1}),
    ("number=%2B12025550124", {1}),
    ("reasons=CANCELLED", set()),
    ("offer_types=SCHEDULED", {1}),
    ("desired_range=today", {0, 1, 2}),
    ("desired_range=next_24_hours", {1}),
    ("desired_range=0..1", {0, 1, 2}),
    ("desired_range=-2..-1", set()),
    ("updated_range=last_24_hours", {0, 1, 2}),
    ("desired_from=2030-01-01T00:00:00Z", set()),
    ("desired_to=2030-01-01T00:00:00%2B01:00", {0, 1, 2}),
]


async def test_filters_find_what_fits_and_wrong_ones_say_so(world: Any, office: Any) -> None:
    # At half past twelve, so that two hours later is the same day.
    world.move_clock(45_000 - world.now() % 86_400)
    ids = await three_callbacks(world)
    chief = await office.user("chief", "Administrator")
    for query, expected in FILTERS:
        wanted = {ids[number] for number in expected}
        found = await chief.get(f"callbacks?{query}")
        assert {row["id"] for row in found["items"]} == wanted, query
    for query in (
        "states=GONE",
        "id=1",
        "sort=number",
        "after=x",
        "after=WzEwMDAwMDAwMDAwMDAwMDAwMDAwMCwiMDAwMDAwMDAtMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDAwIl0",
        "desired_range=soon",
        "desired_range=2..-2",
        "desired_range=today&timezone=Mars",
        "services=%00",
        "desired_from=yesterday",
        "desired_from=0001-01-01T00:00:00%2B14:00",
    ):
        status, refused = await chief.ask("GET", f"callbacks?{query}")
        assert (status, set(refused)) == (400, {"error", "message", "corr_id"}), query


@pytest.mark.parametrize(("sort", "order"), [("updated", "desc"), ("desired", "asc"), ("created", "desc")])
async def test_pages_hold_every_callback_once_also_those_of_one_moment(
    world: Any, office: Any, sort: str, order: str
) -> None:
    await world.query(
        "INSERT INTO engagement.callbacks (id, tenant, service, number, state, reason, created_at, "
        "updated_at, heard_at, arrived_at, expires_at) SELECT gen_random_uuid(), 'demo', 'sales', "
        "'+12025550123', 'COMPLETED', 'CANCELLED', m, m, m, m, m FROM generate_series(1, 601) n, "
        "LATERAL (SELECT now() - make_interval(secs => n / 100) AS m) t"
    )
    chief = await office.user("chief", "Administrator")
    seen: list[str] = []
    after, sizes = "", []
    while after is not None:
        page = await chief.get(f"callbacks?sort={sort}&order={order}&after={after}")
        sizes.append(len(page["items"]))
        keys = [row[sort] for row in page["items"]]
        assert keys == sorted(keys, reverse=order == "desc")
        seen += [row["id"] for row in page["items"]]
        after = page["next"]
    assert sizes == [250, 250, 101]
    assert len(set(seen)) == 601


async def test_the_history_tells_every_attempt_and_how_its_dial_ended(world: Any, office: Any) -> None:
    callback = await world.book()
    await world.entry(callback)
    for number, (state, more) in enumerate(
        [
            ("QUEUED", {}),
            ("ROUTING", {"agent_id": "a1"}),
            ("DIALLING", {}),
            ("FAILED", {"dial_result": "BUSY"}),
        ],
        1,
    ):
        await world.step(callback, number, state, **more)
    world.move_clock(61)
    await world.entry(callback, 2)
    for number, (state, more) in enumerate(
        [("ROUTING", {}), ("DIALLING", {}), ("FAILED", {"dial_result": "BUSY"})], 1
    ):
        await world.step(callback, number, state, attempt=2, **more)
    watcher = await office.user("watcher", "Monitor")
    history = (await watcher.get(f"callbacks/{callback}"))["history"]
    told = [(step["attempt"], step["state"], step["result"]) for step in history]
    assert [step for step in told if step[2]] == [(1, "SCHEDULED", "BUSY"), (2, "COMPLETED", "BUSY")]
    assert told[0][:2] == (1, "ROUTING")
    assert history[-1]["reason"] == "FAIL_CALL_TO_CUSTOMER"
    assert [step["at"] for step in history] == sorted(step["at"] for step in history)


async def test_cancelled_by_an_administrator_once_and_for_all_in_the_log(world: Any, office: Any) -> None:
    waiting, later, other = await three_callbacks(world)
    boss = await office.user("boss", "Supervisor")
    count = await boss.post("callbacks/cancel", {"filter": {"services": ["sales"]}, "dry_run": True})
    assert (count["matched"], count["cancelled"], count["results"]) == (2, 0, [])
    assert (await boss.get(f"callbacks/{waiting}"))["callback"]["state"] == "QUEUED"
    done = await boss.post("callbacks/cancel", {"filter": {"services": ["sales"]}})
    assert (done["matched"], done["cancelled"]) == (2, 2)
    for callback in (waiting, later):
        seen = await world.retrieve(callback)
        assert (seen["callbackState"], seen["callbackReason"]) == ("COMPLETED", "CANCELLED_BY_ADMIN")
    assert (await world.retrieve(other))["callbackState"] == "QUEUED"
    again = await boss.post("callbacks/cancel", {"ids": [waiting, "00000000-0000-4000-8000-000000000000"]})
    assert [each["result"] for each in again["results"]] == ["cancelled", "callback-unknown"]
    for body in ({}, {"ids": []}, {"ids": [waiting], "filter": {}}, {"filter": {"state": ["QUEUED"]}}):
        assert (await boss.ask("POST", "callbacks/cancel", body))[0] == 400
    talking = await world.book()
    for number, state in enumerate(("ROUTING", "DIALLING", "PROCESSING"), 1):
        await world.step(talking, number, state)
    late = await boss.post("callbacks/cancel", {"ids": [talking]})
    assert [each["result"] for each in late["results"]] == ["callback-in-conversation"]

    chief = await office.user("chief", "Administrator")
    entries = (await chief.get("audit?action=callback.cancel"))["items"]
    assert {entry["subject"] for entry in entries} == {waiting, later}
    assert {entry["who"] for entry in entries} == {"boss"}
    assert entries[0]["after"]["reason"] == "CANCELLED_BY_ADMIN"


async def test_made_and_made_again_with_the_number_masked_in_the_log(world: Any, office: Any) -> None:
    boss = await office.user("boss", "Supervisor")
    wish = {"serviceName": "sales", "phoneNumber": NUMBER, "userData": {"note": PLANTED}, "priority": 7}
    made = (await boss.post("callbacks", wish))["id"]
    status, refused = await boss.ask("POST", f"callbacks/{made}/recreate", {})
    assert (status, refused["error"]) == (400, "callback-not-completed")
    await boss.post(f"callbacks/{made}/cancel")
    again = (await boss.post(f"callbacks/{made}/recreate"))["id"]
    whole = await boss.get(f"callbacks/{again}")
    assert (whole["callback"]["number"], whole["callback"]["priority"]) == (NUMBER, 7)
    assert whole["user_data"] == {"note": PLANTED}
    entry = await world.entry(again)
    assert entry["number"] == NUMBER
    status, refused = await boss.ask("POST", "callbacks", {**wish, "phoneNumber": "12"})
    assert (status, refused["error"]) == (400, "number-impossible")

    chief = await office.user("chief", "Administrator")
    log = (await chief.get("audit?action=callback"))["items"]
    assert [entry["action"] for entry in log] == ["callback.recreate", "callback.cancel", "callback.create"]
    assert log[0]["before"] == {"of": made}
    for secret in (NUMBER[2:], PLANTED):
        assert secret not in str(log)
    page = await chief.get(f"audit?subject={made}&who=boss")
    assert len(page["items"]) == 2
    older = await chief.get(f"audit?after={log[0]['id']}")
    assert log[0]["id"] not in {entry["id"] for entry in older["items"]}
    status, text = await chief.raw("GET", "audit.csv?action=callback.create")
    [header, line] = list(csv.reader(io.StringIO(text.decode(), newline="")))
    assert (header[0], line[2], line[4]) == ("id", "boss", "callback.create")
    for query in ("from=now", "after=x", "after=9223372036854775808", "from=0001-01-01T00:00:00%2B14:00"):
        assert (await chief.ask("GET", f"audit?{query}"))[0] == 400


async def test_a_request_repeated_with_its_key_books_once(world: Any, office: Any) -> None:
    boss = await office.user("boss", "Supervisor")
    wish = {"serviceName": "sales", "phoneNumber": NUMBER}
    key = {"Idempotency-Key": "one"}
    ids = {(await boss.ask("POST", "callbacks", wish, **key))[1]["id"] for _ in range(2)}
    assert len(ids) == 1
    assert len(await world.query("SELECT 1 FROM audit.entries WHERE action = 'callback.create'")) == 1


async def test_one_that_is_booked_once_more_with_a_key_is_booked_once_and_for_that_one_only(
    world: Any, office: Any
) -> None:
    boss = await office.user("boss", "Supervisor")
    first, second = [await world.book(phoneNumber=f"+1202555012{n}") for n in (3, 4)]
    await world.cancel(first)
    await world.cancel(second)
    key = {"Idempotency-Key": "twice"}
    ids = {(await boss.ask("POST", f"callbacks/{first}/recreate", {}, **key))[1]["id"] for _ in range(2)}
    assert len(ids) == 1 and first not in ids
    assert (await boss.ask("POST", f"callbacks/{second}/recreate", {}, **key))[0] == 422


async def test_a_full_slot_is_refused_with_the_times_that_have_room(world: Any, office: Any) -> None:
    await world.publish({"small": {"_max_request_by_time_bucket": "1"}})
    boss = await office.user("boss", "Supervisor")
    at = iso(world.now() + 86_400)
    wish = {"serviceName": "small", "phoneNumber": NUMBER, "desiredTime": at}
    await boss.post("callbacks", wish)
    status, refused = await boss.ask("POST", "callbacks", wish)
    assert (status, refused["error"]) == (429, "no-capacity")
    assert refused["slots"]


async def test_the_export_is_what_the_filter_finds_and_no_formula(world: Any, office: Any) -> None:
    await world.publish({"=1+1": {}, 'a,"b"': {}})
    await world.book(serviceName="=1+1", channel="@cmd")
    await world.book(serviceName='a,"b"', phoneNumber="+12025550124")
    boss = await office.user("boss", "Supervisor")
    status, text = await boss.raw("GET", "callbacks.csv?sort=created&order=asc")
    assert status == 200
    assert text.count(b"\r\n") == 3
    rows = list(csv.DictReader(io.StringIO(text.decode(), newline="")))
    assert [row["service"] for row in rows] == ["'=1+1", 'a,"b"']
    assert [row["number"] for row in rows] == ["'+12025550123", "'+12025550124"]
    assert rows[0]["channel"] == "'@cmd"
    found = await boss.get("callbacks?services=%3D1%2B1")
    assert found["total"] == 1
    exports = await world.query("SELECT who, after FROM audit.entries WHERE action = 'callback.export'")
    assert [row["who"] for row in exports] == ["boss"]
    assert msgspec.json.decode(exports[0]["after"]) == {"sort": "created", "order": "asc"}


async def test_a_body_that_may_be_empty_may_be_left_out(world: Any, office: Any) -> None:
    chief = await office.user("chief", "Administrator")
    booked = await world.book()
    await world.cancel(booked)
    status, made = await chief.ask("POST", f"callbacks/{booked}/recreate")
    assert (status, made["id"] != booked) == (200, True)
    status, refused = await chief.ask("POST", "callbacks")
    assert (status, refused["error"]) == (400, "invalid_body")
    assert "phoneNumber" in refused["message"] or "serviceName" in refused["message"]
