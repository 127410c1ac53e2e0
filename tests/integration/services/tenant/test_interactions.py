"""An interaction server shares agents with the calls, over rq, the tenant's links and Valkey."""

import asyncio
from typing import Any

from ringback.contracts.routing import RouteResult
from ringback.testing.interaction_server import InteractionServer

from .test_tenant_routing import Floor, floor

__all__ = ["floor"]
QUEUE, TARGET = "Loans", "lee.A"


async def given(server: InteractionServer, name: str, **more: Any) -> RouteResult:
    await server.submit(name, "chat", QUEUE, TARGET, **more)
    return await server.offer()


async def test_chats_and_calls_share_an_agent_by_the_rule(floor: Floor) -> None:
    async with floor.tenant_here() as tenant:
        server = InteractionServer(floor.ctx, "demo")
        await server.start()
        assert await server.agents("chat") == ["lee"]
        await floor.login("kim", "1001")
        await floor.login("lee", "1002")
        first = await given(server, "one")
        assert (first.agent_id, first.media) == ("lee", "chat")
        assert (await server.status("one")).state == "reserved"
        await server.accept(first)
        second = await given(server, "two")
        await server.reject(second)
        again = await server.offer()
        assert (again.agent_id, again.seq > second.seq) == ("lee", True)
        await server.accept(again)
        await server.submit("three", "chat", QUEUE, TARGET)
        assert (await server.status("three")).state == "waiting"
        await floor.submit("call", 100.0, target="lee.A")
        call = await floor.result("reserved")
        while call.media != "voice":
            call = await floor.result("reserved")
        assert call.agent_id == "lee"
        await server.end(first)
        await server.end(again)
        await floor.call("EventRinging", "c-call", "lee")
        await floor.until_agent("lee", "ringing")
        assert (await server.status("three")).state == "waiting"
        await floor.call("EventEstablished", "c-call", "lee")
        await floor.call("EventReleased", "c-call", "lee")
        third = await server.offer()
        assert third.request_id == "ixn-three"
        assert await server.cancel("ixn-three")
        async with asyncio.timeout(20):
            while (await tenant.leaders["demo"].sessions.load("lee")).work:
                await asyncio.sleep(0.01)
        assert (await server.status("nothing")).state == "unknown"


async def test_a_router_that_begins_anew_knows_what_chats_are_reserved(floor: Floor) -> None:
    server = InteractionServer(floor.ctx, "demo")
    async with floor.tenant_here():
        await server.start()
        await floor.login("lee", "1002")
        offer = await given(server, "one")
    async with floor.tenant_here() as tenant:
        router = tenant.leaders["demo"].router
        assert router is not None
        assert router.core.interactions["ixn-one"].agent == "lee"
        assert router.core.pool.agents["lee"].load == {"chat": 1}
        await server.accept(offer)
        await floor.until_routing(waiting=0)
