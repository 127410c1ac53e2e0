"""The life of a callback as its sessions report it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ringback.runtime.http import HttpFailure
from ringback.services.engagement.published import _MONITOR as MONITOR
from ringback.services.engagement.store import QUERIES
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import run_host

SCHEDULED_ROWS = """
INSERT INTO engagement.callbacks (
    id, tenant, service, number, state, created_at, updated_at, heard_at, arrived_at, due_at, expires_at
)
SELECT gen_random_uuid(), 'demo', 'sales', '+12025550123', 'SCHEDULED', now(), now(), now(),
    now() + '1 hour', now() + '1 hour', now() + '1 day'
FROM generate_series(1, $1::integer)
"""


async def test_a_callback_goes_the_whole_way(world: Any) -> None:
    callback = await world.book()
    for step, state in enumerate(("QUEUED", "ROUTING", "DIALLING", "PROCESSING"), 1):
        assert (await world.step(callback, step, state, agent_id="kim"))["go_on"] is True
    assert (await world.retrieve(callback))["callbackState"] == "PROCESSING"
    reply = await world.step(callback, 5, "COMPLETED", reason="AGENT_CONNECTED")
    assert reply == {"state": "COMPLETED", "go_on": False}
    seen = await world.retrieve(callback)
    assert (seen["callbackState"], seen["callbackReason"]) == ("COMPLETED", "AGENT_CONNECTED")
    assert "positionInQueue" not in seen


async def test_a_step_told_twice_gives_the_same_leave_and_changes_nothing(world: Any) -> None:
    callback = await world.book()
    await world.step(callback, 1, "ROUTING")
    first = await world.step(callback, 2, "DIALLING")
    assert await world.step(callback, 2, "DIALLING") == first == {"state": "ROUTING", "go_on": True}
    assert (await world.step(callback, 3, "DIALLING"))["go_on"] is False
    rows = await world.query("SELECT dials, step FROM engagement.callbacks")
    assert [tuple(row) for row in rows] == [(1, 2)]


async def test_a_busy_customer_is_dialled_again_at_the_same_place_and_then_no_more(world: Any) -> None:
    callback = await world.book()
    first = await world.entry(callback)
    await world.step(callback, 1, "DIALLING")
    reply = await world.step(callback, 2, "FAILED", dial_result="BUSY")
    assert reply == {"state": "SCHEDULED", "go_on": False}
    world.move_clock(61)
    second = await world.entry(callback, attempt=2)
    assert second["arrival_time"] == first["arrival_time"]
    assert (await world.step(callback, 9, "DIALLING", attempt=1))["go_on"] is False
    await world.step(callback, 1, "DIALLING", attempt=2)
    await world.step(callback, 2, "FAILED", attempt=2, dial_result="NO_ANSWER")
    seen = await world.retrieve(callback)
    assert (seen["callbackState"], seen["callbackReason"]) == ("COMPLETED", "FAIL_CALL_TO_CUSTOMER")


async def test_a_customer_whom_the_platform_left_without_an_agent_is_called_again_and_not_for_ever(
    world: Any,
) -> None:
    callback = await world.book()
    for attempt, state in ((1, "SCHEDULED"), (2, "COMPLETED")):
        await world.entry(callback, attempt=attempt)
        await world.step(callback, 1, "DIALLING", attempt=attempt)
        await world.step(callback, 2, "CUSTOMER", attempt=attempt)
        left = {"dial_result": "PERSON", "reason": "no_agent"}
        reply = await world.step(callback, 3, "FAILED", attempt=attempt, **left)
        assert reply == {"state": state, "go_on": False}
        world.move_clock(61)
    assert (await world.retrieve(callback))["callbackReason"] == "FAIL_AGENT_CONNECT"


async def test_an_agent_who_does_not_answer_puts_it_back_in_the_queue(world: Any) -> None:
    callback = await world.book()
    await world.step(callback, 1, "ROUTING")
    assert (await world.step(callback, 2, "QUEUED", position=1))["state"] == "QUEUED"
    assert (await world.retrieve(callback))["positionInQueue"] == 1


async def test_a_scheduled_callback_is_cancelled_without_a_word_to_anybody(world: Any) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    callback = await world.book(desiredTime=tomorrow.isoformat())
    status, envelope = await world.cancel(callback)
    assert (status, envelope["data"]) == (200, {"id": callback})
    assert (await world.retrieve(callback))["callbackReason"] == "CANCELLED"
    assert await world.query("SELECT 1 FROM engagement.outbox WHERE kind <> 'report'") == []


@pytest.mark.parametrize("states", [[], ["QUEUED"], ["ROUTING"], ["ROUTING", "DIALLING"]])
async def test_a_cancelled_callback_stops_its_session_and_gets_no_more_leave(
    world: Any, states: list[str]
) -> None:
    callback = await world.book()
    session = f"cb-{callback}-1"
    world.peers.sessions.add(session)
    for step, state in enumerate(states, 1):
        await world.step(callback, step, state)
    assert (await world.cancel(callback))[0] == 200
    async with asyncio.timeout(20):
        while (session, "callback.cancel") not in world.peers.events:
            await asyncio.sleep(0.02)
    seen = await world.retrieve(callback)
    assert (seen["callbackState"], seen["callbackReason"]) == ("COMPLETED", "CANCELLED")
    assert (await world.step(callback, len(states) + 1, "DIALLING"))["go_on"] is False


async def test_a_conversation_cannot_be_cancelled(world: Any) -> None:
    callback = await world.book()
    await world.step(callback, 1, "DIALLING")
    await world.step(callback, 2, "PROCESSING")
    status, envelope = await world.cancel(callback)
    assert (status, envelope["status"]["code"]) == (400, 40019)
    assert (await world.retrieve(callback))["callbackState"] == "PROCESSING"


async def test_cancelling_twice_is_no_error_but_cancelling_what_is_done_is(world: Any) -> None:
    cancelled, done = await world.book(), await world.book()
    await world.cancel(cancelled)
    assert (await world.cancel(cancelled))[0] == 200
    await world.step(done, 1, "COMPLETED", reason="FAIL_ERROR")
    status, envelope = await world.cancel(done)
    assert (status, envelope["status"]["code"]) == (400, 40020)


async def test_steps_that_make_no_sense_are_refused(world: Any) -> None:
    callback = await world.book()
    for step in ((1, "PROCESSING", 1), (1, "QUEUED", 7)):
        with pytest.raises(HttpFailure) as refused:
            await world.step(callback, step[0], step[1], attempt=step[2])
        assert refused.value.status == 409
    with pytest.raises(HttpFailure) as unknown:
        await world.step("00000000-0000-4000-8000-000000000000", 1, "QUEUED")
    assert unknown.value.status == 404


async def test_a_callback_that_waits_too_long_is_given_up_and_its_session_stopped(world: Any) -> None:
    callback = await world.book()
    await world.entry(callback)
    world.move_clock(86_401)
    seen = await world.becomes(callback, "COMPLETED")
    assert seen["callbackReason"] == "FAIL_TIMEOUT_TTL"


async def test_a_session_that_never_got_its_entry_is_started_again(world: Any) -> None:
    callback = await world.book()
    await world.entry(callback)
    await world.harness.process.valkey.call("FLUSHALL")
    world.move_clock(16)
    await world.harness["engagement"].scheduler.ask_for_silent()
    assert (await world.entry(callback))["attempt"] == "1"


@pytest.mark.parametrize("ended", [False, True])
async def test_a_session_that_is_gone_is_replaced_by_another_attempt_at_the_same_place(
    world: Any, ended: bool
) -> None:
    callback = await world.book()
    if ended:
        world.peers.sessions = world.peers.ended = {f"cb-{callback}-1"}
    first = await world.entry(callback)
    await world.step(callback, 1, "QUEUED")
    world.move_clock(16)
    scheduler = world.harness["engagement"].scheduler
    await scheduler.ask_for_silent()
    assert len(await world.entries()) == 1
    await scheduler.ask_for_silent()
    second = await world.entry(callback, attempt=2)
    assert second["arrival_time"] == first["arrival_time"]


async def test_a_session_that_is_there_is_left_alone(world: Any) -> None:
    callback = await world.book()
    world.peers.sessions.add(f"cb-{callback}-1")
    await world.step(callback, 1, "QUEUED")
    world.move_clock(16)
    for _ in range(3):
        await world.harness["engagement"].scheduler.ask_for_silent()
    rows = await world.query("SELECT attempt FROM engagement.callbacks")
    assert [row["attempt"] for row in rows] == [1]


async def test_an_attempt_that_gets_nowhere_is_stopped_and_another_one_begins(world: Any) -> None:
    callback = await world.book()
    world.peers.sessions.add(f"cb-{callback}-1")
    await world.step(callback, 1, "ROUTING")
    scheduler = world.harness["engagement"].scheduler
    world.move_clock(290)
    await scheduler.ask_for_silent()
    assert (await world.query("SELECT attempt FROM engagement.callbacks"))[0]["attempt"] == 1
    world.move_clock(20)
    await scheduler.ask_for_silent()
    assert (await world.entry(callback, attempt=2))["attempt"] == "2"
    async with asyncio.timeout(10):
        while not world.peers.events:
            await asyncio.sleep(0.02)
    assert world.peers.events == [(f"cb-{callback}-1", "callback.cancel")]


@pytest.mark.parametrize("ended", [False, True], ids=["talking", "over"])
async def test_a_talk_that_began_while_we_were_away_is_not_taken_for_lost_and_dialled_again(
    world: Any, ended: bool
) -> None:
    """Its steps come as soon as the session hears that we are back: until then it is let alone."""
    callback = await world.book()
    await world.entry(callback)
    await world.step(callback, 1, "ROUTING")
    await world.step(callback, 2, "DIALLING")
    sid = f"cb-{callback}-1"
    world.peers.sessions.add(sid)
    world.peers.reporting.add(sid)
    if ended:
        world.peers.ended.add(sid)
    world.move_clock(400)
    scheduler = world.harness["engagement"].scheduler
    for _ in range(3):
        await scheduler.ask_for_silent()
    assert (await world.retrieve(callback))["callbackState"] == "ROUTING"
    assert world.peers.events == []
    await world.step(callback, 3, "PROCESSING")
    await world.step(callback, 4, "COMPLETED", reason="AGENT_CONNECTED")
    seen = await world.retrieve(callback)
    assert (seen["callbackState"], seen["callbackReason"]) == ("COMPLETED", "AGENT_CONNECTED")


async def test_a_step_that_never_comes_is_not_waited_for_for_ever(world: Any) -> None:
    callback = await world.book()
    await world.step(callback, 1, "ROUTING")
    sid = f"cb-{callback}-1"
    for each in (world.peers.sessions, world.peers.reporting, world.peers.ended):
        each.add(sid)
    world.move_clock(16)
    for _ in range(20):
        await world.harness["engagement"].scheduler.ask_for_silent()
    [row] = await world.query("SELECT attempt FROM engagement.callbacks")
    assert row["attempt"] == 2


async def test_an_attempt_that_the_platform_cannot_begin_is_repeated_and_uses_up_no_dial(world: Any) -> None:
    callback = await world.book()
    for attempt, pause in enumerate((1, 2, 5), start=1):
        await world.entry(callback, attempt=attempt)
        await world.step(callback, 1, "DIALLING", attempt=attempt)
        failed = {"attempt": attempt, "dial_result": "CREATE_CALL_ERROR"}
        assert (await world.step(callback, 2, "FAILED", **failed))["state"] == "SCHEDULED"
        [row] = await world.query("SELECT dials, due_at - updated_at AS pause FROM engagement.callbacks")
        assert (row["dials"], row["pause"].total_seconds()) == (0, pause)
        world.move_clock(pause + 0.1)


async def test_two_nodes_start_each_due_callback_once(world: Any, valkey_url: str) -> None:
    await world.query(SCHEDULED_ROWS, 500)
    env = {"RINGBACK_ENGAGEMENT_SCHEDULER_S": "0.05", "RINGBACK_ENGAGEMENT_BATCH": "20"}
    async with ServiceHarness(
        "engagement", valkey_url=valkey_url, postgres_dsn=world.dsn, host=run_host(53), env=env
    ) as other:
        other.process.now = lambda: world.now()
        world.move_clock(3601)
        async with asyncio.timeout(20):
            while await world.query("SELECT 1 FROM engagement.callbacks WHERE state = 'SCHEDULED' LIMIT 1"):
                await asyncio.sleep(0.05)
            while await world.query("SELECT 1 FROM engagement.outbox LIMIT 1"):
                await asyncio.sleep(0.05)
        entries = await world.entries()
    assert len(entries) == len({entry["callback_id"] for entry in entries}) == 500


LOOKS = {
    "lock_due": (datetime.now(UTC), 100),
    "next_due": (),
    "lock_expired": (datetime.now(UTC), 100),
    "stalled_callbacks": (datetime.now(UTC), 50),
    "silent_callbacks": (datetime.now(UTC), 50),
}


async def test_what_looks_again_and_again_does_not_read_what_is_not_due(world: Any) -> None:
    await world.query(SCHEDULED_ROWS, 20000)
    await world.query("VACUUM ANALYZE engagement.callbacks")
    for name, arguments in [*LOOKS.items(), ("monitor", (15.0,))]:
        query = MONITOR if name == "monitor" else QUERIES[name]
        [row] = await world.query(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", *arguments)
        [plan] = json.loads(row[0])
        assert "Seq Scan" not in row[0], name
        # The table has 500 pages and more; a look at an index has the few from its root to a leaf.
        assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] < 12, name
