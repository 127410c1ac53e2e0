import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from ringback.runtime import link
from ringback.runtime.context import Context, Process
from ringback.runtime.link import MAX_LINE, LinkClient, LinkError, LinkServer, LinkSession, LinkUnavailable


@pytest.fixture
def ctx(process: Process) -> Context:
    return Context(process, "rq")


@pytest.fixture
async def server(ctx: Context) -> AsyncIterator[LinkServer]:
    async def echo(_session: LinkSession, params: dict[str, Any]) -> Any:
        return params

    async def refuse(_session: LinkSession, _params: dict[str, Any]) -> Any:
        raise LinkError(17, "no such queue")

    async def subscribe(session: LinkSession, _params: dict[str, Any]) -> Any:
        for n in range(3):
            session.notify("news", {"n": n})
        return {}

    running = LinkServer(ctx, "link")
    running.method("echo", echo)
    running.method("refuse", refuse)
    running.method("subscribe", subscribe)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def client(ctx: Context, server: LinkServer) -> LinkClient:
    connecting = LinkClient(ctx, "rq", "link", connection="voice-30", address=server.address)
    await connecting.start()
    await connecting.wait_connected()
    return connecting


async def test_calls_under_way_at_once_get_their_own_answers(client: LinkClient) -> None:
    answers = await asyncio.gather(*(client.call("echo", {"n": n}) for n in range(200)))
    assert [answer["n"] for answer in answers] == list(range(200))


async def test_a_refusal_reaches_the_caller_with_its_code(client: LinkClient) -> None:
    with pytest.raises(LinkError, match="no such queue") as caught:
        await client.call("refuse", {})
    assert caught.value.code == 17


async def test_a_notification_that_is_refused_is_not_answered(server: LinkServer) -> None:
    reader, writer = await asyncio.open_connection(*server.address)
    writer.write(b'{"method":"refuse"}\n{"method":"echo"}\n{"id":2,"method":"echo","params":{"n":1}}\n')
    assert json.loads(await asyncio.wait_for(reader.readline(), 20))["id"] == 2
    writer.close()


async def test_notifications_arrive_in_order(client: LinkClient) -> None:
    seen: list[int] = []
    done = asyncio.Event()

    async def news(params: dict[str, Any]) -> None:
        seen.append(params["n"])
        if len(seen) == 3:
            done.set()

    client.on("news", news)
    await client.call("subscribe", {})
    await asyncio.wait_for(done.wait(), 20)
    assert seen == [0, 1, 2]


async def test_a_line_that_is_too_long_is_refused_with_a_reason(client: LinkClient) -> None:
    with pytest.raises(LinkError, match="at most 1048576 bytes"):
        await client.call("echo", {"text": "x" * MAX_LINE})
    await client.wait_connected()
    assert await client.call("echo", {"n": 1}) == {"n": 1}


async def test_an_answer_may_be_longer_than_a_request(server: LinkServer, client: LinkClient) -> None:
    async def repeat(_session: LinkSession, params: dict[str, Any]) -> Any:
        return params["text"] * params["times"]

    server.method("repeat", repeat)
    assert len(await client.call("repeat", {"text": "x" * 1000, "times": 5000})) == 5_000_000


async def test_a_client_connects_again_and_subscribes_again(
    ctx: Context, server: LinkServer, client: LinkClient
) -> None:
    connected = asyncio.Event()

    async def subscribe() -> None:
        connected.set()

    client.on_connect(subscribe)
    for session in list(server.sessions):
        session.close()
    await asyncio.wait_for(connected.wait(), 20)
    assert await client.call("echo", {"back": True}) == {"back": True}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"no json\n", -32700),
        (b"\xff\xff\n", -32700),
        (b'{"id":1}\n', -32600),
        (b"[1,2]\n", -32600),
        (b'{"id":1,"method":"nothing"}\n', -32601),
    ],
)
async def test_a_bad_line_is_answered_and_the_link_goes_on(
    server: LinkServer, line: bytes, code: int
) -> None:
    reader, writer = await asyncio.open_connection(*server.address)
    writer.write(line)
    assert json.loads(await reader.readline())["error"]["code"] == code
    writer.write(b'{"id":2,"method":"echo","params":{"typed":"by hand"}}\n')
    assert json.loads(await reader.readline())["result"] == {"typed": "by hand"}
    writer.close()


async def test_who_sends_torn_lines_without_end_is_sent_away_and_others_are_not_held_up(
    server: LinkServer, client: LinkClient
) -> None:
    reader, writer = await asyncio.open_connection(*server.address)
    writer.write(b'torn"\n' * 100_000)
    with suppress(ConnectionResetError):
        assert (await asyncio.wait_for(reader.read(), 20)).count(b"\n") == 101
    assert await client.call("echo", {"a": 1}) == {"a": 1}
    writer.close()


