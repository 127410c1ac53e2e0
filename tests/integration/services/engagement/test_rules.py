"""What a service refuses beside what cannot be: too many, too soon, too late, not from there."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

DAY = 86_400
BODY = {"serviceName": "desk", "phoneNumber": "+12025550123"}


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def publish(world: Any, **rows: dict[str, str]) -> None:
    await world.publish(rows)


async def code(world: Any, **fields: object) -> int:
    """0 when it is taken, else the code of the refusal, which is that of its HTTP status."""
    status, envelope = await world.api("POST", "callbacks/create", {**BODY, **fields})
    found = int(envelope["status"]["code"])
    assert found // 100 == status or (found, status) == (0, 200)
    return found


@pytest.mark.parametrize(("checking", "most"), [("true", 2), ("strict", 1), ("false", 5)])
async def test_a_number_waits_as_often_as_the_service_lets_it(world: Any, checking: str, most: int) -> None:
    await publish(world, desk={"_enable_in_queue_checking": checking})
    codes = Counter(await asyncio.gather(*[code(world) for _ in range(5)]))
    assert codes[0] == most
    assert codes[40023] == 5 - most
    assert await code(world, phoneNumber="+12025550124") == 0


async def test_scheduled_callbacks_wait_too_and_those_that_are_over_do_not(world: Any) -> None:
    await publish(world, desk={"_enable_in_queue_checking": "strict"}, other={})
    later = iso(world.now() + 3600)
    callback = await world.book(serviceName="desk", desiredTime=later)
    assert await code(world, phoneNumber="(202) 555-0123") == 40023
    assert await code(world, serviceName="other") == 0
    await world.cancel(callback)
    assert await code(world, desiredTime=later) == 0


async def test_immediate_callbacks_of_a_number_are_throttled_for_a_day(world: Any) -> None:
    await publish(
        world, desk={"_enable_in_queue_checking": "false", "_throttle_request_parameters_limit": "3"}
    )
    codes = Counter(await asyncio.gather(*[code(world) for _ in range(8)]))
    assert codes == {0: 3, 42902: 5}
    assert await code(world, desiredTime=iso(world.now() + 7200)) == 0
    assert await code(world, phoneNumber="+12025550124") == 0
    world.move_clock(DAY + 1)
    assert await code(world) == 0


async def test_other_fields_may_be_the_ones_that_are_throttled(world: Any) -> None:
    settings = {
        "_throttle_request_parameters": "customer, channel",
        "_throttle_request_parameters_limit": "1",
    }
    await publish(world, desk=settings)
    numbers = [f"+1202555012{n}" for n in range(4)]
    first = {"userData": {"customer": "a"}, "channel": "web"}
    assert await code(world, phoneNumber=numbers[0], **first) == 0
    assert await code(world, phoneNumber=numbers[1], **first) == 42902
    assert await code(world, phoneNumber=numbers[2], **{**first, "channel": "app"}) == 0
    assert await code(world, phoneNumber=numbers[3], userData={"customer": "b"}, channel="web") == 0
    rows = await world.query("SELECT throttle_key FROM engagement.callbacks")
    assert all(len(row["throttle_key"]) == 32 for row in rows)


async def test_immediate_callbacks_need_somebody_logged_in_when_that_is_checked(world: Any) -> None:
    await publish(world, desk={"_logged_in_check": "true", "_vq": "line"})
    world.peers.logged_in = {"line": 0}
    assert await code(world) == 40027
    assert await code(world, desiredTime=iso(world.now() + 3600)) == 0
    world.peers.logged_in = {"line": 1}
    assert await code(world) == 0
    await world.peers.stop()
    assert await code(world, phoneNumber="+12025550124") == 0


async def test_the_office_that_closes_soon_takes_no_immediate_callbacks(world: Any) -> None:
    now = datetime.fromtimestamp(world.now(), UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    office = {"_timezone": "UTC", "_bh_regular1": "Mon-Sun 00:00-24:00", "_holidays1": f"{midnight:%m-%d}"}
    left = int((midnight - now).total_seconds() // 60)
    service = {"_business_hours_service": "office", "_immediate_blackout": str(left + 2)}
    await publish(world, office=office, desk=service)
    assert await code(world) == 40012
    await publish(world, desk={**service, "_immediate_blackout": str(max(0, left - 2))})
    assert await code(world) == 0


async def test_a_time_outside_the_hours_waits_for_the_opening_or_is_refused(world: Any) -> None:
    day = datetime.fromtimestamp(world.now(), UTC) + timedelta(days=2)
    office = {"_timezone": "UTC", "_bh_regular1": "Mon-Sun 09:00-17:00", "_holidays1": f"{day:%Y-%m-%d}"}
    service = {"_business_hours_service": "office", "_enable_in_queue_checking": "false"}
    await publish(world, office=office, desk=service)
    holiday = iso(day.replace(hour=12).timestamp())
    assert await code(world, desiredTime=holiday) == 0
    [row] = await world.query("SELECT due_at FROM engagement.callbacks")
    opening = (day + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
    assert row["due_at"] == opening
    await publish(world, desk={**service, "_enable_reject_out_of_office_hours": "true"})
    assert await code(world, desiredTime=holiday) == 40011


async def test_notice_is_needed_when_the_service_wants_it(world: Any) -> None:
    await publish(world, desk={"_min_time_before_callback": "60"})
    assert await code(world, desiredTime=iso(world.now() + 3500)) == 40007
    assert await code(world, desiredTime=iso(world.now() + 3700)) == 0


async def test_numbers_are_judged_by_the_rule_of_the_service(world: Any) -> None:
    rule = {"_permitted_countries": "US, DE", "_blocked_pattern1": "+1202555019?"}
    await publish(world, known=rule, desk={"_number_rule": "known"})
    assert await code(world) == 0
    assert await code(world, phoneNumber="+493012345678") == 0
    assert await code(world, phoneNumber="+442079460123") == 40025
    assert await code(world, phoneNumber="+80012345678") == 40024
    assert await code(world, phoneNumber="+12025550195") == 40026


async def test_what_a_published_client_sends_as_offer_type_counts_as_the_default(world: Any) -> None:
    await publish(world, desk={})
    sentence = "Type of callback offer presented to the user. Use ASAP for immediate callbacks. " * 3
    assert await code(world, cbOfferType=sentence, offerTiming="whenever") == 0
    later = iso(world.now() + 3600)
    assert await code(world, cbOfferType=sentence, desiredTime=later) == 0
    assert await code(world, cbOfferType="COMBINED_SCHEDULED_AND_ASAP", phoneNumber="+12025550124") == 0
    rows = await world.query("SELECT details ->> 'offer_type' AS kind FROM engagement.callbacks ORDER BY 1")
    assert [row["kind"] for row in rows] == ["ASAP", "COMBINED_SCHEDULED_AND_ASAP", "SCHEDULED"]


async def test_a_refused_request_is_not_remembered_by_its_key(world: Any) -> None:
    await publish(world, desk={"_enable_in_queue_checking": "strict"})
    first = await world.book(serviceName="desk")
    refused, _ = await world.api("POST", "callbacks/create", BODY, Idempotency_Key="k-9")
    await world.cancel(first)
    taken, _ = await world.api("POST", "callbacks/create", BODY, Idempotency_Key="k-9")
    assert (refused, taken) == (400, 200)


async def test_a_zone_that_does_not_exist_is_refused(world: Any) -> None:
    await publish(world, desk={})
    assert await code(world, timezone="Mars/Olympus") == 40028
    assert await code(world, timezone="Europe/Berlin") == 0


async def test_limits_that_are_reached_are_counted_by_their_published_names(world: Any) -> None:
    settings = {"_enable_in_queue_checking": "strict", "_throttle_request_parameters_limit": "1"}
    await publish(world, desk=settings)
    callback = await world.book(serviceName="desk")
    assert await code(world) == 40023
    await world.cancel(callback)
    assert await code(world) == 42902
    async with world.context.http_session().get(f"{world.base}/metrics") as reply:
        text = await reply.text()
    assert "\nCB_ENQUEUE_LIMIT_REACHED 1.0\n" in text
    assert "\nCB_TTL_LIMIT_REACHED 1.0\n" in text
