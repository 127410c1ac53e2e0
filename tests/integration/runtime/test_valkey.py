import asyncio
import contextlib

import pytest
from prometheus_client import generate_latest

from ringback.runtime.context import Process
from ringback.runtime.valkey import Script, Valkey, ValkeyError, ValkeyUnavailable
from ringback.testing.servers import ValkeyForTests


async def test_replies_come_back_in_the_order_of_their_commands(process: Process) -> None:
    await process.valkey.call("SET", "{t}:n", 0)
    replies = await asyncio.gather(*(process.valkey.call("INCR", "{t}:n") for _ in range(1000)))
    assert replies == list(range(1, 1001))


async def test_an_error_fails_its_own_command_only(process: Process) -> None:
    await process.valkey.call("SET", "k", "text")
    wrong, right = await asyncio.gather(
        process.valkey.call("LPUSH", "k", "1"), process.valkey.call("GET", "k"), return_exceptions=True
    )
    assert isinstance(wrong, ValkeyError)
    assert right == b"text"


async def test_commands_that_are_posted_leave_at_once_and_their_replies_come_together(
    process: Process,
) -> None:
    replies = process.valkey.post([("SET", "k", "1"), ("INCR", "k"), ("GET", "k")])
    assert await process.valkey.call("GET", "k") == b"2"
    assert replies.done()
    assert replies.result() == [b"OK", 2, b"2"]
    assert await process.valkey.post([]) == []


async def test_the_first_error_of_posted_commands_is_raised_after_all_were_carried_out(
    process: Process,
) -> None:
    await process.valkey.call("SET", "k", "text")
    with pytest.raises(ValkeyError, match="WRONGTYPE"):
        await process.valkey.post([("LPUSH", "k", "1"), ("SET", "after", "1")])
    assert await process.valkey.call("GET", "after") == b"1"


async def test_posted_commands_of_which_one_is_unknown_are_not_carried_out(process: Process) -> None:
    with pytest.raises(ValkeyError, match="NOSUCH"):
        await process.valkey.post([("SET", "k", "1"), ("NOSUCH",)])
    assert await process.valkey.call("GET", "k") is None
    with pytest.raises(ValkeyError, match="NOSUCH"):
        await process.valkey.post([("NOSUCH",)])
    assert await process.valkey.post([("SET", "k", "2")]) == [b"OK"]


async def test_a_command_that_is_told_is_carried_out_without_an_answer(process: Process) -> None:
    process.valkey.tell("SET", "k", "told")
    process.valkey.tell("NOSUCH")
    assert await process.valkey.call("GET", "k") == b"told"


async def test_who_asks_is_called_with_the_reply_or_the_error_and_disturbs_no_other(
    process: Process, valkey: ValkeyForTests, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[object] = []

    def fails(reply: object) -> None:
        raise RuntimeError(f"of {reply!r}")

    process.valkey.ask(fails, "SET", "k", "1")
    process.valkey.ask(told.append, "NOSUCH")
    process.valkey.ask(told.append, "GET", "k")
    assert await process.valkey.call("GET", "k") == b"1"
    assert isinstance(told[0], ValkeyError) and told[1:] == [b"1"]
    assert "a reply could not be taken" in caplog.text
    lost = asyncio.Event()
    await valkey.server.kill()
    with contextlib.suppress(ValkeyUnavailable):
        process.valkey.ask(lambda reply: isinstance(reply, ValkeyUnavailable) and lost.set(), "GET", "k")
        await asyncio.wait_for(lost.wait(), 10)
    with pytest.raises(ValkeyUnavailable):
        process.valkey.ask(told.append, "GET", "k")
    await valkey.server.start()
    async with asyncio.timeout(10):
        while not process.valkey.connected:
            await asyncio.sleep(0.02)


async def test_posted_commands_that_nobody_waits_for_any_more_disturb_no_other(process: Process) -> None:
    process.valkey.post([("SET", "k", "1"), ("GET", "k")]).cancel()
    assert await process.valkey.call("GET", "k") == b"1"


async def test_posted_commands_fail_when_the_server_goes_away(
    process: Process, valkey: ValkeyForTests
) -> None:
    await valkey.server.kill()
    with pytest.raises(ValkeyUnavailable):
        await process.valkey.post([("SET", "k", "1"), ("GET", "k")])
    with pytest.raises(ValkeyUnavailable):
        process.valkey.post([("GET", "k")])
    await valkey.server.start()
    async with asyncio.timeout(10):
        while not process.valkey.connected:
            await asyncio.sleep(0.02)


async def test_a_script_runs_on_a_server_that_has_never_seen_it(process: Process) -> None:
    script = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    assert await process.valkey.script(script, ["k"], [5]) == 5
    assert await process.valkey.script(script, ["k"], [5]) == 10


async def test_commands_of_a_view_are_counted_for_its_connection(process: Process) -> None:
    view = process.valkey.using("voice-40")
    await view.call("SET", "k", "1")
    await view.call("GET", "k")
    await process.connections.flush(process.valkey)
    assert await process.valkey.call("HGET", "ringback:connections", "voice-40:sent") == b"2"


async def test_what_was_counted_is_flushed_once_and_shown_since_the_process_began(process: Process) -> None:
    for _ in range(2):
        process.connections.count("voice-51", sent=2, received=1)
        await process.connections.flush(process.valkey)
    await process.connections.flush(process.valkey)
    assert await process.valkey.call("HGET", "ringback:connections", "voice-51:sent") == b"4"
    shown = generate_latest(process.connections.registry).decode()
    assert 'messages_total{connection="voice-51",direction="received"} 2.0' in shown


async def test_a_server_that_was_away_is_used_again_when_it_is_back(
    process: Process, valkey: ValkeyForTests
) -> None:
    await process.valkey.call("SET", "kept", "1")
    await valkey.server.kill()
    with pytest.raises(ValkeyUnavailable):
        await process.valkey.call("GET", "kept")
    await valkey.server.start()
    async with asyncio.timeout(10):
        while not process.valkey.connected:
            await asyncio.sleep(0.02)
    assert await process.valkey.call("GET", "kept") == b"1"


async def test_nobody_at_the_address_is_said_within_the_time_given() -> None:
    with pytest.raises(ValkeyUnavailable, match=r"127\.0\.0\.1"):
        await Valkey("redis://127.0.0.1:1").start(timeout=0.3)


async def test_a_connection_can_be_given_up_in_the_moment_in_which_it_breaks(
    process: Process, valkey: ValkeyForTests
) -> None:
    blocking = await process.valkey.dedicated("b")

    async def read() -> None:
        try:
            await blocking.call("BLPOP", "never", 0)
        except ValkeyUnavailable:
            await process.valkey.release(blocking)

    reading = asyncio.create_task(read())
    await process.valkey.call("PING")
    await valkey.server.stop()
    await valkey.server.start()
    done, _ = await asyncio.wait({reading}, timeout=20)
    assert done
