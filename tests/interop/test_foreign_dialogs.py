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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ringback.contracts.sip import Binding, bindings_key
from ringback.domain.configuration import Configuration, Extension, Tenant, digest_hashes
from ringback.services.sip_cluster.snapshot import LegSession
from ringback.sip import Request, response_to
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.exchange import ServerTransaction
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import ValkeyForTests, run_host

from .conftest import no_calls, signalling

pytestmark = pytest.mark.timeout(150)
HOST, PHONES = run_host(94), run_host(95)
DOMAIN, SECRET = "demo.example", "a secret of telephones"
SCRIPT = Path(__file__).parents[1] / "pjsip" / "phones.py"
LIMIT_S = 30.0
_METHOD = re.compile(rb"[A-Z]+")


def extension(dn: str) -> Extension:
    md5, sha256 = digest_hashes(dn, DOMAIN, SECRET)
    return Extension(id=dn, ha1_md5=md5, ha1_sha256=sha256)


CONFIGURATION = Configuration(
    tenant=Tenant(id="demo", domain=DOMAIN),
    dns=tuple(extension(dn) for dn in ("1001", "1002", "1003", "1004")),
)


class Seen:
    """The requests that the node has had and sent."""

    def __init__(self, harness: ServiceHarness) -> None:
        self.methods: Counter[str] = Counter()
        endpoint = harness["sip_cluster"]._endpoint  # type: ignore[attr-defined]
        self._traced = endpoint._trace
        # Not its listener: `ringback sip trace` takes that away once a second.
        endpoint._trace = self._message

    def _message(self, direction: str, data: bytes, peer: object) -> None:
        self._traced(direction, data, peer)
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
    """Three PJSIP telephones; call it with a word of `pjsip/phones.py`."""
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


async def test_pjsip_hears_an_announcement_and_talks_to_who_answers(
    platform: ServiceHarness, pjsip: Callable[[str], Awaitable[None]]
) -> None:
    """RFC 3261 12.1, 13.2.1: each description has a dialog of its own, and so has the answer."""
    async with announcing(platform) as asked:
        await pjsip("announced")
        bye = await asyncio.wait_for(asked.get(), LIMIT_S)
        assert bye.method == "BYE"
    await no_calls(platform)


@asynccontextmanager
async def announcing(platform: ServiceHarness) -> AsyncIterator[asyncio.Queue[Request]]:
    """1004 plays something from one place, then from another, and answers at a third; what it is asked."""
    asked: asyncio.Queue[Request] = asyncio.Queue()

    def request(tx: ServerTransaction, request: Request) -> None:
        if not tx.can_respond:
            return
        if request.method != "INVITE":
            asked.put_nowait(request)
            tx.reply(200)
            return
        contact = [("Contact", f"<sip:1004@{PHONES}:{port}>")]
        for place, status in enumerate((183, 183, 200)):
            said = response_to(request, status, to_tag=tx.to_tag, headers=contact, body=described(place))
            if status < 200:
                tx.respond(said)
            else:
                tx.accept(said)

    endpoint = SipEndpoint(request)
    _, port = await endpoint.listen_udp(PHONES)
    row = Binding(contact=f"sip:1004@{PHONES}:{port}", expires_at=4e9)
    await platform.process.valkey.call("HSET", bindings_key("demo", "1004"), "1", msgspec.json.encode(row))
    yield asked
    await endpoint.close()


def described(place: int) -> bytes:
    head = f"v=0\r\no=x 1 1 IN IP4 {PHONES}\r\ns=x\r\nc=IN IP4 {PHONES}\r\nt=0 0\r\n"
    return f"{head}m=audio {7000 + 2 * place} RTP/AVP 0\r\n".encode()


async def test_pjsip_joins_calls_at_two_nodes_and_outlives_one(
    platform: ServiceHarness, pjsip: Callable[[str], Awaitable[None]], valkey: ValkeyForTests
) -> None:
    """RFC 5589 7, RFC 3891: what is said later in a dialog finds the node that has the call now.

    A node that dies is not waited for: sip_proxy says that it is silent, and its call is taken over at once.
    """
    one: Any = platform["sip_cluster"]
    await pjsip("call")
    async with second_node(platform, valkey) as two:
        await pjsip("consult")
        assert (len(one._driver.calls), len(two._driver.calls)) == (1, 1)
        seen = Seen(platform)
        await pjsip("attended")
        await talking(platform, "1001", "1003")
        assert not two._driver.calls
        await pjsip("third_holds")
        await acknowledged(one)
        await pjsip("leave")
        assert seen.methods["in BYE"] >= 1
        await no_calls(platform)

        for word in ("call", "consult", "attended"):
            await pjsip(word)
        assert (len(one._driver.calls), len(two._driver.calls)) == (0, 1)
        await drained(platform, False)
        await killed(two)
        await pjsip("leave")
        assert seen.methods["out BYE"] >= 1
        await no_calls(platform)


async def acknowledged(node: Any) -> None:
    """The ACK of each re-INVITE has found the node, though its route names another one (13.2.2.4)."""
    (live,) = node._driver.calls.values()
    async with asyncio.timeout(LIMIT_S):
        while any(leg.unacked for leg in live.legs.values()):
            await asyncio.sleep(0.01)
    assert not any(leg.over for leg in live.legs.values())


async def killed(node: Any) -> None:
    """It is gone, though the directory still has it: its lease has not ended."""
    await node.ctx.cancel_tasks()
    node._driver.let_go()
    await node._endpoint.close()


async def drained(platform: ServiceHarness, draining: bool) -> None:
    """The node of the platform takes new calls, or does not, and sip_proxy knows."""
    one: Any = platform["sip_cluster"]
    one._incoming.draining = draining
    await one._presence.tell()
    proxy: Any = platform["sip_proxy"]
    await proxy._core.directory.refresh()


