"""The hours are looked at again before each dial and each retry."""

from datetime import UTC, datetime, timedelta
from typing import Any


async def publish(world: Any, **rows: dict[str, str]) -> None:
    await world.publish(rows)


def office_closing_in(world: Any, minutes: int) -> tuple[dict[str, str], datetime]:
    """An office in a zone chosen so that it closes soon, and when it opens again."""
    closes = datetime.fromtimestamp(world.now(), UTC).replace(second=0, microsecond=0)
    closes += timedelta(minutes=minutes)
    shift = 12 - closes.hour
    zone = f"Etc/GMT{-shift:+d}" if shift else "UTC"
    office = {"_timezone": zone, "_bh_regular1": f"Mon-Sun 09:00-12:{closes.minute:02}"}
    return office, (closes - timedelta(minutes=closes.minute, hours=3)) + timedelta(days=1)


async def test_leave_to_dial_is_refused_after_closing_and_the_callback_waits_for_the_opening(
    world: Any,
) -> None:
    office, opens = office_closing_in(world, 5)
    service = {"_business_hours_service": "office", "_ttl": "172800"}
    await publish(world, office=office, desk=service)
    callback = await world.book(serviceName="desk")
    await world.entry(callback)
    assert (await world.step(callback, 1, "QUEUED"))["go_on"] is True
    assert (await world.step(callback, 2, "ROUTING", agent_id="1001"))["go_on"] is True
    world.move_clock(600)
    reply = await world.step(callback, 3, "DIALLING")
    assert reply == {"state": "SCHEDULED", "go_on": False}
    [row] = await world.query("SELECT due_at, dials, attempt FROM engagement.callbacks")
    assert (row["due_at"], row["dials"], row["attempt"]) == (opens, 0, 1)
    world.move_clock(opens.timestamp() - world.now() + 1)
    again = await world.entry(callback, attempt=2)
    assert (await world.step(callback, 1, "DIALLING", attempt=2))["go_on"] is True
    assert float(again["arrival_time"]) < opens.timestamp() - 3600


async def test_a_retry_waits_for_the_opening(world: Any) -> None:
    office, opens = office_closing_in(world, 5)
    service = {"_business_hours_service": "office", "_ttl": "172800", "_dial_retry_timeout": "1200"}
    await publish(world, office=office, desk=service)
    callback = await world.book(serviceName="desk")
    await world.entry(callback)
    await world.step(callback, 1, "DIALLING")
    await world.step(callback, 2, "FAILED", dial_result="BUSY")
    [row] = await world.query("SELECT due_at, dials FROM engagement.callbacks")
    assert (row["due_at"], row["dials"]) == (opens, 1)


async def test_hours_that_were_published_meanwhile_hold_at_the_dial(world: Any) -> None:
    await publish(world, desk={})
    callback = await world.book(serviceName="desk")
    await world.entry(callback)
    office, _ = office_closing_in(world, -10)
    await publish(world, office=office, desk={"_business_hours_service": "office", "_ttl": "172800"})
    assert (await world.step(callback, 1, "DIALLING"))["state"] == "SCHEDULED"


BROKEN = """UPDATE engagement.service_settings SET properties = '{"_ttl": "of a later version"}'
WHERE service = 'broken'"""


async def test_settings_that_cannot_be_read_hold_their_own_callbacks_and_no_others(world: Any) -> None:
    await publish(world, desk={}, broken={})
    numbers = ("+12025550124", "+12025550125")
    soon = datetime.fromtimestamp(world.now() + 600, UTC).isoformat()
    held = [await world.book(serviceName="broken", desiredTime=soon, phoneNumber=each) for each in numbers]
    good = await world.book(serviceName="desk", desiredTime=soon)
    await world.query(BROKEN)
    await publish(world, other={})  # forgets what was read before
    world.move_clock(700)
    await world.entry(good)
    rows = await world.query("SELECT due_at FROM engagement.callbacks WHERE service = 'broken'")
    assert [row["due_at"].timestamp() > world.now() + 50 for row in rows] == [True, True]
    assert (await world.cancel(held[0]))[0] == 200
    await world.harness["engagement"].purger.purge()  # goes through all services
    await publish(world, broken={})
    world.move_clock(70)
    await world.entry(held[1])


async def test_who_finds_the_slot_full_is_not_put_into_one_that_lies_in_the_night(world: Any) -> None:
    # Half past an hour: its slot has one place, and the next three hours are quiet.
    now = datetime.fromtimestamp(world.now(), UTC)
    begin = now.replace(minute=30, second=0, microsecond=0) + timedelta(hours=1)
    world.move_clock((begin - now).total_seconds())
    night, morning = begin + timedelta(minutes=30), begin + timedelta(hours=3, minutes=30)
    rules = {
        "_quiet_hours": f"{night:%H:%M}-{morning:%H:%M}",
        "_request_time_bucket": "60",
        "_max_request_by_time_bucket": "1",
        "_ttl": "3600",
    }
    await publish(world, desk=rules)
    here = {"serviceName": "desk", "timezone": "Etc/UTC"}
    assert (await world.retrieve(await world.book(**here)))["callbackState"] == "QUEUED"
    late = [await world.book(**here, phoneNumber=f"+1202555012{n}") for n in (4, 5)]
    rows = await world.query("SELECT id::text, due_at, expires_at FROM engagement.callbacks ORDER BY due_at")
    found = [(row["id"], row["due_at"], row["expires_at"] - row["due_at"]) for row in rows if row["due_at"]]
    hour = timedelta(hours=1)
    assert found == [(late[0], morning, hour), (late[1], morning + hour, hour)]
    world.move_clock((morning - begin).total_seconds() + 1)
    await world.entry(late[0])


async def test_a_customers_night_is_quiet_by_the_number_or_by_the_zone_that_was_given(world: Any) -> None:
    hour = datetime.fromtimestamp(world.now(), UTC).hour
    # The quiet hours begin with the running hour of UTC: it is night where the wall shows the same.
    quiet = f"{hour:02}:00-{(hour + 2) % 24:02}:00"
    await publish(world, desk={"_quiet_hours": quiet})
    here = await world.book(serviceName="desk", timezone="Etc/UTC")
    there = await world.book(serviceName="desk", timezone="Etc/GMT-6")
    assert (await world.retrieve(here))["callbackState"] == "SCHEDULED"
    assert (await world.retrieve(there))["callbackState"] == "QUEUED"
    by_number = await world.book(serviceName="desk", phoneNumber="+3545812345")
    assert (await world.retrieve(by_number))["callbackState"] == "SCHEDULED"
