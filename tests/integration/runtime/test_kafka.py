import asyncio

import msgspec

from ringback.runtime.context import Context, Process
from ringback.runtime.counters import read_totals
from ringback.runtime.kafka import KafkaMessage
from ringback.runtime.outbox import OUTBOX, TOGETHER, Report, entries_of, keep_within, reports_of
from ringback.runtime.settings import CommonSettings
from ringback.runtime.streams import parse_entries
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


async def test_an_event_that_is_reported_reaches_a_consumer(reporting: Process, topic_prefix: str) -> None:
    seen: asyncio.Queue[KafkaMessage] = asyncio.Queue()
    lost: list[BaseException] = []
    topic = topic_prefix + "reports"
    for name in ("EventReleased", "EventAbandoned"):
        reporting.kafka.report(topic, "k", Event(name), connection="voice-50", failed=lost.append)
    Context(reporting, "call_state").consume_kafka(
        [topic], topic_prefix + "r", seen.put, connection="voice-55"
    )
    for name in ("EventReleased", "EventAbandoned"):
        message = await asyncio.wait_for(seen.get(), 30)
        assert msgspec.json.decode(message.value, type=Event).id == name
    assert not lost


async def test_reports_that_gather_are_one_entry_in_order_and_stored_by_the_end(process: Process) -> None:
    process.kafka.enabled = True  # without a relay, which would take them away again
    lost: list[BaseException] = []

    def report(name: str) -> None:
        process.kafka.report("t", "k", Event(name), connection="voice-60", failed=lost.append, gather=True)

    report("one")
    report("two")
    async with asyncio.timeout(20):
        while not (rows := await process.valkey.call("XRANGE", OUTBOX, "-", "+")):
            await asyncio.sleep(0.01)
    (entry,) = parse_entries(OUTBOX, rows)
    names = [msgspec.json.decode(each.value, type=Event).id for each in reports_of(entry)]
    assert (names, lost) == (["one", "two"], [])
    report("three")
    await process.kafka.stop()
    assert await process.valkey.call("XLEN", OUTBOX) == 2


async def test_what_is_published_together_reaches_a_consumer_in_order_and_is_counted_each(
    reporting: Process, topic_prefix: str
) -> None:
    topic, seen = topic_prefix + "many", asyncio.Queue[KafkaMessage]()
    names = [f"Event{number}" for number in range(2 * TOGETHER + 1)]
    await reporting.kafka.publish_all(topic, [("k", Event(name)) for name in names], connection="voice-56")
    assert await reporting.valkey.call("XLEN", OUTBOX) == 3
    Context(reporting, "call_state").consume_kafka(
        [topic], topic_prefix + "m", seen.put, connection="voice-55"
    )
    async with asyncio.timeout(30):
        told = [msgspec.json.decode((await seen.get()).value, type=Event).id for _ in names]
        while await reporting.valkey.call("XLEN", OUTBOX):
            await asyncio.sleep(0.02)
    assert told == names
    assert (await counted(reporting))["voice-56"] == len(names)


async def test_the_memory_of_reports_is_bounded_however_many_an_entry_holds_and_the_oldest_go(
    process: Process,
) -> None:
    valkey, most = process.valkey, 100_000
    many = [Report("t", "k", b"%06d" % number + bytes(94), "voice-50") for number in range(60 * TOGETHER)]
    await valkey.call("DEL", OUTBOX)
    await valkey.post(entries_of(many))
    assert await valkey.call("XLEN", OUTBOX) < 70, "most entries hold many"
    assert await valkey.call("MEMORY", "USAGE", OUTBOX) > 3 * most
    assert await keep_within(valkey, most) > 0
    assert await keep_within(valkey, 2 * most) == 0, "what fits stays"
    assert most / 2 < await valkey.call("MEMORY", "USAGE", OUTBOX) < 2 * most
    kept = [
        report
        for entry in parse_entries(OUTBOX, await valkey.call("XRANGE", OUTBOX, "-", "+"))
        for report in reports_of(entry)
    ]
    assert kept == many[-len(kept) :]


async def test_while_the_broker_is_away_the_relay_keeps_the_backlog_within_its_bound(
    valkey_url: str, kafka: KafkaForTests
) -> None:
    common = CommonSettings(
        valkey_url=valkey_url, kafka_bootstrap=kafka.bootstrap, node="n1", kafka_backlog_bytes=20_000
    )
    running = Process(common, env={})
    await kafka.server.stop()
    await running.start(needs_postgres=False)
    try:
        events = [("k", bytes(100))] * 30 * TOGETHER
        await running.kafka.publish_all("late", events, connection="voice-56")
        async with asyncio.timeout(30):
            while await running.valkey.call("MEMORY", "USAGE", OUTBOX) > 40_000:
                await asyncio.sleep(0.05)
        assert 0 < await running.valkey.call("XLEN", OUTBOX) < 30
    finally:
        await running.stop()
        await kafka.server.start()


async def counted(process: Process) -> dict[str, int]:
    """Messages by connection, of this process and of those before it."""
    await process.connections.flush(process.valkey)
    return await read_totals(process.valkey)


async def test_an_entry_that_cannot_be_read_stays_and_keeps_nobody_back(
    reporting: Process, topic_prefix: str
) -> None:
    odd = [("reports", b"\xc1"), ("later", "form"), ("topic", "alone")]
    kept = [str(await reporting.valkey.call("XADD", OUTBOX, "*", *fields), "ascii") for fields in odd]
    topic, seen = topic_prefix + "odd", asyncio.Queue[KafkaMessage]()
    await reporting.kafka.publish(topic, "k", Event("EventReleased"), connection="voice-56")
    Context(reporting, "call_state").consume_kafka(
        [topic], topic_prefix + "o", seen.put, connection="voice-55"
    )
    assert (await asyncio.wait_for(seen.get(), 30)).key == "k"
    async with asyncio.timeout(10):
        while await reporting.valkey.call("XLEN", OUTBOX) > len(odd):
            await asyncio.sleep(0.02)
    rows = await reporting.valkey.call("XRANGE", OUTBOX, "-", "+")
    assert [entry.id for entry in parse_entries(OUTBOX, rows)] == kept
    await reporting.valkey.call("XTRIM", OUTBOX, "MAXLEN", 0)


async def test_whoever_reports_is_told_when_the_event_cannot_be_stored(reporting: Process) -> None:
    lost: asyncio.Queue[BaseException] = asyncio.Queue()
    await reporting.valkey.call("DEL", OUTBOX)
    await reporting.valkey.call("SET", OUTBOX, "no stream")
    reporting.kafka.report("t", "k", Event("EventReleased"), connection="voice-50", failed=lost.put_nowait)
    error = await asyncio.wait_for(lost.get(), 20)
    assert "WRONGTYPE" in str(error)
    await reporting.valkey.call("DEL", OUTBOX)


async def test_a_process_that_stands_back_relays_only_where_nobody_else_does(process: Process) -> None:
    kafka, valkey = process.kafka, process.valkey
    assert await kafka._its_turn()
    kafka.stands_back = True
    await valkey.call("SET", kafka._lease.key, "another")
    assert [await kafka._its_turn() for _ in range(4)] == [False] * 4
    await valkey.call("DEL", kafka._lease.key)
    assert [await kafka._its_turn() for _ in range(2)] == [False, False]
    await valkey.call("SET", kafka._lease.key, "another")
    assert not await kafka._its_turn()
    await valkey.call("DEL", kafka._lease.key)
    assert [await kafka._its_turn() for _ in range(4)] == [False, False, True, True]