@asynccontextmanager
async def second_node(platform: ServiceHarness, valkey: ValkeyForTests) -> AsyncIterator[Any]:
    """Another node of sip_cluster, to which all new calls go."""
    ports = {"RINGBACK_SIP_CLUSTER_SIP_PORT": "0", "RINGBACK_SIP_CLUSTER_PORT": "0"}
    async with ServiceHarness(
        "sip_cluster", valkey_url=valkey.url, host=HOST, node="two", env=ports
    ) as harness:
        two = harness["sip_cluster"]
        async with asyncio.timeout(LIMIT_S):
            while not two.checks()["configuration"]:
                await asyncio.sleep(0.02)
        await drained(platform, True)
        yield two
    await drained(platform, False)


async def refreshed(platform: ServiceHarness) -> None:
    """RFC 4028 10: both legs have a timer; where we refresh, PJSIP takes it."""
    service: Any = platform["sip_cluster"]
    (live,) = service._driver.calls.values()
    assert all(leg.session is not None for leg in live.legs.values())
    ours = [leg for leg in live.legs.values() if leg.session.refreshes]
    for leg in ours:
        service._outgoing.sessions._due(live, leg)
        guard = leg.session_timer
        async with asyncio.timeout(20):
            while leg.session_timer is guard:
                await asyncio.sleep(0.02)
        assert leg.session is not None
    assert ours


@dataclass
class Baresip:
    """Three telephones in one runtime; 100rel is required."""

    agents: dict[str, Any]
    rings: dict[str, asyncio.Queue[Any]] = field(default_factory=dict)

    async def talk(self, who: str, to: str) -> tuple[Any, Any]:
        call = await self.agents[who].dial(f"sip:{to}@{DOMAIN}")
        incoming = await self.rung(to)
        await call.wait_established(LIMIT_S)
        return call, incoming

    async def rung(self, who: str) -> Any:
        """It answers."""
        incoming = await asyncio.wait_for(self.rings[who].get(), LIMIT_S)
        await patiently(incoming.answer)
        return incoming


@pytest.fixture
async def baresip(platform: ServiceHarness) -> AsyncIterator[Baresip]:
    module = pytest.importorskip("baresip", reason="the baresip-python wheel is not installed")
    runtime = module.Runtime()
    await runtime.start(
        module.Config(net_interface="127.0.0.1", audio_driver="aumem", max_concurrent_calls=8)
    )
    try:
        phones = Baresip({dn: await agent(module, runtime, dn) for dn in ("1001", "1002", "1003")})
        for dn, each in phones.agents.items():
            phones.rings[dn] = asyncio.Queue()
            each.on_incoming(phones.rings[dn].put_nowait)
        yield phones
        for each in phones.agents.values():
            await each.unregister(timeout=LIMIT_S)
    finally:
        await runtime.close()


async def agent(module: Any, runtime: Any, dn: str) -> Any:
    account = module.Account(
        dn,
        DOMAIN,
        SECRET,
        registrar=f"{HOST}:5060",
        reg_interval=60,
        extra_params=("100rel=required",),
    )
    found = await module.UserAgent.create(runtime, account)
    await found.register(timeout=LIMIT_S)
    return found


async def patiently(act: Callable[[], Awaitable[None]]) -> None:
    """baresip does not resume before the ACK of its hold is out, nor answer before it has seen the PRACK."""
    from baresip.errors import BaresipError

    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                await act()
                return
            except BaresipError:
                await asyncio.sleep(0.02)


async def test_baresip_holds_and_transfers(platform: ServiceHarness, baresip: Baresip) -> None:
    """RFC 3262 (required both ways), 3264 8.4, 3311, 3515, 3891."""
    seen = Seen(platform)
    first, second = await baresip.talk("1001", "1002")
    assert seen.methods["in PRACK"] >= 1 and seen.methods["out PRACK"] >= 1
    await updated(platform)
    assert seen.methods["out UPDATE"] == 2
    await first.hold()
    await patiently(first.resume)
    going = asyncio.ensure_future(second.transfer(f"sip:1003@{DOMAIN}"))
    await baresip.rung("1003")
    await asyncio.wait_for(going, LIMIT_S)
    await seen.wait(1, "out BYE", "in BYE")  # who has transferred may say it first
    assert seen.methods["in REFER"] == 1
    await first.hangup()
    await no_calls(platform)

    first, second = await baresip.talk("1001", "1002")
    asking, third = await baresip.talk("1002", "1003")
    await asyncio.wait_for(second.attended_transfer(asking), LIMIT_S)
    assert seen.methods["in REFER"] == 2
    await talking(platform, "1001", "1003")
    await third.hangup()
    await no_calls(platform)


async def talking(platform: ServiceHarness, *dns: str) -> None:
    """There is one call, and these are in it."""
    service: Any = platform["sip_cluster"]

    def parties() -> list[set[str]]:
        calls = [live.call.data.legs.values() for live in service._driver.calls.values()]
        return [{leg.dn for leg in legs if leg.state == "up" and leg.dn} for legs in calls]

    async with asyncio.timeout(LIMIT_S):
        while parties() != [set(dns)]:
            await asyncio.sleep(0.02)


async def updated(platform: ServiceHarness) -> None:
    """RFC 3311 5.2: baresip takes our UPDATE in both roles, though it knows nothing of session timers."""
    service: Any = platform["sip_cluster"]
    (live,) = service._driver.calls.values()
    for leg in live.legs.values():
        leg.session = LegSession(1800, refreshes=True, by_update=True)
        service._outgoing.sessions._due(live, leg)
    async with asyncio.timeout(20):
        while any(leg.session is not None for leg in live.legs.values()):
            await asyncio.sleep(0.02)
