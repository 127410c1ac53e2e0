"""A caller for whom a callback waits: recognised, and the callback is never dialled beside the call."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ringback.runtime.http import HttpClient, HttpFailure

from ..conftest import until

NUMBER = "+12025550123"


def client(world: Any) -> HttpClient:
    return HttpClient(world.context, "engagement", connection="ges-12")


async def waiting(world: Any, number: str = NUMBER, service: str = "") -> dict[str, Any]:
    body = {"number": number, "service": service}
    found: dict[str, Any] = await client(world).post("/internal/callbacks/demo/waiting", body)
    return found


async def take_over(world: Any, callback: str, call: str = "call-1") -> dict[str, Any]:
    path = f"/internal/callbacks/demo/{callback}/take-over"
    found: dict[str, Any] = await client(world).post(path, {"call_id": call})
    return found


@pytest.mark.parametrize("written", ["+12025550123", "2025550123", "(202) 555-0123", "12025550123"])
async def test_the_caller_is_recognised_however_the_number_is_written(world: Any, written: str) -> None:
    callback = await world.book()
    found = await waiting(world, written)
    assert (found["found"], found["id"], found["state"]) == (True, callback, "QUEUED")


async def test_others_and_the_anonymous_are_not_recognised(world: Any) -> None:
    await world.book()
    for number in ("+12025550124", "anonymous", "", "+1", "x" * 300):
        assert (await waiting(world, number))["found"] is False


async def test_of_several_the_services_own_comes_first_then_the_first_in_line(world: Any) -> None:
    await world.publish({"support": {}})
    first = await world.book(serviceName="support")
    second = await world.book()
    assert (await waiting(world))["id"] == first
    assert (await waiting(world, service="sales"))["id"] == second


async def test_the_call_gets_the_place_and_the_callback_completes_and_is_never_dialled(world: Any) -> None:
    callback = await world.book(userData={"order": 7})
    entry = await world.entry(callback)
    taken = await take_over(world, callback)
    assert taken["arrived_at"] == pytest.approx(float(entry["arrival_time"]), abs=0.001)
    assert taken["user_data"] == {"order": 7}
    seen = await world.retrieve(callback)
    assert (seen["callbackState"], seen["callbackReason"]) == ("COMPLETED", "CUSTOMER_CALLED_IN")
    assert (await world.step(callback, 1, "DIALLING"))["go_on"] is False

    async def stopped() -> bool:
        return (f"cb-{callback}-1", "callback.cancel") in world.peers.events

    await until(stopped)
    assert (await waiting(world))["found"] is False


async def test_asked_twice_for_one_call_the_answer_is_the_same_and_another_call_is_too_late(
    world: Any,
) -> None:
    callback = await world.book()
    assert await take_over(world, callback) == await take_over(world, callback)
    with pytest.raises(HttpFailure) as failure:
        await take_over(world, callback, "call-2")
    assert failure.value.status == 409


async def test_a_customer_who_is_being_dialled_is_not_offered_it(world: Any) -> None:
    callback = await world.book()
    await world.step(callback, 1, "ROUTING")
    assert (await waiting(world))["found"] is True, "an agent is reserved, nobody has been dialled"
    await world.step(callback, 2, "DIALLING")
    assert (await waiting(world))["found"] is False
    with pytest.raises(HttpFailure) as failure:
        await take_over(world, callback)
    assert (failure.value.status, failure.value.slug) == (409, "callback-dialled")
    assert (await world.retrieve(callback))["callbackState"] == "ROUTING"


async def test_a_callback_for_later_gives_no_place_before_the_call(world: Any) -> None:
    callback = await world.book(desiredTime=(datetime.now(UTC) + timedelta(days=40)).isoformat())
    taken = await take_over(world, callback)
    assert taken["arrived_at"] == pytest.approx(world.now(), abs=10)


async def test_the_caller_can_give_it_up(world: Any) -> None:
    callback = await world.book()
    await client(world).post(f"/internal/callbacks/demo/{callback}/cancel", {})
    assert (await world.retrieve(callback))["callbackReason"] == "CANCELLED"


async def test_nobody_outside_may_ask(world: Any) -> None:
    callback = await world.book()
    for path in ("waiting", f"{callback}/take-over", f"{callback}/cancel"):
        url = f"{world.base}/internal/callbacks/demo/{path}"
        async with world.context.http_session().post(url, data=b"{}") as reply:
            assert reply.status == 401
