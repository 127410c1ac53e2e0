"""Callbacks moved to another time: slots are locked in one order, and the trail says what happened."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import asyncpg
from prometheus_client import generate_latest

from ringback.services.engagement.service import EngagementService

WAITING = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


async def waiting(world: Any, number: int) -> None:
    async with asyncio.timeout(10):
        while len(await world.query(WAITING)) < number:
            await asyncio.sleep(0.02)


async def test_two_opposite_moves_both_happen(world: Any, office: Any) -> None:
    await world.publish({"two": {"_max_request_by_time_bucket": "2", "_request_time_bucket": "60"}})
    boss = await office.user("boss", "Supervisor")
    hour = (int(world.now()) // 3600 + 30) * 3600
    first = await world.book(serviceName="two", desiredTime=iso(hour))
    second = await world.book(serviceName="two", desiredTime=iso(hour + 3600), phoneNumber="+12025550124")
    connection = await asyncpg.connect(world.dsn)
    holding = connection.transaction()
    await holding.start()
    await connection.execute("UPDATE engagement.slots SET taken = taken WHERE starts_at = $1", hour)
    moves = []
    # Each waits for the earlier slot before the next begins: both hold what they lock before it.
    for number, (callback, at) in enumerate([(first, hour + 3600), (second, hour)], 1):
        asked = boss.ask("POST", f"callbacks/{callback}/reschedule", {"desired_time": iso(at)})
        moves.append(asyncio.create_task(asked))
        await waiting(world, number)
    await holding.rollback()
    await connection.close()
    assert [status for status, _ in await asyncio.gather(*moves)] == [200, 200]
    rows = await world.query("SELECT taken FROM engagement.slots WHERE service = 'two' ORDER BY starts_at")
    assert [row["taken"] for row in rows] == [1, 1]


async def test_one_moved_within_its_slot_keeps_its_one_place(world: Any, office: Any) -> None:
    await world.publish({"one": {"_max_request_by_time_bucket": "1", "_request_time_bucket": "60"}})
    boss = await office.user("boss", "Supervisor")
    hour = (int(world.now()) // 3600 + 30) * 3600
    callback = await world.book(serviceName="one", desiredTime=iso(hour))
    await boss.post(f"callbacks/{callback}/reschedule", {"desired_time": iso(hour + 600)})
    [row] = await world.query("SELECT taken FROM engagement.slots WHERE service = 'one'")
    assert row["taken"] == 1


async def test_at_its_new_time_it_is_what_was_booked_it_begins_before_it_and_lives_as_long(
    world: Any, office: Any
) -> None:
    rules = {"_request_execution_time_buffer": "120", "_overwritable_options": "_ttl"}
    await world.publish({"early": rules})
    boss = await office.user("boss", "Supervisor")
    hour = (int(world.now()) // 3600 + 30) * 3600
    callback = await world.book(serviceName="early", desiredTime=iso(hour), options={"_ttl": "600"})
    times = "SELECT extract(epoch FROM due_at) AS due, extract(epoch FROM expires_at) AS over"
    times += " FROM engagement.callbacks"
    [booked] = await world.query(times)
    assert (booked["due"], booked["over"]) == (hour - 120, hour + 600)
    await boss.post(f"callbacks/{callback}/reschedule", {"desired_time": iso(hour + 3600)})
    [moved] = await world.query(times)
    assert (moved["due"], moved["over"]) == (hour + 3600 - 120, hour + 3600 + 600)


async def test_the_attempt_of_a_callback_that_is_moved_has_ended_for_the_auditor(
    world: Any, office: Any
) -> None:
    engagement = world.harness["engagement"]
    assert isinstance(engagement, EngagementService)
    await engagement.auditor.judge(0.0)
    boss = await office.user("boss", "Supervisor")
    callback = await world.book()
    await world.entry(callback)
    await world.step(callback, 1, "QUEUED")
    await boss.post(f"callbacks/{callback}/reschedule", {"desired_time": iso(world.now() + 3600)})
    await engagement.auditor.judge(0.0)
    rows = await world.query("SELECT kind, lives FROM engagement.steps ORDER BY id")
    assert [(row["kind"], row["lives"]) for row in rows] == [("WAITING", True), ("ENDED", False)]
    metrics = generate_latest(engagement.ctx.metrics).decode()
    assert "ringback_callbacks_judged 0.0" in metrics

    world.move_clock(3700)
    await world.entry(callback, 2)
    await world.step(callback, 1, "QUEUED", attempt=2)
    await engagement.auditor.judge(0.0)
    metrics = generate_latest(engagement.ctx.metrics).decode()
    name = "ringback_callback_invariant_violations_total"
    values = [line for line in metrics.splitlines() if line.startswith(name + "{")]
    assert len(values) == 5 and all(line.endswith(" 0.0") for line in values)
