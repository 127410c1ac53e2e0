"""What is reported of callbacks, and what must never happen to them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from prometheus_client import generate_latest

from ringback.contracts.callbacks import CallbackEvent
from ringback.contracts.events import TOPIC_CALLBACKS
from ringback.runtime.kafka import OUTBOX
from ringback.services.engagement.service import EngagementService

from .conftest import World, until


def engagement(world: World) -> EngagementService:
    service = world.harness["engagement"]
    assert isinstance(service, EngagementService)
    return service


async def events(world: World, callback: str) -> list[dict[str, Any]]:
    """The user data of the user events of a callback, as they wait for the broker."""
    rows = await world.harness.process.valkey.call("XRANGE", OUTBOX, "-", "+")
    found = []
    for _, row in rows:
        fields = dict(zip(row[::2], row[1::2], strict=True))
        if fields[b"topic"].decode() == TOPIC_CALLBACKS:
            event = msgspec.json.decode(fields[b"value"], type=CallbackEvent)
            if event.user_data["_CB_SERVICE_ID"] == callback:
                assert event.id == "EventUserEvent" and event.tenant == "demo"
                found.append(event.user_data)
    return found


async def attempt(world: World, callback: str, number: int, *steps: dict[str, Any]) -> None:
    await world.entry(callback, number)
    for step, fields in enumerate(steps, 1):
        state = fields.pop("state")
        await world.step(callback, step, state, attempt=number, **fields)


async def test_two_user_events_tell_the_story_of_a_callback(world: World) -> None:
    world.harness.process.kafka.enabled = True
    callback = await world.book(userData={"secret": "4711"}, channel="web")
    await attempt(
        world,
        callback,
        1,
        {"state": "QUEUED"},
        {"state": "QUEUED", "position": 3, "ewt": 42.0},
        {"state": "ROUTING", "agent_id": "ann"},
        {"state": "DIALLING", "agent_id": "ann"},
        {"state": "FAILED", "dial_result": "BUSY"},
    )
    start = await until(lambda: events(world, callback))
    assert [event["_CB_FINAL_RECORD"] for event in start] == [0]
    world.move_clock(61)
    await attempt(
        world,
        callback,
        2,
        {"state": "QUEUED"},
        {"state": "ROUTING", "agent_id": "bob"},
        {"state": "DIALLING", "agent_id": "bob"},
        {"state": "CUSTOMER", "agent_id": "bob"},
        {"state": "PROCESSING", "agent_id": "bob"},
        {"state": "COMPLETED", "reason": "AGENT_CONNECTED"},
    )

    async def both() -> list[dict[str, Any]] | None:
        found = await events(world, callback)
        return found if len(found) == 2 else None

    start_event, end = await until(both)
    assert (end["_CB_FINAL_RECORD"], end["_CB_DISPOSITION"]) == (1, "AGENT_CONNECTED")
    assert (end["_CB_DIAL_1_RESULT"], end["_CB_DIAL_2_RESULT"]) == ("BUSY", "CONNECTED")
    assert 60 <= end["_CB_D_TOTAL_WAIT"] <= 70
    assert (start_event["_CB_DIM_CHANNEL"], end["_CB_DIM_CHANNEL"]) == ("web", "web")
    assert "4711" not in str([start_event, end]) and "+1202" not in str([start_event, end])


async def test_one_that_never_began_has_both_events_at_its_end(world: World) -> None:
    world.harness.process.kafka.enabled = True
    desired = (datetime.now(UTC) + timedelta(hours=3)).isoformat()
    callback = await world.book(desiredTime=desired)
    await world.cancel(callback)

    async def both() -> list[dict[str, Any]] | None:
        found = await events(world, callback)
        return found if len(found) == 2 else None

    found = await until(both)
    assert [event["_CB_FINAL_RECORD"] for event in found] == [0, 1]
    assert found[1]["_CB_DISPOSITION"] == "CANCELLED"


async def test_a_broken_invariant_is_counted_and_a_usual_day_is_not(world: World) -> None:
    auditor = engagement(world).auditor
    await auditor.judge(0.0)
    callback = await world.book()
    await attempt(
        world,
        callback,
        1,
        {"state": "QUEUED"},
        {"state": "ROUTING", "agent_id": "ann"},
        {"state": "DIALLING", "agent_id": "ann"},
        {"state": "FAILED", "dial_result": "NO_ANSWER"},
    )
    assert await auditor.judge(0.0) == 4
    metrics = generate_latest(engagement(world).ctx.metrics).decode()
    name = "ringback_callback_invariant_violations_total"
    values = [line for line in metrics.splitlines() if line.startswith(name + "{")]
    assert len(values) == 5 and all(line.endswith(" 0.0") for line in values)

    other = await world.book(phoneNumber="+12025550124")
    await attempt(world, other, 1, {"state": "QUEUED"}, {"state": "DIALLING"})
    await auditor.judge(0.0)
    metrics = generate_latest(engagement(world).ctx.metrics).decode()
    assert f'{name}{{invariant="dial_without_agent"}} 1.0' in metrics
