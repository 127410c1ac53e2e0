"""A node in a directory, on a real Valkey."""

import asyncio

import msgspec
import pytest

from ringback.runtime import presence as module
from ringback.runtime.context import Context
from ringback.runtime.directory import list_nodes
from ringback.runtime.presence import Presence
from ringback.runtime.valkey import ValkeyUnavailable


class Node(msgspec.Struct):
    calls: int


async def comes(ctx: Context, wanted: dict[str, Node]) -> None:
    async with asyncio.timeout(20):
        while await list_nodes(ctx.valkey, "test", Node) != wanted:
            await asyncio.sleep(0.02)


async def test_a_node_is_found_as_it_is_now_until_it_leaves(ctx: Context) -> None:
    node = Node(1)
    presence = Presence(ctx, "test", lambda: node, ttl_s=0.3, every_s=0.05, connection="voice-41")
    await presence.begin()
    assert await list_nodes(ctx.valkey, "test", Node) == {"n1": Node(1)}
    node.calls = 2
    await comes(ctx, {"n1": Node(2)})
    await presence.leave()
    assert await list_nodes(ctx.valkey, "test", Node) == {}


async def test_a_node_that_was_away_looks_after_itself_before_it_is_found_again(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[dict[str, Node]] = []

    async def prepare(was_away: bool) -> None:
        if was_away:
            looked.append(await list_nodes(ctx.valkey, "test", Node))

    told: list[Node] = []

    def entry() -> Node:
        told.append(Node(1))
        return told[-1]

    async def away(*_: object) -> None:
        raise ValkeyUnavailable("away")

    presence = Presence(ctx, "test", entry, ttl_s=0.2, every_s=0.02)
    presence.prepare = prepare
    with monkeypatch.context() as patched:
        patched.setattr(module, "announce", away)
        await presence.begin()
        assert await list_nodes(ctx.valkey, "test", Node) == {}
        assert looked == []
        async with asyncio.timeout(20):
            while len(looked) < 2:
                await asyncio.sleep(0.01)
    await comes(ctx, {"n1": Node(1)})
    number = len(looked)
    assert looked == [{}] * number
    told.clear()
    async with asyncio.timeout(20):
        while len(told) < 3:
            await asyncio.sleep(0.01)
    assert len(looked) == number  # once it is back it stays
    await presence.leave()
