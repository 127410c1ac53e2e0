"""Reminders, callbacks that the customer's device begins, and what becomes of their notices."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ringback.runtime.http import HttpClient, HttpFailure
from ringback.testing.hook_server import HookForTests

from ..conftest import until
from .conftest import Keeper

NUMBER = "+12025550123"
ORIGINATED = {
    "_call_direction": "USERORIGINATED",
    "_call_in_group": "apps",
    "_pushed_callback_expiry_time": "90",
    "_max_dial_attempts": "2",
    "_dial_retry_timeout": "60",
}
NO_CALL = "FAILED_TO_ESTABLISH_CUSTOMER_ORIGINATED_MEDIA"
DEVICE = [{"channel": "app", "target": "planted-device"}]


@pytest.fixture(autouse=True)
async def services(world: Any, keeper: Keeper, hook: HookForTests) -> None:
    await keeper.put("push", "app", {"type": "http", "url": hook.url, "secret": hook.secret})
    client = HttpClient(world.context, "engagement")
    group = {"numbers": ["+12025550111"], "code_length": 6}
    await client.request("PUT", "/internal/call-in-groups/demo/apps", group)
    reminding = {"_enable_notification_reminder": "true", "_notification_reminder_buffer": "600"}
    await world.publish({"mobile": ORIGINATED, "reminding": reminding})


async def notices(world: Any, callback: str) -> list[dict[str, Any]]:
    client = HttpClient(world.context, "engagement")
    found: list[dict[str, Any]] = await client.get(f"/internal/notices/demo/{callback}")
    return found


async def told(world: Any, hook: HookForTests, number: int = 1) -> dict[str, Any]:
    """The data of the number-th notice that the hook has taken."""

    async def look() -> bool:
        return len(hook.taken) >= number

    await until(look)
    data: dict[str, Any] = hook.taken[number - 1]["data"]
    return data


async def expecting(world: Any) -> str:
    """A callback whose agent is reserved and whose device is to be told."""
    callback: str = await world.book(serviceName="mobile", pushTargets=DEVICE)
    await world.step(callback, 1, "ROUTING")
    assert (await world.step(callback, 2, "DIALLING"))["go_on"] is True
    return callback


async def confirm(world: Any, receipt: str) -> int:
    status, _ = await world.api("POST", "notification/confirm", {"receipt": receipt}, key="")
    return int(status)


async def test_push_targets_are_needed_and_the_group_too(world: Any) -> None:
    body = {"serviceName": "mobile", "phoneNumber": NUMBER}
    status, envelope = await world.api("POST", "callbacks/create", body)
    assert (status, envelope["status"]["code"]) == (400, 40058)
    with pytest.raises(HttpFailure, match="_call_in_group"):
        await world.publish({"wrong": {**ORIGINATED, "_call_in_group": ""}})


async def test_the_session_runs_the_application_that_dials_nobody(world: Any) -> None:
    callback = await world.book(serviceName="mobile", pushTargets=DEVICE)
    entry = await world.entry(callback)
    assert entry["app"].endswith("/apps/demo/callback-originated.scxml")
    assert '"customercalls":90' in entry["dial"]


async def test_the_device_is_told_number_and_code_when_an_agent_is_ready_and_the_call_is_the_callback(
    world: Any, hook: HookForTests
) -> None:
    callback = await expecting(world)
    data = await told(world, hook)
    assert (data["event"], data["id"]) == ("CALLBACK_AGENT_READY", callback)
    assert data["toPhoneNumber"] == "+12025550111"
    assert 0 < int(data["expirationTime"]) - world.now() <= 90
    assert data["link"].startswith(f"{world.base}/c/")
    assert (await world.step(callback, 2, "DIALLING"))["go_on"] is True, "the same step again"
    assert len(await notices(world, callback)) == 1
    async with world.context.http_session().get(data["link"]) as reply:
        page = await reply.text()
    assert "tel:+12025550111" in page, "the customer's page says it too"
    assert data["accessCode"] in page
    client = HttpClient(world.context, "engagement")
    call = {"to": data["toPhoneNumber"], "code": data["accessCode"], "call_id": "call-1"}
    found = await client.post("/internal/call-ins/demo/match", call)
    assert (found["matched"], found["callback_id"]) == (True, callback)
    assert found["arrived_at"] > 0
    seen = await world.retrieve(callback)
    assert (seen["callbackState"], seen["callbackReason"]) == ("COMPLETED", "CUSTOMER_CALLED_IN")
    [row] = await world.query("SELECT last_result FROM engagement.callbacks WHERE id = $1::uuid", callback)
    assert row["last_result"] == "USERORIGINATED_CONNECTED"

    async def stopped() -> bool:
        return (f"cb-{callback}-1", "callback.cancel") in world.peers.events

    await until(stopped)


async def test_who_does_not_call_is_told_again_by_the_rules(world: Any, hook: HookForTests) -> None:
    callback = await expecting(world)
    data = await told(world, hook)
    assert await confirm(world, data["receipt"]) == 200
    assert await confirm(world, data["receipt"]) == 200
    [notice] = await notices(world, callback)
    assert (notice["delivery"], notice["attempt"]) == ("PUSH_DELIVERY_CONFIRMED", 1)
    await world.step(callback, 3, "FAILED", dial_result=NO_CALL)
    assert (await world.retrieve(callback))["callbackState"] == "SCHEDULED"
    world.move_clock(61)
    await world.entry(callback, 2)
    await world.step(callback, 1, "ROUTING", attempt=2)
    await world.step(callback, 2, "DIALLING", attempt=2)
    again = await told(world, hook, 2)
    assert again["receipt"] != data["receipt"]
    await world.step(callback, 3, "FAILED", attempt=2, dial_result=NO_CALL)
    assert (await world.retrieve(callback))["callbackReason"] == "FAIL_CALL_TO_CUSTOMER"


@pytest.mark.parametrize(
    ("statuses", "confirmed", "result"),
    [
        ([], True, NO_CALL),
        ([], False, "PUSH_DELIVERY_NOT_CONFIRMED"),
        ([400], False, "PUSH_SEND_ERROR"),
    ],
)
async def test_the_dial_result_says_what_became_of_the_notice(
    world: Any, hook: HookForTests, statuses: list[int], confirmed: bool, result: str
) -> None:
    hook.statuses += statuses
    callback = await expecting(world)

    async def finished() -> bool:
        return all(each["state"] != "PENDING" for each in await notices(world, callback))

    await until(finished)
    if confirmed:
        assert await confirm(world, (await told(world, hook))["receipt"]) == 200
    await world.step(callback, 3, "FAILED", dial_result=NO_CALL)
    [row] = await world.query("SELECT last_result FROM engagement.callbacks WHERE id = $1::uuid", callback)
    assert row["last_result"] == result


async def test_a_notice_whose_attempt_is_over_is_not_sent(world: Any, hook: HookForTests) -> None:
    hook.statuses += [503] * 50
    callback = await expecting(world)
    await world.step(callback, 3, "FAILED", dial_result=NO_CALL)

    async def given_up() -> bool:
        return (await notices(world, callback))[0]["state"] == "FAILED"

    await until(given_up)
    assert hook.taken == []


async def test_receipts_are_signed_and_good_for_nothing_else(world: Any, hook: HookForTests) -> None:
    await expecting(world)
    data = await told(world, hook)
    word = data["link"].rpartition("/")[2]
    for wrong in ("x", "A" * 56, word, data["receipt"][:-4] + "zzzz"):
        assert await confirm(world, wrong) == 404
    async with world.context.http_session().get(f"{world.base}/c/{data['receipt']}") as reply:
        assert reply.status == 404, "a receipt opens no page"


async def test_a_scheduled_callback_is_reminded_of_once(world: Any, hook: HookForTests) -> None:
    desired = datetime.fromtimestamp(world.now(), UTC) + timedelta(hours=2)
    callback = await world.book(
        serviceName="reminding", pushTargets=DEVICE, desiredTime=desired.isoformat(timespec="milliseconds")
    )
    reminders = world.harness["engagement"]._outside._push._reminders
    await reminders.look()
    assert await notices(world, callback) == []
    world.move_clock(6_601)
    data = await told(world, hook)
    assert (data["event"], data["id"]) == ("CALLBACK_REMINDER", callback)
    assert data["desiredTime"][:16] == f"{desired:%Y-%m-%dT%H:%M}"
    await reminders.look()
    assert len(await notices(world, callback)) == 1
    rows = await world.query("SELECT reminded FROM engagement.push_watch")
    assert [row["reminded"] for row in rows] == [True]
