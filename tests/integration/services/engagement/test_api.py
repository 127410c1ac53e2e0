"""The Engagement API v3 over its socket."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


BODY = {"serviceName": "sales", "phoneNumber": "+12025550123"}


async def test_a_created_callback_is_answered_in_the_published_envelope(world: Any) -> None:
    status, envelope = await world.api("POST", "callbacks/create", BODY)
    assert status == 200
    assert envelope["status"]["code"] == 0
    assert envelope["status"]["message"] == "Successful"
    assert len(envelope["status"]["corrId"]) == 36
    assert len(envelope["data"]["id"]) == 36


async def test_an_immediate_callback_is_queued_and_its_session_is_asked_for(world: Any) -> None:
    before = world.now()
    callback = await world.book(userData={"order": 7, "not an identifier": 1}, priority=5)
    entry = await world.entry(callback)
    assert entry["tenant"] == "demo"
    assert entry["number"] == "+12025550123"
    assert entry["service"] == "sales"
    assert entry["priority"] == "5"
    assert entry["user_data"] == '{"order":7}'
    assert entry["app"].endswith("/apps/demo/callback.scxml")
    assert before <= float(entry["arrival_time"]) <= world.now()
    assert float(entry["expires_at"]) == pytest.approx(float(entry["arrival_time"]) + 86_400)
    assert (await world.retrieve(callback))["callbackState"] == "QUEUED"


async def test_a_scheduled_callback_waits_and_stands_at_its_desired_time(world: Any) -> None:
    desired = world.now() + 3600
    callback = await world.book(desiredTime=iso(desired))
    seen = await world.retrieve(callback)
    assert seen == {
        "id": callback,
        "desiredTime": iso(desired),
        "callbackState": "SCHEDULED",
        "phoneNumber": "+12025550123",
    }
    assert await world.entries() == []
    world.move_clock(3601)
    entry = await world.entry(callback)
    assert float(entry["arrival_time"]) == pytest.approx(desired, abs=0.001)
    assert entry["app"].endswith("/callback-scheduled.scxml")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"serviceName": "nobody"}, 40004),
        ({"serviceName": "never"}, 40004),
        ({"serviceName": ""}, 40002),
        ({"serviceName": 5}, 40002),
        ({"phoneNumber": "+1"}, 40014),
        ({"phoneNumber": "+1202555"}, 40016),
        ({"phoneNumber": ""}, 40013),
        ({"phoneNumber": "call me"}, 40014),
        ({"phoneNumber": "+19005550123"}, 40018),
        ({"phoneNumber": None}, 40002),
        ({"desiredTime": "tomorrow"}, 40005),
        ({"desiredTime": "9999-12-31T23:59:59.999-14:00"}, 40008),
        ({"desiredTime": "2020-01-01T00:00:00.000Z"}, 40006),
        ({"desiredTime": "2199-01-01T00:00:00.000Z"}, 40008),
        ({"userData": [1]}, 40002),
        ({"priority": 1e300}, 40002),
        ({"serviceName": "closed"}, 40011),
    ],
)
async def test_a_request_that_cannot_be_is_a_400_with_its_code(
    world: Any, fields: dict[str, object], code: int
) -> None:
    status, envelope = await world.api("POST", "callbacks/create", {**BODY, **fields})
    assert (status, envelope["status"]["code"]) == (400, code), envelope
    assert await world.query("SELECT 1 FROM engagement.callbacks") == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", 40001),
        (b"\xff\xfe", 40001),
        (b"", 40001),
        (b"[]", 40002),
        (b"null", 40002),
        (b'{"a":"' + b"x" * 70_000 + b'"}', 40003),
        (b'{"serviceName":"sales","phoneNumber":"+12025550123","userData":' + b'{"a":' * 3000, 40001),
    ],
)
async def test_a_body_that_is_no_request_is_a_400_in_the_envelope_and_in_the_log(
    world: Any, body: bytes, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    status, envelope = await world.api("POST", "callbacks/create", body)
    assert (status, envelope["status"]["code"]) == (400, code)
    captured = capfd.readouterr()
    assert envelope["status"]["corrId"] in captured.out + captured.err


async def test_fields_that_are_not_known_are_ignored(world: Any) -> None:
    await world.book(
        somethingNew={"deep": [1]}, cbOfferType="the offer type in many words", offerThreshold=30
    )


@pytest.mark.parametrize(("key", "code"), [("", 40101), ("wrong", 40102), ("x" * 1000, 40102)])
async def test_a_missing_or_wrong_key_is_a_401_in_the_envelope(world: Any, key: str, code: int) -> None:
    for method, path in (("POST", "callbacks/create"), ("GET", "estimated-wait-time"), ("GET", "nothing")):
        status, envelope = await world.api(method, path, None, key=key)
        assert (status, envelope["status"]["code"]) == (401, code)
        assert envelope["status"]["corrId"]


async def test_a_path_that_is_not_there_is_a_404_in_the_envelope(world: Any) -> None:
    status, envelope = await world.api("GET", "callbacks/nothing")
    assert (status, envelope["status"]["code"]) == (404, 40402)


async def test_a_path_with_another_method_is_a_405_that_names_the_one_there_is(world: Any) -> None:
    status, envelope = await world.api("PUT", "callbacks/create", BODY)
    assert (status, envelope["status"]["code"]) == (405, 40501)
    assert (await world.api("DELETE", "callbacks/queue-status/sales"))[0] == 405
    url, key = f"{world.base}/engagement/v3/estimated-wait-time", {"x-api-key": world.key}
    async with world.context.http_session().post(url, headers=key) as reply:
        assert (reply.status, reply.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize("path", ["callbacks/retrieve", "callbacks/cancel"])
async def test_an_unknown_id_is_a_404_and_no_id_a_400(world: Any, path: str) -> None:
    unknown = {"id": "00000000-0000-4000-8000-000000000000"}
    assert (await world.api("POST", path, unknown))[0] == 404
    assert (await world.api("POST", path, {"id": "nothing"}))[0] == 400
    assert (await world.api("POST", path, {}))[0] == 400


async def test_a_callback_of_another_tenant_is_not_there(world: Any) -> None:
    callback = await world.book()
    await world.query("UPDATE engagement.callbacks SET tenant = 'other'")
    for path in ("callbacks/retrieve", "callbacks/cancel"):
        assert (await world.api("POST", path, {"id": callback}))[0] == 404


async def test_the_same_request_with_the_same_key_makes_one_callback(world: Any) -> None:
    replies = await asyncio.gather(
        *[world.api("POST", "callbacks/create", BODY, Idempotency_Key="k-1") for _ in range(8)]
    )
    assert {status for status, _ in replies} == {200}
    assert len({envelope["data"]["id"] for _, envelope in replies}) == 1
    assert len(await world.query("SELECT 1 FROM engagement.callbacks")) == 1
    callback = replies[0][1]["data"]["id"]
    await world.entry(callback)
    assert len(await world.entries()) == 1


async def test_a_repeated_request_is_answered_as_the_first_was_even_when_its_time_has_passed(
    world: Any,
) -> None:
    body = {**BODY, "desiredTime": iso(world.now() + 60)}
    _, first = await world.api("POST", "callbacks/create", body, Idempotency_Key="k-2")
    world.move_clock(600)
    _, again = await world.api("POST", "callbacks/create", body, Idempotency_Key="k-2")
    assert again["data"] == first["data"]


async def test_a_key_that_came_with_another_request_is_refused(world: Any) -> None:
    await world.api("POST", "callbacks/create", BODY, Idempotency_Key="k-3")
    other = {**BODY, "phoneNumber": "+12025550124"}
    status, envelope = await world.api("POST", "callbacks/create", other, Idempotency_Key="k-3")
    assert (status, envelope["status"]["code"]) == (422, 42201)
    assert len(await world.query("SELECT 1 FROM engagement.callbacks")) == 1


async def test_requests_without_a_key_make_a_callback_each(world: Any) -> None:
    assert await world.book() != await world.book()


async def test_waits_come_from_the_router_by_mode(world: Any) -> None:
    world.peers.waits = {"sales": {"ewt": 42.4}, "new": {"ewt": -1}, "empty": {"ewt": -1}}
    world.peers.logged_in = {"new": 2, "empty": 0}
    world.peers.waits["Bank.GQ"] = {"ewt": -1, "reason": "no_interactions"}
    query = "virtual-queues=sales,new,empty,Bank.GQ&mode=mode1"
    status, envelope = await world.api("GET", f"estimated-wait-time?{query}")
    assert status == 200
    assert envelope["data"] == [
        {"virtualQueue": "sales", "estimatedWaitTime": 42, "message": "Successful", "resultCode": 0},
        {"virtualQueue": "new", "estimatedWaitTime": -1, "message": "No interactions yet", "resultCode": -1},
        {
            "virtualQueue": "empty",
            "estimatedWaitTime": -1,
            "message": "No agents are logged in",
            "resultCode": -2,
        },
        {
            "virtualQueue": "Bank.GQ",
            "estimatedWaitTime": -1,
            "message": "No interactions yet",
            "resultCode": -1,
        },
    ]


async def test_the_older_path_and_a_queue_named_twice_are_answered_alike(world: Any) -> None:
    world.peers.waits = {"sales": {"ewt": 42.4}, "support": {"ewt": 7}}
    _, new = await world.api("GET", "estimated-wait-time?virtual-queues=sales,%20support,sales")
    _, old = await world.api("GET", "estimated-wait-time/virtual-queues/sales,support?mode=mode3")
    assert [item["virtualQueue"] for item in new["data"]] == ["sales", "support"]
    assert old["data"] == new["data"]
    assert [asked["aqt"] for asked in world.peers.asked] == ["urs2", "urs2", "stat", "stat"]


async def test_a_range_of_waits_is_there_when_it_is_asked_for_and_not_otherwise(world: Any) -> None:
    known = {"ewt": 42.4, "p50": 40.2, "p90": 81.6, "method": "ringback"}
    world.peers.waits = {
        "sales": known,
        "new": {"ewt": -1, "method": "ringback", "reason": "no_interactions"},
    }
    world.peers.logged_in = {"sales": 2, "new": 1}
    _, envelope = await world.api("GET", "estimated-wait-time?virtual-queues=sales,new&forecast=true")
    told = {"expected": 42, "p50": 40, "p90": 82, "method": "ringback"}
    assert envelope["data"][0]["forecast"] == told
    assert envelope["data"][1]["forecast"]["reason"] == "no_interactions"
    assert sorted(asked["aqt"] for asked in world.peers.asked) == ["ringback"] * 2 + ["urs2"] * 2
    _, envelope = await world.api("GET", "callbacks/queue-status/sales?forecast=true")
    assert envelope["data"]["forecast"] == told
    for path in ("estimated-wait-time?virtual-queues=sales", "callbacks/queue-status/sales"):
        _, envelope = await world.api("GET", path)
        assert "forecast" not in str(envelope["data"])
    assert (await world.api("GET", "callbacks/queue-status/sales?forecast=yes"))[0] == 400


async def test_calls_on_hold_are_counted_when_asked_for(world: Any) -> None:
    world.peers.waits = {"sales": {"ewt": 1}}
    for flag in ("true", "false"):
        path = f"estimated-wait-time?virtual-queues=sales&include-calls-on-hold={flag}"
        assert (await world.api("GET", path))[0] == 200
    assert ["hold" in asked for asked in world.peers.asked] == [True, False]
    status, _ = await world.api("GET", "estimated-wait-time?virtual-queues=sales&include-calls-on-hold=1")
    assert status == 400


@pytest.mark.parametrize(
    "query", ["", "virtual-queues=", "virtual-queues=sales&mode=mode9", "virtual-queues=no"]
)
async def test_a_question_about_no_queue_or_an_unknown_mode_is_a_400(world: Any, query: str) -> None:
    world.peers.waits = {"sales": {"ewt": 1}}
    status, _ = await world.api("GET", f"estimated-wait-time?{query}")
    assert status == 400


async def test_a_queue_offers_immediate_callbacks_unless_nobody_is_logged_in(world: Any) -> None:
    world.peers.waits = {"sales": {"ewt": -1}}
    world.peers.logged_in = {"sales": 1}
    _, envelope = await world.api("GET", "callbacks/queue-status/sales")
    assert envelope["data"] == {"ewt": -1, "offerImmediateCallback": True, "offerScheduledCallback": True}
    world.peers.logged_in = {"sales": 0}
    _, envelope = await world.api("GET", "callbacks/queue-status/sales")
    assert envelope["data"]["offerImmediateCallback"] is False
    assert (await world.api("GET", "callbacks/queue-status/nothing"))[0] == 400


async def test_the_router_being_away_is_a_503_in_the_envelope(world: Any) -> None:
    await world.peers.stop()
    status, envelope = await world.api("GET", "callbacks/queue-status/sales")
    assert (status, envelope["status"]["code"]) == (503, 50301)


async def test_a_queued_callback_shows_its_place_and_its_wait(world: Any) -> None:
    callback = await world.book()
    world.peers.waits = {f"cb-{callback}-1@sales": {"pos": 3, "ewt": 95.2}}
    seen = await world.retrieve(callback)
    assert (seen["positionInQueue"], seen["estimatedWaitTime"]) == (3, 95)
    assert [asked["aqt"] for asked in world.peers.asked] == ["ringback"]
    world.peers.waits = {f"cb-{callback}-1@sales": {"pos": 3, "ewt": -1}}
    assert (await world.retrieve(callback))["positionInQueue"] == 3
    assert [asked["aqt"] for asked in world.peers.asked] == ["ringback", "ringback", "urs2"]


async def test_metrics_have_their_published_names(world: Any) -> None:
    await world.book()
    async with world.context.http_session().get(f"{world.base}/metrics") as reply:
        text = await reply.text()
    assert "\nges_callbacks_created 1.0\n" in text
    labels = 'httpCode="200",path="/engagement/v3/callbacks/create",tenant="demo"'
    assert f"ges_http_requests_total{{{labels}}} 1.0" in text
    for name in ("GES_HEALTH", "REDIS_CONNECTION", "GWS_ENV_STATUS", "ALL_URS_DOWN"):
        assert f"\n{name} 0.0\n" in text
    assert "CB_SUBMIT_FAILED" not in text
