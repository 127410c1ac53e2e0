"""Points are summed over all proxies: who spreads tries over many of them is banned by the sum."""

from collections.abc import AsyncIterator

import pytest

from ringback.runtime.valkey import Valkey
from ringback.services.sip_proxy import points as module
from ringback.services.sip_proxy.bans import BanRules, Offence
from ringback.services.sip_proxy.points import KEY, SharedPoints
from ringback.sip.transport import Source

RULES = BanRules(points=20.0, window_s=60.0, first_s=60.0, longest_s=1000.0)
SCANNER = Source("udp", "192.0.2.7", 5060)
PHONE = Source("udp", "192.0.2.8", 5060)


@pytest.fixture
async def valkey(valkey_url: str) -> AsyncIterator[Valkey]:
    valkey = Valkey(valkey_url, name="points")
    await valkey.start()
    yield valkey
    await valkey.stop()


def add(points: SharedPoints, source: Source, times: int) -> None:
    for _ in range(times):
        points.add(source, Offence.PASSWORD)


async def test_the_sum_of_three_proxies_bans_and_one_of_them_is_told(valkey: Valkey) -> None:
    proxies = [SharedPoints(valkey, RULES) for _ in range(3)]
    for proxy in proxies:
        add(proxy, SCANNER, 4)
        add(proxy, PHONE, 1)
    told = [await proxy.flush() for proxy in proxies]
    assert told == [[], [], [(SCANNER, Offence.PASSWORD)]]
    assert await valkey.call("ZRANGE", KEY, 0, -1) == [PHONE.host.encode()]
    assert [await proxy.flush() for proxy in proxies] == [[], [], []]  # nothing is sent twice


async def test_a_source_that_proved_itself_at_one_proxy_begins_anew_at_all(valkey: Valkey) -> None:
    one, other = SharedPoints(valkey, RULES), SharedPoints(valkey, RULES)
    add(one, PHONE, 9)
    await one.flush()
    other.forget(PHONE.host)
    await other.flush()
    add(one, PHONE, 9)
    assert await one.flush() == []


async def test_points_fade_and_the_set_expires(valkey: Valkey) -> None:
    points = SharedPoints(valkey, RULES)
    add(points, SCANNER, 9)
    await points.flush()
    seconds, _ = await valkey.call("TIME")
    left = float(await valkey.call("ZSCORE", KEY, SCANNER.host)) - float(seconds)
    assert 53.0 < left < 56.0  # 18 of 20 points in 60 s
    assert 0 < await valkey.call("TTL", KEY) <= 60
    await valkey.call("ZADD", KEY, float(seconds) - 1.0, SCANNER.host)
    add(points, SCANNER, 9)
    assert await points.flush() == []


async def test_a_flood_from_made_up_addresses_leaves_the_worst(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_SOURCES", 50)
    monkeypatch.setattr(module, "_BATCH", 20)
    points = SharedPoints(valkey, RULES)
    add(points, SCANNER, 5)
    for number in range(100):
        points.add(Source("udp", f"198.51.100.{number}", 5060), Offence.GARBAGE)
    await points.flush()
    assert await valkey.call("ZCARD", KEY) == 50
    points.add(Source("udp", "203.0.113.1", 5060), Offence.STRANGER)
    await points.flush()
    assert await valkey.call("ZCARD", KEY) == 50
    assert await valkey.call("ZSCORE", KEY, SCANNER.host) is not None
