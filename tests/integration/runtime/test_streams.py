import asyncio

import msgspec

from ringback.runtime.context import Context, Process
from ringback.runtime.settings import CommonSettings
from ringback.runtime.streams import StreamConsumer, StreamEntry, StreamTail, append, append_command


class Note(msgspec.Struct):
    n: int


class Heard:
    """A handler that remembers, and can fail a number of times first."""

    def __init__(self, failures: int = 0) -> None:
        self.notes: list[int] = []
        self.failures = failures
        self._news = asyncio.Event()

    async def __call__(self, entry: StreamEntry) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("not now")
        self.notes.append(entry.json(Note).n)
        self._news.set()

    async def wait_for(self, count: int) -> list[int]:
        async with asyncio.timeout(15):
            while len(self.notes) < count:
                self._news.clear()
                await self._news.wait()
        return self.notes


async def test_an_entry_is_handled_once_and_acknowledged(process: Process) -> None:
    heard = Heard()
    StreamConsumer(Context(process, "rq"), ["{t}:s"], "g", heard).start()
    for n in range(3):
        await append(process.valkey, "{t}:s", Note(n))
    assert await heard.wait_for(3) == [0, 1, 2]
    await _pending_is(process, 0)


async def test_an_entry_whose_handler_failed_comes_again(process: Process) -> None:
    heard = Heard(failures=1)
    StreamConsumer(Context(process, "rq"), ["{t}:s"], "g", heard, claim_idle_s=0.1).start()
    await append(process.valkey, "{t}:s", Note(7))
    assert await heard.wait_for(1) == [7]
    await _pending_is(process, 0)


async def test_the_entries_of_a_dead_consumer_are_claimed_by_a_living_one(process: Process) -> None:
    await append(process.valkey, "{t}:s", Note(1))
    await process.valkey.call("XGROUP", "CREATE", "{t}:s", "g", "0")
    await process.valkey.call("XREADGROUP", "GROUP", "g", "dead", "STREAMS", "{t}:s", ">")
    heard = Heard()
    StreamConsumer(Context(process, "rq"), ["{t}:s"], "g", heard, claim_idle_s=0.1).start()
    assert await heard.wait_for(1) == [1]
    await _pending_is(process, 0)


async def test_a_restarted_consumer_meets_what_it_had_not_acknowledged(valkey_url: str) -> None:
    common = CommonSettings(valkey_url=valkey_url, node="same-name")
    first = Process(common, env={})
    await first.start(needs_postgres=False)
    await append(first.valkey, "{t}:s", Note(5))
    await first.valkey.call("XGROUP", "CREATE", "{t}:s", "g", "0")
    await first.valkey.call("XREADGROUP", "GROUP", "g", "same-name", "STREAMS", "{t}:s", ">")
    await first.stop()
    second = Process(common, env={})
    await second.start(needs_postgres=False)
    heard = Heard()
    StreamConsumer(Context(second, "rq"), ["{t}:s"], "g", heard, claim_idle_s=60).start()
    assert await heard.wait_for(1) == [5]
    await second.stop()


async def test_a_tail_sees_what_comes_after_it_began(process: Process) -> None:
    await append(process.valkey, "{t}:s", Note(1))
    heard = Heard()
    StreamTail(Context(process, "rq"), ["{t}:s"], heard, from_id="0").start()
    await append(process.valkey, "{t}:s", Note(2))
    assert await heard.wait_for(2) == [1, 2]


async def test_entries_of_one_transaction_are_handled_together(process: Process) -> None:
    batches: list[list[int]] = []
    heard = Heard()

    async def together(entries: list[StreamEntry]) -> None:
        batches.append([entry.json(Note).n for entry in entries])
        await heard(entries[-1])

    StreamConsumer(Context(process, "rq"), ["{t}:s"], "g", heard, together=together).start()
    await append(process.valkey, "{t}:s", Note(1))
    await heard.wait_for(1)
    await process.valkey.post([append_command("{t}:s", Note(n)) for n in (2, 3, 4)])
    assert await heard.wait_for(2) == [1, 4]
    assert batches == [[2, 3, 4]]
    await _pending_is(process, 0)


async def test_entries_that_fail_together_are_handled_each_alone(process: Process) -> None:
    heard = Heard()

    async def together(_entries: list[StreamEntry]) -> None:
        raise ValueError("not these")

    consumer = StreamConsumer(Context(process, "rq"), ["{t}:s"], "g", heard, together=together, gather_s=0.01)
    await process.valkey.post([append_command("{t}:s", Note(n)) for n in (1, 2)])
    consumer.start()
    assert await heard.wait_for(2) == [1, 2]
    await _pending_is(process, 0)


async def test_acknowledgements_gather_and_leave_when_the_reader_stops(process: Process) -> None:
    heard, context = Heard(), Context(process, "rq")
    StreamConsumer(context, ["{t}:s"], "g", heard, acknowledge_s=0.01).start()
    await append(process.valkey, "{t}:s", Note(1))
    assert await heard.wait_for(1) == [1]
    await _pending_is(process, 0)
    await context.cancel_tasks()
    StreamConsumer(context, ["{t}:s"], "g", heard, acknowledge_s=60.0).start()
    for n in (2, 3):
        await append(process.valkey, "{t}:s", Note(n))
        await heard.wait_for(n)
    await _pending_is(process, 2)
    await context.cancel_tasks()
    await _pending_is(process, 0)


async def test_what_is_handled_is_acknowledged_with_the_next_read_or_when_the_consumer_stops(
    process: Process, valkey_url: str
) -> None:
    stopping = Process(CommonSettings(valkey_url=valkey_url, node="stopping"), env={})
    await stopping.start(needs_postgres=False)
    heard = Heard()
    StreamConsumer(Context(stopping, "rq"), ["{t}:s"], "g", heard, gather_s=60.0).start()
    await append(process.valkey, "{t}:s", Note(1))
    assert await heard.wait_for(1) == [1]
    await _pending_is(process, 1)
    await stopping.stop()
    await _pending_is(process, 0)


async def _pending_is(process: Process, count: int) -> None:
    async with asyncio.timeout(20):
        while (await process.valkey.call("XPENDING", "{t}:s", "g"))[0] != count:
            await asyncio.sleep(0.01)


async def test_a_tail_that_nobody_wants_reads_nothing_and_hears_from_its_waking_on(process: Process) -> None:
    heard: asyncio.Queue[StreamEntry] = asyncio.Queue()
    listening: list[str] = []
    tail = StreamTail(Context(process, "rq"), ["{t}:w"], heard.put, wanted=lambda: bool(listening))
    tail.start()
    await append(process.valkey, "{t}:w", b'"nobody listens"')
    listening.append("somebody")
    await tail.wake()
    await append(process.valkey, "{t}:w", b'"first"')
    assert (await asyncio.wait_for(heard.get(), 20)).fields["e"] == b'"first"'
    listening.clear()
    await append(process.valkey, "{t}:w", b'"the last that is read"')
    assert (await asyncio.wait_for(heard.get(), 20)).fields["e"] == b'"the last that is read"'
    await append(process.valkey, "{t}:w", b'"between"')
    listening.append("somebody else")
    await tail.wake()
    await append(process.valkey, "{t}:w", b'"second"')
    assert (await asyncio.wait_for(heard.get(), 20)).fields["e"] == b'"second"'
    assert heard.empty()
