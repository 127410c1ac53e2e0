"""Call state reads the stream, answers questions, reports to Kafka and ends what was forgotten."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest

from ringback.contracts.calls import call_key
from ringback.contracts.events import TOPIC_CALLS, CallEvent, calls_stream
from ringback.contracts.views import CallView
from ringback.runtime.http import HttpClient, HttpFailure
from ringback.runtime.kafka import KafkaMessage
from ringback.runtime.streams import append, parse_entries
from ringback.services.call_state.service import CallStateService
from ringback.services.call_state.store import record_key, thread_key
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import KafkaForTests, private_host

HOST = private_host()


def event(name: str, sequence: int, conn_id: str = "00000000000000aa", **more: object) -> CallEvent:
    facts: dict[str, object] = {"call_uuid": "U", "call_thread_id": "T", **more}
    return CallEvent(
        id=name, time=100.0 + sequence, tenant="demo", conn_id=conn_id, sequence=sequence, **facts
    )  # type: ignore[arg-type]


class World:
    def __init__(self, harness: ServiceHarness) -> None:
        self.harness = harness
        self.client = HttpClient(harness.context("engagement"), "call_state")

    async def say(self, *events: CallEvent) -> None:
        for one in events:
            await append(self.harness.process.valkey, calls_stream("demo"), one)

    async def calls(self) -> list[CallView]:
        return await self.client.get("/calls/demo", list[CallView])

    async def until(self, done: Callable[[list[CallView]], bool]) -> list[CallView]:
        async with asyncio.timeout(20):
            while not done(views := await self.calls()):
                await asyncio.sleep(0.01)
        return views

    async def deleted(self) -> list[CallEvent]:
        rows = await self.harness.process.valkey.call("XRANGE", calls_stream("demo"), "-", "+")
        events = [entry.json(CallEvent) for entry in parse_entries("calls", rows)]
        return [one for one in events if one.id == "EventCallDeleted"]

    @property
    def sweep(self) -> Callable[[], Awaitable[int]]:
        service = self.harness["call_state"]
        assert isinstance(service, CallStateService)
        return service.events.sweep


@pytest.fixture
async def world(valkey_url: str) -> AsyncIterator[World]:
    env = {"RINGBACK_CALL_STATE_SWEEP_S": "3600"}
    async with ServiceHarness("call_state", valkey_url=valkey_url, host=HOST, env=env) as harness:
        yield World(harness)


async def test_a_live_call_is_shown_until_it_is_over(world: World) -> None:
    await world.say(event("EventCallCreated", 1), event("EventRouteRequest", 2, this_dn="8000", ani="+1"))
    (view,) = await world.until(lambda views: [view.state for view in views] == ["RouteRequest"])
    assert (view.queue, view.ani, view.thread_id) == ("8000", "+1", "T")
    await world.say(event("EventCallDeleted", 3))
    await world.until(lambda views: not views)


async def test_an_event_that_comes_after_the_end_does_not_bring_the_call_back(world: World) -> None:
    await world.say(event("EventCallCreated", 1), event("EventCallDeleted", 3), event("EventRinging", 2))
    await world.say(event("EventCallCreated", 1, "00000000000000bb"))
    (view,) = await world.until(lambda views: any(v.conn_id.endswith("bb") for v in views))
    assert view.conn_id == "00000000000000bb"


async def test_the_calls_of_one_thread_are_found_together(world: World) -> None:
    await world.say(event("EventCallCreated", 1), event("EventCallCreated", 2, "00000000000000bb"))
    await world.say(event("EventCallCreated", 1, "00000000000000cc", call_thread_id="other"))
    await world.until(lambda views: len(views) == 3)
    thread = await world.client.get("/threads/demo/T", list[CallView])
    assert [view.conn_id[-2:] for view in thread] == ["aa", "bb"]


async def test_a_call_is_kept_for_a_day_and_leaves_its_thread_when_it_is_over(world: World) -> None:
    valkey = world.harness.process.valkey
    key, threads = record_key("demo", "00000000000000aa"), [thread_key("demo", name) for name in "TV"]
    for number, (name, thread) in enumerate([("CallCreated", "T"), ("RouteRequest", "T"), ("Held", "V")], 1):
        await world.say(event(f"Event{name}", number, call_thread_id=thread))
        await world.until(lambda views, name=name: [view.state for view in views][:1] == [name])
    assert [await valkey.call("SCARD", thread) for thread in threads] == [1, 1]
    for kept in (key, *threads):
        assert 86_400 < await valkey.call("TTL", kept) <= 90_000
    await world.say(event("EventCallDeleted", 9, call_thread_id="V"))
    await world.until(lambda views: not views)
    assert await valkey.call("SCARD", threads[1]) == 0
    assert 0 < await valkey.call("TTL", key) < 86_400


async def test_a_call_that_nobody_keeps_is_ended_once(world: World) -> None:
    await world.say(event("EventCallCreated", 1), event("EventRouteRequest", 2, this_dn="8000"))
    await world.until(lambda views: len(views) == 1)
    assert await world.sweep() == 1
    assert await world.sweep() == 0
    await world.until(lambda views: not views)
    (ended,) = await world.deleted()
    assert (ended.reason, ended.result_class, ended.sequence) == ("stale", "indeterminate", 3)


async def test_a_silent_call_that_a_node_keeps_is_left_alone(world: World) -> None:
    await world.say(event("EventCallCreated", 1))
    await world.until(lambda views: len(views) == 1)
    await world.harness.process.valkey.call("SET", call_key("demo", "00000000000000aa"), "{}")
    assert await world.sweep() == 0
    assert await world.deleted() == []


async def test_a_call_that_is_not_known_is_404(world: World) -> None:
    with pytest.raises(HttpFailure) as refused:
        await world.client.get("/calls/demo/0000000000000000")
    assert refused.value.status == 404


async def test_every_event_goes_to_kafka_under_the_key_of_its_thread(
    valkey_url: str, kafka: KafkaForTests, topic_prefix: str
) -> None:
    seen: asyncio.Queue[KafkaMessage] = asyncio.Queue()
    async with ServiceHarness(
        "call_state", valkey_url=valkey_url, host=HOST, kafka_bootstrap=kafka.bootstrap
    ) as harness:
        conn_id = f"{abs(hash(topic_prefix)) % 2**63:016x}"
        harness.context().consume_kafka([TOPIC_CALLS], topic_prefix + "g", seen.put, connection="voice-56")
        await World(harness).say(event("EventCallCreated", 1, conn_id), event("EventCallDeleted", 2, conn_id))
        found: list[KafkaMessage] = []
        async with asyncio.timeout(30):
            while len(found) < 2:
                message = await seen.get()
                if msgspec.json.decode(message.value)["ConnID"] == conn_id:
                    found.append(message)
        assert [msgspec.json.decode(message.value)["id"] for message in found] == [
            "EventCallCreated",
            "EventCallDeleted",
        ]
        assert {message.key for message in found} == {"demo:T"}
