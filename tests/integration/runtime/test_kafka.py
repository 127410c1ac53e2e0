import asyncio

import msgspec

from ringback.runtime.context import Context, Process
from ringback.runtime.kafka import OUTBOX, KafkaMessage
from ringback.testing.servers import KafkaForTests


class Event(msgspec.Struct):
    id: str


async def test_a_published_event_reaches_a_consumer_and_leaves_the_outbox(
    reporting: Process, topic_prefix: str
) -> None:
    seen: asyncio.Queue[KafkaMessage] = asyncio.Queue()
    await reporting.kafka.publish(
        topic_prefix + "calls", "demo:1", Event("EventRinging"), connection="voice-56"
    )
    Context(reporting, "call_state").consume_kafka(
        [topic_prefix + "calls"], topic_prefix + "g", seen.put, connection="voice-55"
    )
    message = await asyncio.wait_for(seen.get(), 30)
    assert (message.key, msgspec.json.decode(message.value, type=Event).id) == ("demo:1", "EventRinging")
    async with asyncio.timeout(10):
        while await reporting.valkey.call("XLEN", OUTBOX):
            await asyncio.sleep(0.02)


async def test_an_event_published_while_the_broker_is_away_arrives_when_it_is_back(
    reporting: Process, kafka: KafkaForTests, topic_prefix: str
) -> None:
    await kafka.server.stop()
    await reporting.kafka.publish(topic_prefix + "late", "k", Event("EventAbandoned"), connection="voice-56")
    assert await reporting.valkey.call("XLEN", OUTBOX) == 1
    await kafka.server.start()
    async with asyncio.timeout(30):
        while await reporting.valkey.call("XLEN", OUTBOX):
            await asyncio.sleep(0.05)
