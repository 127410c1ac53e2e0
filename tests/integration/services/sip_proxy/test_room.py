"""Limits of trunks and tenants over all proxies: counted in Valkey, given back when a proxy dies."""

from collections import Counter
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ringback.runtime.valkey import Valkey, ValkeyUnavailable
from ringback.services.sip_proxy.room import Limit, Room

LIMIT = Limit("demo", "carrier", 3, 0.0)


@pytest.fixture
async def valkey(valkey_url: str) -> AsyncIterator[Valkey]:
    valkey = Valkey(valkey_url, name="room")
    await valkey.start()
    yield valkey
    await valkey.stop()


class Proxy:
    """One that counts its calls and asks for room as `Edge` does."""

    def __init__(self, valkey: Any, node: str) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self.warnings: list[str] = []
        log = SimpleNamespace(warning=lambda word, **_: self.warnings.append(word))
        ctx = SimpleNamespace(valkey=valkey, node=node, log=log)
        self.room = Room(cast(Any, ctx), lambda tenant, trunk: self.calls[tenant, trunk])

    async def begin(self, limit: Limit = LIMIT) -> int:
        key = limit.tenant, limit.trunk
        self.calls[key] += 1
        wait = await self.room.claim(limit)
        self.calls[key] -= bool(wait)
        return wait


async def test_two_proxies_have_no_more_calls_than_the_trunk_takes(valkey: Valkey) -> None:
    one, other = Proxy(valkey, "p1"), Proxy(valkey, "p2")
    assert [await proxy.begin() for proxy in (one, other, one)] == [0, 0, 0]
    assert [await proxy.begin() for proxy in (one, other)] == [5, 5]
    one.calls["demo", "carrier"] -= 1
    await one.room.tell()
    assert await other.begin() == 0
    assert await one.begin() == 5


async def test_the_calls_of_a_killed_proxy_are_given_back(valkey: Valkey) -> None:
    killed, living = Proxy(valkey, "p1"), Proxy(valkey, "p2")
    assert [await killed.begin() for _ in range(3)] == [0, 0, 0]
    assert await living.begin() == 5
    await valkey.call("HSET", LIMIT.key, "p1", "3 1000.0")  # its lease has run out
    assert await living.begin() == 0
    assert await valkey.call("HGET", LIMIT.key, "p1") is None


async def test_a_proxy_that_lives_keeps_its_calls_and_forgets_what_has_none(valkey: Valkey) -> None:
    proxy = Proxy(valkey, "p1")
    await proxy.begin()
    await valkey.call("HSET", LIMIT.key, "p1", "1 1000.0")
    await proxy.room.tell()
    count, till = (await valkey.call("HGET", LIMIT.key, "p1")).split()
    assert count == b"1"
    assert 3.0 < float(till) - float((await valkey.call("TIME"))[0]) < 7.0
    proxy.calls.clear()
    await proxy.room.tell()
    assert await valkey.call("EXISTS", LIMIT.key) == 0
    await proxy.room.tell()
    assert await valkey.call("EXISTS", LIMIT.key) == 0


async def test_a_call_that_went_over_to_another_trunk_counts_there(valkey: Valkey) -> None:
    one, other = Proxy(valkey, "p1"), Proxy(valkey, "p2")
    one.calls["demo", "carrier"] = 3
    await one.room.tell()
    assert await valkey.call("EXISTS", LIMIT.key) == 0  # nobody would know
    one.room.follow("demo", "carrier")
    await one.room.tell()
    assert await other.begin() == 5


async def test_new_calls_of_all_proxies_begin_no_faster_than_the_rate(valkey: Valkey) -> None:
    limit = Limit("demo", "", 0, 0.02)  # one in 50 s
    one, other = Proxy(valkey, "p1"), Proxy(valkey, "p2")
    assert await one.begin(limit) == 0
    assert 45 <= await other.begin(limit) <= 50
    assert await one.begin(Limit("other", "", 0, 0.02)) == 0


async def test_while_valkey_is_away_each_proxy_goes_by_its_own_count() -> None:
    class Away:
        async def script(self, *_: object) -> object:
            raise ValkeyUnavailable("away")

    proxy = Proxy(Away(), "p1")
    assert await proxy.begin() == 0
    await proxy.room.tell()
    assert proxy.warnings == ["limits_not_shared"]
