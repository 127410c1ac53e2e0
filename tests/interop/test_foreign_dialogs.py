"""What telephones of others do inside a dialog: hold, re-INVITE, UPDATE, PRACK, transfers, session timers.

PJSIP plays three telephones, baresip two; both are wheels. sip_proxy, registrar, sip_cluster and media are
real.
"""

import asyncio
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ringback.domain.configuration import Configuration, Extension, Tenant, digest_hashes
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import ValkeyForTests, run_host

from .conftest import no_calls, signalling

pytestmark = pytest.mark.timeout(90)
HOST, PHONES = run_host(94), run_host(95)
DOMAIN, SECRET = "demo.example", "a secret of telephones"
SCRIPT = Path(__file__).with_name("pjsip_phones.py")
LIMIT_S = 12.0
_METHOD = re.compile(rb"[A-Z]+")


def extension(dn: str) -> Extension:
    md5, sha256 = digest_hashes(dn, DOMAIN, SECRET)
    return Extension(id=dn, ha1_md5=md5, ha1_sha256=sha256)


CONFIGURATION = Configuration(
    tenant=Tenant(id="demo", domain=DOMAIN), dns=tuple(extension(dn) for dn in ("1001", "1002", "1003"))
)


class Seen:
    """The requests that the node has had and sent."""

    def __init__(self, harness: ServiceHarness) -> None:
        self.methods: Counter[str] = Counter()
        harness["sip_cluster"]._endpoint.listener = self._message  # type: ignore[attr-defined]

    def _message(self, direction: str, data: bytes, _peer: object) -> None:
        method = _METHOD.match(data)
        if method is not None and not data.startswith(b"SIP/2.0"):
            self.methods[f"{direction} {method[0].decode()}"] += 1

    async def wait(self, number: int, *names: str) -> None:
        """Until there have been so many of these."""
        async with asyncio.timeout(LIMIT_S):
            while sum(self.methods[name] for name in names) < number:
                await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
async def platform(valkey: ValkeyForTests) -> AsyncIterator[ServiceHarness]:
    async with signalling(valkey, HOST, CONFIGURATION, "registrar", "media") as harness:
        yield harness


@pytest.fixture
async def pjsip(platform: ServiceHarness) -> AsyncIterator[Callable[[str], Awaitable[None]]]:
    """Three PJSIP telephones; call it with a word of `pjsip_phones.Phones`."""
    pytest.importorskip("pjsua2", reason="the pjsua2-python wheel is not installed")
    pipe = asyncio.subprocess.PIPE
    arguments = (str(SCRIPT), PHONES, HOST, DOMAIN, SECRET)
    child = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=pipe, stdout=pipe)
    assert child.stdin is not None
    assert child.stdout is not None
    writer, reader = child.stdin, child.stdout

    async def does(word: str) -> None:
        writer.write(f"{word}\n".encode())
        said = b""
        async with asyncio.timeout(LIMIT_S):
            while not said.startswith((b"done", b"late")):
                said = await reader.readline()
                assert said, f"the telephones are gone ({word})"
        assert said.decode().strip() == f"done {word}"

    await does("register")
    yield does
    writer.write(b"\n")
    try:
        await asyncio.wait_for(child.wait(), LIMIT_S)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def test_pjsip_telephones_hold_update_and_transfer(
    platform: ServiceHarness, pjsip: Callable[[str], Awaitable[None]]
) -> None:
    """RFC 3262 (required), 3264 8.4, 3311, 4028, 3515, 3891: nothing but their own words."""
    seen = Seen(platform)
    await pjsip("call")
    await seen.wait(1, "in PRACK")
    await refreshed(platform)
    for word in ("hold", "retrieve", "update", "blind", "leave"):
        await pjsip(word)
    assert seen.methods["in UPDATE"] >= 1
    assert seen.methods["in REFER"] == 1
    await seen.wait(2, "out NOTIFY")
    await no_calls(platform)
    for word in ("call", "consult", "attended", "leave"):
        await pjsip(word)
    assert seen.methods["in REFER"] == 2
    await no_calls(platform)


