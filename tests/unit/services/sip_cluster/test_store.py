"""What of a call is written together, and what comes again when it could not be written."""

import asyncio
from types import SimpleNamespace
from typing import Any

import msgspec

from ringback.contracts.events import CallEvent, calls_stream
from ringback.domain.calls.call import Call
from ringback.domain.calls.state import CallData
from ringback.runtime.valkey import ValkeyUnavailable
from ringback.services.sip_cluster.live import LiveCall
from ringback.services.sip_cluster.steps import Steps, dialog_key, idempotency_key


class Valkey:
    """Takes commands; a test answers."""

    connected = True

    def __init__(self) -> None:
        self.posts: list[list[tuple[Any, ...]]] = []
        self.futures: list[asyncio.Future[list[Any]]] = []

    def using(self, _connection: str) -> "Valkey":
        return self

    def post(self, commands: list[tuple[Any, ...]]) -> asyncio.Future[list[Any]]:
        self.posts.append(commands)
        self.futures.append(asyncio.get_running_loop().create_future())
        return self.futures[-1]

    def keys(self) -> list[list[Any]]:
        return [[command[1] for command in commands] for commands in self.posts]


def made() -> tuple[Steps, Valkey, LiveCall]:
    valkey = Valkey()
    ignore = SimpleNamespace(count=lambda *_, **__: None, warning=lambda *_, **__: None)
    kafka = SimpleNamespace(command=lambda *_, **__: ("XADD", "kafka"))
    context: Any = SimpleNamespace(valkey=valkey, node="n", connections=ignore, log=ignore, kafka=kafka)
    return (
        Steps(context, ttl_s=60, idempotency_ttl_s=60),
        valkey,
        LiveCall(Call(CallData("c", "u", "t", "demo"))),
    )


async def test_a_dialog_is_indexed_in_the_transaction_of_the_next_step() -> None:
    store, valkey, live = made()
    live.flushing = True
    store.index_dialog(live, "one")
    assert valkey.posts == []
    store.save(live, [], first=False, over=False)
    assert len(valkey.posts) == 1
    assert valkey.posts[0][-1][:3] == ("SET", dialog_key("demo", "one"), "c")
    assert live.unindexed == []


async def test_what_was_not_stored_goes_with_the_step_after_it() -> None:
    store, valkey, live = made()
    live.flushing = True
    store.index_dialog(live, "one")
    store.save(live, [], first=False, over=False)
    valkey.futures[0].set_exception(ValkeyUnavailable("away"))
    await asyncio.sleep(0)
    store.index_dialog(live, "two")
    store.save(live, [], first=False, over=False)
    names = [command[1] for command in valkey.posts[1]]
    assert [dialog_key("demo", "one"), dialog_key("demo", "two")] == names[-2:]
    assert len(names) == 3  # and the snapshot again


async def test_without_a_step_at_hand_a_dialog_is_indexed_at_once() -> None:
    store, valkey, live = made()
    store.index_dialog(live, "one")
    assert valkey.keys() == [[dialog_key("demo", "one")]]
    valkey.futures[0].set_exception(ValkeyUnavailable("away"))
    await asyncio.sleep(0)
    assert live.unindexed == ["one"]


async def test_a_step_that_is_not_answered_is_not_waited_for() -> None:
    store, valkey, live = made()
    store.patience_s = 0.02
    answered = store.save(live, [], first=False, over=False)
    live.stored = b""
    silent = store.save(live, [], first=False, over=False)
    assert answered is not None
    assert silent is not None
    valkey.futures[0].set_result([])
    async with asyncio.timeout(5):
        await asyncio.wait({silent})
    assert (answered.cancelled(), silent.cancelled()) == (False, True)
    live.stored = b""
    later = store.save(live, [], first=False, over=False)
    assert later is not None
    async with asyncio.timeout(5):
        await asyncio.wait({later})
    assert later.cancelled()


async def test_the_last_event_goes_to_kafka_in_the_transaction_of_its_step() -> None:
    store, valkey, live = made()
    event = CallEvent(id="EventCallDeleted", time=1.0, tenant="demo", server="n", conn_id="c", call_uuid="u")
    store.save(live, [event], first=False, over=True)
    assert len(valkey.posts) == 1
    assert [command[1] for command in valkey.posts[0] if command[0] == "XADD"] == [
        calls_stream("demo"),
        "kafka",
    ]


async def test_what_a_request_has_come_to_is_written_with_its_step_and_again_when_that_failed() -> None:
    store, valkey, live = made()
    live.requests["k"] = "done"
    live.unnoted.append("k")
    store.save(live, [], first=False, over=False)
    noted = ("SET", idempotency_key("demo", "k"), "done", "EX", 60)
    assert noted in valkey.posts[0]
    valkey.futures[0].set_exception(ValkeyUnavailable("away"))
    await asyncio.sleep(0)
    assert live.unnoted == ["k"]
    store.save(live, [], first=False, over=True)
    assert noted in valkey.posts[1]


async def test_the_record_of_a_call_goes_to_kafka_without_the_customers_data() -> None:
    store, _, _ = made()
    told: list[bytes] = []
    kafka: Any = store._ctx.kafka
    kafka.command = lambda _topic, _key, data, **_: told.append(data)
    for user_data in ({}, {"card": "4111", "_CB_SERVICE": "s"}):
        event = CallEvent(
            id="EventCallDeleted", time=1.0, tenant="demo", conn_id="c", digits="12", user_data=user_data
        )
        (command,) = store.told(event)
        assert msgspec.json.decode(command[-1], type=CallEvent) == event
    reported = [msgspec.json.decode(data, type=CallEvent) for data in told]
    assert [event.digits for event in reported] == ["", ""]
    assert [event.user_data for event in reported] == [{}, {"_CB_SERVICE": "s"}]
