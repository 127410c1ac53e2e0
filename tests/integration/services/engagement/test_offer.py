"""Callbacks that callers in line are promised by an application."""

from datetime import datetime
from typing import Any

import msgspec
import pytest

from ringback.contracts.callbacks import BookCallback, CallbackBooked
from ringback.runtime.http import HttpClient, HttpFailure


async def promise(world: Any, **fields: Any) -> str:
    wanted = {"key": "ixn-1:4", "service": "sales", "number": "+12025550123", "arrived_at": world.now() - 240}
    client = HttpClient(world.context, "engagement")
    asked = BookCallback(**{**wanted, **fields})
    return (await client.post("/internal/callbacks/demo", asked, CallbackBooked)).id


async def test_the_callback_stands_at_the_place_of_the_call(world: Any) -> None:
    arrived = world.now() - 240
    callback = await promise(world, arrived_at=arrived, user_data={"segment": "gold"})
    entry = await world.entry(callback)
    assert float(entry["arrival_time"]) == pytest.approx(arrived, abs=0.001)
    assert (entry["number"], entry["attempt"]) == ("+12025550123", "1")
    assert entry["user_data"] == '{"segment":"gold"}'


async def test_who_wants_to_be_called_at_a_time_stands_in_line_from_then_on(world: Any) -> None:
    at = world.now() + 7200
    callback = await promise(world, arrived_at=at, desired_at=at)
    assert await promise(world, arrived_at=at, desired_at=at) == callback
    seen = await world.retrieve(callback)
    assert seen["callbackState"] == "SCHEDULED"
    assert datetime.fromisoformat(seen["desiredTime"]).timestamp() == pytest.approx(at, abs=0.01)
    with pytest.raises(HttpFailure, match="past"):
        await promise(world, key="other", desired_at=world.now() - 86_400)


async def test_one_that_an_agent_has_promised_is_kept_for_that_agent_for_a_while(world: Any) -> None:
    at = world.now() + 600
    callback = await promise(world, arrived_at=at, desired_at=at, agent="kim", agent_s=900.0)
    world.move_clock(601)
    dial = msgspec.json.decode((await world.entry(callback))["dial"])
    assert (dial["preferredagent"], dial["preferredtimeout"]) == ("kim", 900.0)
    await world.step(callback, 1, "QUEUED")
    [row] = await world.query("SELECT line FROM engagement.steps")
    assert row["line"] == "", "who is served meanwhile has not overtaken it"


async def test_nobody_is_dialled_while_the_caller_is_still_on_the_line(world: Any) -> None:
    arrived = world.now() - 240
    callback = await promise(world, arrived_at=arrived, not_before=world.now() + 6)
    assert (await world.retrieve(callback))["callbackState"] == "SCHEDULED"
    world.move_clock(7)
    entry = await world.entry(callback)
    assert float(entry["arrival_time"]) == pytest.approx(arrived, abs=0.001)


async def test_the_same_key_promises_once(world: Any) -> None:
    assert await promise(world) == await promise(world)
    assert len(await world.query("SELECT id FROM engagement.callbacks")) == 1


@pytest.mark.parametrize(
    ("fields", "slug"), [({"service": "none"}, "unknown-service"), ({"number": "x"}, "")]
)
async def test_what_cannot_be_promised_is_refused(world: Any, fields: dict[str, str], slug: str) -> None:
    with pytest.raises(HttpFailure) as caught:
        await promise(world, **fields)
    assert caught.value.status == 400
    assert slug in caught.value.slug