async def test_pjsip_joins_calls_at_two_nodes(
    platform: ServiceHarness, pjsip: Callable[[str], Awaitable[None]], valkey: ValkeyForTests
) -> None:
    """RFC 5589 7, RFC 3891: what is said later in a dialog finds the node that has the call now."""
    one: Any = platform["sip_cluster"]
    await pjsip("call")
    async with second_node(platform, valkey) as two:
        await pjsip("consult")
        assert (len(one._driver.calls), len(two._driver.calls)) == (1, 1)
        seen = Seen(platform)
        await pjsip("attended")
        assert (len(one._driver.calls), len(two._driver.calls)) == (1, 0)
        await pjsip("leave")
        assert seen.methods["in BYE"] >= 1
        await no_calls(platform)


@asynccontextmanager
async def second_node(platform: ServiceHarness, valkey: ValkeyForTests) -> AsyncIterator[Any]:
    """Another node of sip_cluster, to which all new calls go."""
    one: Any = platform["sip_cluster"]
    proxy: Any = platform["sip_proxy"]
    ports = {"RINGBACK_SIP_CLUSTER_SIP_PORT": "0", "RINGBACK_SIP_CLUSTER_PORT": "0"}
    async with ServiceHarness(
        "sip_cluster", valkey_url=valkey.url, host=HOST, node="two", env=ports
    ) as harness:
        two = harness["sip_cluster"]
        async with asyncio.timeout(LIMIT_S):
            while not two.checks()["configuration"]:
                await asyncio.sleep(0.02)
        one._incoming.draining = True
        await one._announce()
        await proxy._core.directory.refresh()
        yield two
        one._incoming.draining = False
        await one._announce()
    await proxy._core.directory.refresh()


async def refreshed(platform: ServiceHarness) -> None:
    """RFC 4028 10: both legs have a timer; where we refresh, PJSIP takes it."""
    service: Any = platform["sip_cluster"]
    (live,) = service._driver.calls.values()
    assert all(leg.session is not None for leg in live.legs.values())
    ours = [leg for leg in live.legs.values() if leg.session.refreshes]
    for leg in ours:
        service._outgoing.sessions._due(live, leg)
        guard = leg.session_timer
        async with asyncio.timeout(5):
            while leg.session_timer is guard:
                await asyncio.sleep(0.02)
        assert leg.session is not None
    assert ours


async def test_baresip_holds_and_transfers(platform: ServiceHarness) -> None:
    """RFC 3264 8.4, 3515, 3891."""
    baresip = pytest.importorskip("baresip", reason="the baresip-python wheel is not installed")
    runtime = baresip.Runtime()
    await runtime.start(
        baresip.Config(net_interface="127.0.0.1", audio_driver="aumem", max_concurrent_calls=8)
    )
    try:
        agents = {dn: await agent(baresip, runtime, dn) for dn in ("1001", "1002", "1003")}
        await holds_and_gives_away(platform, agents)
        for each in agents.values():
            await each.unregister(timeout=LIMIT_S)
    finally:
        await runtime.close()


async def agent(baresip: Any, runtime: Any, dn: str) -> Any:
    account = baresip.Account(dn, DOMAIN, SECRET, registrar=f"{HOST}:5060", reg_interval=60)
    found = await baresip.UserAgent.create(runtime, account)
    await found.register(timeout=LIMIT_S)
    return found


async def resumed(call: Any) -> None:
    """baresip refuses to ask again before it has seen the ACK of its hold go out."""
    from baresip.errors import BaresipError

    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                await call.resume()
                return
            except BaresipError:
                await asyncio.sleep(0.02)


async def holds_and_gives_away(platform: ServiceHarness, agents: dict[str, Any]) -> None:
    rings: dict[str, asyncio.Queue[Any]] = {dn: asyncio.Queue() for dn in agents}
    for dn, each in agents.items():
        each.on_incoming(rings[dn].put_nowait)

    async def talk(who: str, to: str) -> tuple[Any, Any]:
        call = await agents[who].dial(f"sip:{to}@{DOMAIN}")
        incoming = await asyncio.wait_for(rings[to].get(), LIMIT_S)
        await incoming.answer()
        await call.wait_established(LIMIT_S)
        return call, incoming

    seen = Seen(platform)
    first, second = await talk("1001", "1002")
    await first.hold()
    await resumed(first)
    going = asyncio.ensure_future(second.transfer(f"sip:1003@{DOMAIN}"))
    third = await asyncio.wait_for(rings["1003"].get(), LIMIT_S)
    await third.answer()
    await asyncio.wait_for(going, LIMIT_S)
    await seen.wait(1, "out BYE", "in BYE")  # who has transferred may say it first
    assert seen.methods["in REFER"] == 1
    await first.hangup()
    await no_calls(platform)
