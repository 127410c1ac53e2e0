"""RFC 3263 over a real name server on loopback."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ringback.sip.locate import Question
from ringback.sip.resolver import DnsUnavailable, Resolver
from ringback.sip.uri import SipUri
from ringback.testing.dns_server import DnsServer
from ringback.testing.servers import run_host

URI = SipUri.parse("sip:example.test")
ZONE = {
    ("example.test", "NAPTR"): ['10 10 "s" "SIP+D2T" "" _sip._tcp.example.test.'],
    ("_sip._tcp.example.test", "SRV"): ["10 0 5070 a.example.test.", "20 0 5080 b.example.test."],
    ("a.example.test", "A"): ["192.0.2.1"],
    ("a.example.test", "AAAA"): ["2001:db8::1"],
    ("b.example.test", "A"): ["192.0.2.2"],
}
FOUND = ["tcp:2001:db8::1:5070", "tcp:192.0.2.1:5070", "tcp:192.0.2.2:5080"]


class Clock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
async def server() -> AsyncIterator[DnsServer]:
    made = DnsServer(ZONE)
    await made.start(run_host(90))
    yield made
    await made.stop()


@pytest.fixture
async def clock() -> Clock:
    return Clock()


@pytest.fixture
async def resolver(server: DnsServer, clock: Clock, tmp_path: Path) -> AsyncIterator[Resolver]:
    made = Resolver([server.name], now=clock, timeout_s=10.0, hosts=tmp_path / "hosts")
    yield made
    await made.close()


def falls_silent(server: DnsServer, resolver: Resolver) -> None:
    """Nothing is answered any more; only then it is not long that an answer is waited for."""
    server.silent, resolver._timeout_s = True, 0.3


async def found(resolver: Resolver, uri: SipUri = URI) -> list[str]:
    return [str(item) for item in await resolver.locate(uri)]


async def test_naptr_srv_and_addresses_are_asked_for_and_kept_for_their_time(
    server: DnsServer, resolver: Resolver, clock: Clock
) -> None:
    assert await found(resolver) == FOUND
    asked = resolver.asked
    clock.time += 29.0
    assert await found(resolver) == FOUND
    assert resolver.asked == asked
    clock.time += 32.0
    server.zone["a.example.test", "A"] = ["192.0.2.7"]
    assert "tcp:192.0.2.7:5070" in await found(resolver)


async def test_an_answer_too_long_for_udp_is_asked_for_over_tcp(
    server: DnsServer, resolver: Resolver
) -> None:
    server.truncates = True
    assert await found(resolver) == FOUND


async def test_one_question_for_all_who_wait_and_a_silent_name_holds_up_nobody_else(
    server: DnsServer, resolver: Resolver
) -> None:
    await asyncio.gather(*(found(resolver) for _ in range(20)))
    assert server.asked["example.test", "NAPTR"] == 1
    falls_silent(server, resolver)
    waiting = asyncio.ensure_future(found(resolver, SipUri.parse("sip:silent.test")))
    assert await found(resolver) == FOUND
    assert not waiting.done()
    with pytest.raises(DnsUnavailable):
        await waiting


async def test_rfc8767_silent_servers_leave_what_they_said_last(
    server: DnsServer, resolver: Resolver, clock: Clock
) -> None:
    await found(resolver)
    falls_silent(server, resolver)
    clock.time += 3600.0
    assert await found(resolver) == FOUND
    server.silent, resolver._timeout_s = False, 10.0
    clock.time += 3.0
    server.zone["b.example.test", "A"] = ["192.0.2.8"]
    assert (await found(resolver))[-1] == "tcp:192.0.2.8:5080"


async def test_a_name_that_is_not_there_has_no_targets_and_is_not_asked_for_again(
    server: DnsServer, resolver: Resolver
) -> None:
    nowhere = SipUri.parse("sip:nowhere.test")
    assert await found(resolver, nowhere) == []
    asked = resolver.asked
    assert await found(resolver, nowhere) == []
    assert resolver.asked == asked


async def test_the_hosts_file_comes_first(resolver: Resolver, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("192.0.2.50 sbc.example.test sbc # ours\n")
    assert await resolver.ask(Question("SBC", "A")) == ["192.0.2.50"]