class TestStrangers:
    """Who comes from elsewhere and does not say hello."""

    @pytest.fixture
    async def closed(self, ctx: Context) -> AsyncIterator[LinkServer]:
        running = LinkServer(ctx, "link", trust_loopback=False)
        await running.start()
        yield running
        await running.stop()

    async def test_a_long_line_of_theirs_is_not_read(self, closed: LinkServer) -> None:
        reader, writer = await asyncio.open_connection(*closed.address)
        writer.write(b"x" * 70_000)
        with suppress(ConnectionResetError):
            assert b"at most 65536 bytes" in await asyncio.wait_for(reader.read(), 20)
        writer.close()

    async def test_those_who_keep_asking_are_sent_away(self, closed: LinkServer) -> None:
        reader, writer = await asyncio.open_connection(*closed.address)
        writer.write(b'{"id":1,"method":"subscribe"}\n' * 1000)
        with suppress(ConnectionResetError):
            assert (await asyncio.wait_for(reader.read(), 20)).count(b"say hello") == 101
        writer.close()

    async def test_the_silent_are_sent_away_and_the_trusted_stay(
        self, closed: LinkServer, ctx: Context, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        known = LinkClient(ctx, "rq", "link", connection="voice-30", address=closed.address)
        await known.start()
        await known.wait_connected()
        closed._too_late(*closed.sessions)  # its time is over, too
        monkeypatch.setattr(link, "_HELLO_S", 0.05)
        reader, writer = await asyncio.open_connection(*closed.address)
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()
        assert known.connected and len(closed.sessions) == 1

    async def test_of_many_the_oldest_makes_room(
        self, closed: LinkServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(link, "_MOST_STRANGERS", 2)
        opened = [await asyncio.open_connection(*closed.address) for _ in range(3)]
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(opened[0][0].read(), 20) == b""
        for reader, writer in opened[1:]:
            writer.write(b'{"id":1,"method":"hello","params":{}}\n')
            assert b"service" in await asyncio.wait_for(reader.readline(), 20)
        for _, writer in opened:
            writer.close()


async def test_a_line_without_end_closes_its_own_link_only(server: LinkServer, client: LinkClient) -> None:
    reader, writer = await asyncio.open_connection(*server.address)
    writer.write(b"x" * (2 * 1024 * 1024))
    with suppress(ConnectionResetError):
        assert b"at most 1048576 bytes" in await asyncio.wait_for(reader.read(), 20)
    assert await client.call("echo", {"a": 1}) == {"a": 1}
    writer.close()


async def test_an_answer_that_does_not_come_is_unavailable(ctx: Context, server: LinkServer) -> None:
    async def sleepy(_session: LinkSession, _params: dict[str, Any]) -> Any:
        await asyncio.Event().wait()

    server.method("sleepy", sleepy)
    client = LinkClient(ctx, "rq", "link", address=server.address)
    await client.start()
    with pytest.raises(LinkUnavailable):
        await client.call("sleepy", {}, timeout=0.1)


async def test_a_request_that_waits_does_not_hold_up_those_that_may_go_beside_it(
    server: LinkServer, client: LinkClient
) -> None:
    begun: list[int] = []
    go = asyncio.Event()

    async def slow(_session: LinkSession, params: dict[str, Any]) -> Any:
        begun.append(params["n"])
        if params["n"] < 3:
            await go.wait()
        return params

    server.method("slow", slow, side_by_side=True)
    waiting = [asyncio.create_task(client.call("slow", {"n": n})) for n in range(4)]
    assert await waiting.pop() == {"n": 3}
    assert begun == [0, 1, 2, 3]
    assert not any(task.done() for task in waiting)
    go.set()
    assert await asyncio.gather(*waiting) == [{"n": 0}, {"n": 1}, {"n": 2}]


async def test_notifications_come_in_portions_between_which_others_have_their_turn(
    ctx: Context, server: LinkServer, client: LinkClient
) -> None:
    seen = 0
    most = 0

    async def news(_params: dict[str, Any]) -> None:
        nonlocal seen
        seen += 1

    client.on("news", news)
    (session,) = server.sessions
    for n in range(500):
        session.notify("news", {"n": n})
    async with asyncio.timeout(20):
        while seen < 500:
            before = seen
            await asyncio.sleep(0)
            most = max(most, seen - before)
    assert 0 < most <= 50


async def test_requests_behind_one_another_are_taken_together_and_each_has_its_answer(
    server: LinkServer, client: LinkClient
) -> None:
    taken: list[int] = []

    async def double(_session: LinkSession, params: list[msgspec.Raw]) -> list[Any]:
        taken.append(len(params))
        numbers = [json.loads(bytes(each))["n"] for each in params]
        return [LinkError(17, "an odd one") if n % 2 else {"n": 2 * n} for n in numbers]

    server.together("double", double)
    calls = [client.call("double" if n < 120 else "echo", {"n": n}) for n in range(121)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [answer["n"] for answer in answers[::2] if isinstance(answer, dict)] == [
        *range(0, 240, 4),
        120,
    ]
    assert {str(answer) for answer in answers[1::2]} == {str(LinkError(17, "an odd one"))}
    assert sum(taken) == 120
    assert 3 <= len(taken) < 20


async def test_what_fails_for_all_is_an_answer_to_each(server: LinkServer, client: LinkClient) -> None:
    async def fail(_session: LinkSession, _params: list[msgspec.Raw]) -> list[Any]:
        raise ConnectionError("the store is away")

    server.together("fail", fail)
    answers = await asyncio.gather(*(client.call("fail", {}) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in answers] == [LinkUnavailable] * 3
