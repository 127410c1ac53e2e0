"""The frontend against scripted cluster nodes: HTTP servers that note what they are asked."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
from aiohttp import web

from ringback.contracts.calls import owner_key
from ringback.contracts.telephony import (
    ClusterNode,
    RequestAgentReady,
    RequestClearCall,
    RequestMakeCall,
    RequestReply,
    TelephonyRequest,
)
from ringback.runtime.directory import announce, withdraw
from ringback.runtime.http import CLUSTER_HEADER, HttpClient, HttpFailure
from ringback.runtime.outbox import OUTBOX
from ringback.testing.platform import SECRET, ServiceHarness
from ringback.testing.servers import private_host

HOST = private_host()
MAKE = RequestMakeCall(tenant="demo", this_dn="8000", other_dn="+12025550123", idempotency_key="k")
CLEAR = RequestClearCall(tenant="demo", conn_id="00000000000000aa", reference_id="c")


class Node:
    """A cluster node that answers as the test wants."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[object] = []
        self.status = 202
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        assert request.headers[CLUSTER_HEADER] == SECRET
        self.asked.append(msgspec.json.decode(await request.read(), type=TelephonyRequest))
        reply = RequestReply(reference_id="c", conn_id="00000000000000aa", node=self.name)
        body = (
            msgspec.json.encode(reply) if self.status == 202 else b'{"error":"invalid_state","message":"no"}'
        )
        return web.Response(status=self.status, body=body, content_type="application/json")


class World:
    def __init__(self, harness: ServiceHarness) -> None:
        self.harness = harness
        self.client = HttpClient(harness.context("tenant"), "frontend", connection="voice-31")

    async def stand(self, node: Node, *, calls: int = 0, draining: bool = False) -> None:
        """Put the node into the directory."""
        entry = ClusterNode(
            node=node.name, http=node.url, sip_host=HOST, sip_port=1, calls=calls, draining=draining
        )
        await announce(self.harness.process.valkey, "sip_cluster", node.name, entry, 30)

    async def own(self, node: str) -> None:
        await self.harness.process.valkey.call("SET", owner_key("demo", CLEAR.conn_id), node)

    async def ask(self, request: object) -> RequestReply:
        return await self.client.post("/requests", request, RequestReply)


@asynccontextmanager
async def running(*nodes: Node) -> AsyncIterator[None]:
    runners = []
    for node in nodes:
        app = web.Application()
        app.router.add_post("/requests", node.serve)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, HOST, 0).start()
        node.url = f"http://{HOST}:{runner.addresses[0][1]}"
        runners.append(runner)
    yield
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def world(valkey_url: str) -> AsyncIterator[World]:
    env = {"RINGBACK_FRONTEND_DIRECTORY_TTL_S": "0"}
    async with ServiceHarness("frontend", valkey_url=valkey_url, host=HOST, node="f", env=env) as harness:
        yield World(harness)


async def test_a_request_goes_to_the_node_that_owns_the_call(world: World) -> None:
    one, two = Node("one"), Node("two")
    async with running(one, two):
        await world.stand(one)
        await world.stand(two)
        await world.own("two")
        assert (await world.ask(CLEAR)).node == "two"
        assert (one.asked, two.asked) == ([], [CLEAR])


async def test_a_new_call_goes_to_the_least_loaded_node_that_does_not_drain(world: World) -> None:
    busy, free, leaving = Node("busy"), Node("free"), Node("leaving")
    async with running(busy, free, leaving):
        await world.stand(busy, calls=7)
        await world.stand(free, calls=3)
        await world.stand(leaving, draining=True)
        assert (await world.ask(MAKE)).node == "free"


async def test_a_new_call_that_a_node_refuses_goes_to_the_next(world: World) -> None:
    full, free = Node("full"), Node("free")
    full.status = 503
    async with running(full, free):
        await world.stand(full)
        await world.stand(free, calls=3)
        assert (await world.ask(MAKE)).node == "free"


async def test_a_dead_owner_makes_way_for_a_node_that_takes_the_call_over(world: World) -> None:
    heir = Node("heir")
    async with running(heir):
        await world.stand(heir)
        await world.own("dead")
        assert (await world.ask(CLEAR)).node == "heir"


async def test_while_the_owner_is_silent_but_announced_the_asker_shall_try_again(world: World) -> None:
    silent, other = Node("silent"), Node("other")
    other.status = 404
    async with running(other):
        silent.url = f"http://{HOST}:1"
        await world.stand(silent)
        await world.stand(other)
        await world.own("silent")
        keyed = msgspec.structs.replace(CLEAR, idempotency_key="k")
        with pytest.raises(HttpFailure) as refused:
            await world.ask(keyed)
        assert (refused.value.status, refused.value.slug) == (503, "node_away")


@pytest.mark.parametrize(
    ("prepare", "status", "slug"),
    [
        (lambda node: setattr(node, "status", 409), 409, "invalid_state"),
        (lambda node: setattr(node, "status", 404), 404, "invalid_state"),
    ],
)
async def test_the_owners_refusal_is_passed_on(
    world: World, prepare: Callable[[Node], None], status: int, slug: str
) -> None:
    one = Node("one")
    prepare(one)
    async with running(one):
        await world.stand(one)
        await world.own("one")
        with pytest.raises(HttpFailure) as refused:
            await world.ask(CLEAR)
        assert (refused.value.status, refused.value.slug) == (status, slug)


async def test_without_a_call_404_and_without_nodes_503(world: World) -> None:
    with pytest.raises(HttpFailure) as unknown:
        await world.ask(CLEAR)
    assert unknown.value.status == 404
    with pytest.raises(HttpFailure) as nobody:
        await world.ask(MAKE)
    assert (nobody.value.status, nobody.value.slug) == (503, "no_node")


async def test_an_agents_request_goes_to_agent_state(world: World) -> None:
    with pytest.raises(HttpFailure) as away:
        await world.ask(RequestAgentReady(tenant="demo", agent_id="anna"))
    assert (away.value.status, away.value.slug) == (503, "agent_state_away")


@pytest.mark.parametrize("body", [b"{", b'{"Request":"RequestDance"}', b'{"Request":"RequestClearCall"}'])
async def test_what_is_no_request_is_400(world: World, body: bytes) -> None:
    with pytest.raises(HttpFailure) as refused:
        await world.client.request("POST", "/requests", body)
    assert refused.value.status == 400


async def test_a_node_that_has_left_is_not_asked(world: World) -> None:
    one, two = Node("one"), Node("two")
    async with running(one, two):
        await world.stand(one)
        await world.stand(two, calls=1)
        await withdraw(world.harness.process.valkey, "sip_cluster", "one")
        assert (await world.ask(MAKE)).node == "two"


async def test_each_request_is_reported(valkey_url: str) -> None:
    """The outbox holds what goes to Kafka; here no broker takes it away."""
    async with ServiceHarness(
        "frontend", valkey_url=valkey_url, host=HOST, kafka_bootstrap=f"{HOST}:1"
    ) as harness:
        world = World(harness)
        with pytest.raises(HttpFailure):
            await world.ask(CLEAR)
        rows: list[object] = []
        while not rows:
            rows = await harness.process.valkey.call("XRANGE", OUTBOX, "-", "+")
        fields = dict(zip(rows[0][1][::2], rows[0][1][1::2], strict=True))  # type: ignore[index]
        assert fields[b"topic"] == b"voice-sipfe"
        report = msgspec.json.decode(fields[b"value"])
        assert (report["id"], report["Status"], report["ConnID"]) == ("RequestClearCall", 404, CLEAR.conn_id)
