"""How callbacks are dialled, by the settings of their service."""

import msgspec
import pytest

from ringback.runtime.http import HttpClient, HttpFailure
from ringback.services.engagement.service import EngagementService

from .conftest import World, until

HOW = {
    "_userterminated_first_connect_party": "AGENT",
    "_agent_preview": "true",
    "_prefix_dial_out": "9",
    "_call_display_name": "Ringback",
    "_attach_udata": "single_json",
    "_urs_vq_priority": "10",
    "_urs_vq_priority_increment": "5",
    "_overwritable_options": "_max_dial_attempts, _agent_preview",
}


async def test_the_entry_says_how_to_dial_and_a_request_may_overwrite_what_it_may(world: World) -> None:
    await world.publish({"outbound": HOW})
    usual = await world.book(serviceName="outbound", userData={"order": 7})
    entry = await world.entry(usual)
    assert entry["app"].endswith("/apps/demo/callback-agent-first.scxml")
    assert (entry["number"], entry["priority"]) == ("+12025550123", "10")
    dial = msgspec.json.decode(entry["dial"])
    assert (dial["first"], dial["number"], dial["preview"]) == ("AGENT", "912025550123", True)
    assert (dial["displayname"], dial["increment"]) == ("Ringback", 5)
    assert dial["attached"] == {"GMS_UserData": '{"order":7}', "_CB_SERVICE_ID": usual}

    special = await world.book(
        serviceName="outbound", phoneNumber="+12025550124", priority=3, options={"_agent_preview": "false"}
    )
    entry = await world.entry(special)
    assert entry["priority"] == "3" and "preview" not in msgspec.json.decode(entry["dial"])

    for options in ({"_ttl": "5"}, {"_max_dial_attempts": "never"}, {"_no_such": "1"}):
        body = {"serviceName": "outbound", "phoneNumber": "+12025550125", "options": options}
        status, envelope = await world.api("POST", "callbacks/create", body)
        assert (status, envelope["status"]["code"]) == (400, 40041), envelope


async def test_a_table_is_refused_with_the_reason_of_every_cell(world: World) -> None:
    designer = HttpClient(world.context, "engagement", connection="ges-14")
    table = {
        "one": {"_route_point": "8010", "_ttl": "soon", "_cpd_timeguard": "0"},
        "two": {"_route_point": "8010", "_business_hours_service": "nowhere"},
        "three": {"_max_dial_attempts": "9"},
    }
    with pytest.raises(HttpFailure) as refused:
        await designer.post("/internal/settings/demo", table)
    for cell in ("one _ttl", "one _cpd_timeguard", "two 'nowhere'", "three _route_point"):
        assert cell in refused.value.message


async def test_one_number_is_dialled_for_one_callback_at_a_time(world: World) -> None:
    await world.publish({"other": {}})
    first, second = await world.book(), await world.book(serviceName="other")
    for callback in (first, second):
        await world.entry(callback)
        await world.step(callback, 1, "ROUTING")
    assert (await world.step(first, 2, "DIALLING"))["go_on"] is True
    assert (await world.step(second, 2, "DIALLING"))["go_on"] is False
    assert (await world.retrieve(second))["callbackState"] == "SCHEDULED"
    assert (await world.step(first, 3, "FAILED", dial_result="BUSY"))["state"] == "SCHEDULED"
    world.move_clock(16)
    await world.entry(second, 2)
    await world.step(second, 1, "ROUTING", attempt=2)
    assert (await world.step(second, 2, "DIALLING", attempt=2))["go_on"] is True


async def test_a_customer_who_asks_to_be_called_later_keeps_the_place_and_all_dials(world: World) -> None:
    await world.publish(
        {"sales": {"_hold_enabled": "true", "_snooze_duration": "120", "_max_dial_attempts": "1"}}
    )
    callback = await world.book()
    first = await world.entry(callback)
    assert msgspec.json.decode(first["dial"])["snooze"] is True
    for step, state in enumerate(("ROUTING", "DIALLING", "CUSTOMER", "SNOOZED"), 1):
        reply = await world.step(callback, step, state)
    assert (reply["state"], reply["go_on"]) == ("SCHEDULED", False)
    world.move_clock(121)
    again = await world.entry(callback, 2)
    assert again["arrival_time"] == first["arrival_time"]
    await world.step(callback, 1, "ROUTING", attempt=2)
    assert (await world.step(callback, 2, "DIALLING", attempt=2))["go_on"] is True


UNTOLD = """INSERT INTO engagement.outbox (kind, callback_id, attempt, reason, next_try_at)
VALUES ('report', $1::uuid, 99, 'end', now() + interval '1 day')"""


async def nothing_untold(world: World, callback: str) -> bool:
    return not await world.query("SELECT 1 FROM engagement.outbox WHERE callback_id = $1::uuid", callback)


async def test_finished_callbacks_are_forgotten_after_the_time_of_their_service(world: World) -> None:
    await world.publish({"sales": {"_callback_purge_time": "3600"}, "other": {"_callback_purge_time": "0"}})
    gone, kept = await world.book(), await world.book(serviceName="other")
    waiting = await world.book(phoneNumber="+12025550126")
    for callback in (gone, kept):
        await world.cancel(callback)
    engagement = world.harness["engagement"]
    assert isinstance(engagement, EngagementService)
    purger = engagement.purger
    assert await purger.purge() == 0
    await world.query(UNTOLD, gone)
    world.move_clock(3601)
    assert await purger.purge() == 0, "something is still to be told of it"
    await world.query("DELETE FROM engagement.outbox WHERE attempt = 99")
    await until(lambda: nothing_untold(world, gone))
    assert await purger.purge() == 1
    assert (await world.api("POST", "callbacks/retrieve", {"id": gone}))[0] == 404
    assert (await world.retrieve(kept))["callbackState"] == "COMPLETED"
    assert (await world.retrieve(waiting))["callbackState"] != "COMPLETED"
